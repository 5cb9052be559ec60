//! How each service runs: listen, say so in one line, serve until SIGTERM or Ctrl-C.

use std::{io, net::SocketAddr, time::Duration};

use axum::{Router, serve::ListenerExt};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    time::sleep,
};

/// Requests that are still running this long after the signal are cut.
const GRACE: Duration = Duration::from_secs(1);

/// Serves `app` on `listen` (port 0: any free one) until SIGTERM or SIGINT.
///
/// Prints `NAME listening on ADDRESS` on standard output once connections are accepted.
///
/// # Errors
/// When the address cannot be bound.
pub async fn serve(name: &str, listen: SocketAddr, app: Router) -> io::Result<()> {
    let listener = TcpListener::bind(listen).await?;
    println!("{name} listening on {}", listener.local_addr()?);
    // A response that waits for Nagle's algorithm would look like an injected delay.
    let listener = listener.tap_io(|connection| {
        let _ = connection.set_nodelay(true);
    });
    tokio::select! {
        served = axum::serve(listener, app).with_graceful_shutdown(stop_signal()) => served,
        () = async { stop_signal().await; sleep(GRACE).await } => Ok(()),
    }
}

/// Resolves on the first SIGTERM or SIGINT.
pub async fn stop_signal() {
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await; // no handler: the signal ends the process
    };
    tokio::select! {
        _ = terminate.recv() => (),
        _ = interrupt.recv() => (),
    }
}
