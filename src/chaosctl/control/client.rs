//! Requests to one control listener, each on a connection of its own and with an end to its patience.

use super::address::Address;
use super::problem::Problem;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::{Method, Request, Response, body::Incoming, header};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Largest answer that is read, in bytes.
const LARGEST: usize = 1024 * 1024;

/// What a proxy answered.
#[derive(Clone, Debug)]
pub enum Answer {
    Done(Value),
    Refused(Problem),
    Failed(Failure),
}

/// Why there is no answer.
#[derive(Clone, Debug)]
pub struct Failure {
    pub why: String,
    /// Whether the proxy may have done it all the same.
    pub sent: bool,
}

/// One control listener.
#[derive(Clone, Debug)]
pub struct Client {
    pub address: Address,
    patience: Duration,
}

impl Client {
    pub fn new(address: Address, patience: Duration) -> Self {
        Self { address, patience }
    }

    /// The same with no more patience than this.
    #[must_use]
    pub fn hurried(&self, at_most: Duration) -> Self {
        Self { address: self.address.clone(), patience: self.patience.min(at_most) }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, Bytes::new()).await
    }

    /// Sends JSON.
    pub async fn post(&self, path: &str, body: Vec<u8>) -> Answer {
        self.send(Method::POST, path, Bytes::from(body)).await
    }

    async fn send(&self, method: Method, path: &str, body: Bytes) -> Answer {
        match self.fetch(method, path, body).await {
            Ok((status, body)) => read(status, &body),
            Err(failure) => Answer::Failed(failure),
        }
    }

    /// Whatever is answered: the status and the body.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn fetch(&self, method: Method, path: &str, body: Bytes) -> Result<(u16, Bytes), Failure> {
        let mut sent = false;
        let exchange = self.exchange(method, path, body, &mut sent);
        let late = || Err(format!("no answer within {}", humantime::format_duration(self.patience)));
        let result = tokio::time::timeout(self.patience, exchange).await.unwrap_or_else(|_| late());
        result.map_err(|why| Failure { why, sent })
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        sent: &mut bool,
    ) -> Result<(u16, Bytes), String> {
        let Address { host, port, authority, prefix } = &self.address;
        let stream = TcpStream::connect((host.as_str(), *port))
            .await
            .map_err(|error| format!("cannot be reached: {error}"))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| format!("speaks no HTTP: {error}"))?;
        // Ends with this exchange, also where that is given up.
        let mut tasks = JoinSet::new();
        tasks.spawn(connection);
        let request = Request::builder()
            .method(method.clone())
            .uri(format!("{prefix}{path}"))
            .header(header::HOST, authority)
            .header(header::ACCEPT, "application/json, application/problem+json")
            .header(header::USER_AGENT, concat!("chaosctl/", env!("CARGO_PKG_VERSION")));
        let request = if method == Method::POST {
            request.header(header::CONTENT_TYPE, "application/json")
        } else {
            request
        };
        let request = request.body(Full::new(body)).map_err(|error| format!("cannot be asked: {error}"))?;
        *sent = true;
        let response =
            sender.send_request(request).await.map_err(|error| format!("did not answer: {error}"))?;
        take(response).await
    }
}

async fn take(response: Response<Incoming>) -> Result<(u16, Bytes), String> {
    let status = response.status().as_u16();
    let body = Limited::new(response.into_body(), LARGEST).collect().await;
    let body = body.map_err(|error| format!("its answer ended early or has more than 1 MiB: {error}"))?;
    Ok((status, body.to_bytes()))
}

fn read(status: u16, body: &Bytes) -> Answer {
    let no_listener = |what: &str| {
        let why = format!("answers status {status} with {what}: this is no control listener of Squall");
        Answer::Failed(Failure { why, sent: true })
    };
    match serde_json::from_slice(body) {
        Ok(answer @ Value::Object(_)) if (200..300).contains(&status) => Answer::Done(answer),
        Ok(answer @ Value::Object(_)) => match Problem::read(status, answer) {
            Some(problem) => Answer::Refused(problem),
            None => no_listener("JSON that is no problem"),
        },
        Ok(_) => no_listener("other JSON"),
        Err(_) => no_listener("no JSON"),
    }
}
