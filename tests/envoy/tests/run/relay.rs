//! A network between chaosctl and a control listener that holds back whatever changes something.

use squall_envoy_tests::Envoy;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Drops what it holds when it is dropped.
pub struct Relay {
    pub url: String,
    state: Arc<watch::Sender<State>>,
    accepting: JoinHandle<()>,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Waiting,
    Holding,
    LetGo,
}

impl Relay {
    pub async fn to(envoy: &Envoy) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (state, target) = (Arc::new(watch::Sender::new(State::Waiting)), envoy.addr("control"));
        let shared = Arc::clone(&state);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(relay(client, target, Arc::clone(&shared)));
            }
        });
        Self { url, state, accepting }
    }

    /// Waits until it holds something.
    pub async fn holds(&self) {
        self.state.subscribe().wait_for(|state| *state == State::Holding).await.unwrap();
    }

    pub fn lets_go(&self) {
        self.state.send_replace(State::LetGo);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Each request of chaosctl comes whole and in a piece of its own.
async fn relay(client: TcpStream, target: SocketAddr, state: Arc<watch::Sender<State>>) {
    let (mut from, mut back) = client.into_split();
    let (mut answers, mut to) = TcpStream::connect(target).await.unwrap().into_split();
    tokio::spawn(async move { copy(&mut answers, &mut back).await });
    let mut bytes = vec![0; 1 << 16];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        if bytes.starts_with(b"POST ") && *state.borrow() != State::LetGo {
            state.send_replace(State::Holding);
            if state.subscribe().wait_for(|state| *state == State::LetGo).await.is_err() {
                return;
            }
        }
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}
