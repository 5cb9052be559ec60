//! One client connection, and the task that drives it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::{Partial, Protocol, QUIET, Reply, RequestBody};
use crate::Result;

/// One connection, or (HTTP/2) one more handle to it.
pub(crate) struct Connection {
    sender: Sender,
    driver: Option<Driver>,
}

enum Sender {
    Http1(http1::SendRequest<RequestBody>),
    Http2(http2::SendRequest<RequestBody>),
}

/// Drives the connection; closes its socket when dropped.
struct Driver(JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr, protocol: Protocol) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let io = TokioIo::new(stream);
        // What ends the connection shows in the request that is under way on it.
        let (sender, driver) = match protocol {
            Protocol::Http1 => {
                let (sender, connection) = http1::handshake(io).await?;
                let driver = tokio::spawn(async move { drop(connection.await) });
                (Sender::Http1(sender), driver)
            }
            Protocol::Http2 => {
                let (sender, connection) = http2::Builder::new(TokioExecutor::new())
                    .initial_stream_window_size(1 << 20)
                    .initial_connection_window_size(16 << 20)
                    .handshake(io)
                    .await?;
                let driver = tokio::spawn(async move { drop(connection.await) });
                (Sender::Http2(sender), driver)
            }
        };
        Ok(Self { sender, driver: Some(Driver(driver)) })
    }

    /// A further handle to an HTTP/2 connection; it does not keep the connection alive.
    pub(crate) fn share(&self) -> Option<Self> {
        match &self.sender {
            Sender::Http1(_) => None,
            Sender::Http2(sender) => Some(Self { sender: Sender::Http2(sender.clone()), driver: None }),
        }
    }

    pub(super) fn owns_driver(&self) -> bool {
        self.driver.is_some()
    }

    pub(crate) fn is_closed(&self) -> bool {
        match &self.sender {
            Sender::Http1(sender) => sender.is_closed(),
            Sender::Http2(sender) => sender.is_closed(),
        }
    }

    /// Sends `request` and reads the whole response.
    pub(crate) async fn exchange(
        &mut self,
        request: Request<RequestBody>,
        address: SocketAddr,
    ) -> Result<Reply> {
        let start = Instant::now();
        let response = self.begin(request, address).await?;
        let head_after = start.elapsed();
        let (head, body) = response.into_parts();
        let collected = body.collect().await?;
        let trailers = collected.trailers().cloned();
        Ok(Reply {
            status: head.status.as_u16(),
            headers: head.headers,
            body: collected.to_bytes(),
            trailers,
            head_after,
            elapsed: start.elapsed(),
        })
    }

    /// Sends `request` and reads as much of the body as comes before it ends, is cut, or nothing comes for `quiet`.
    pub(crate) async fn exchange_until_cut(
        &mut self,
        request: Request<RequestBody>,
        address: SocketAddr,
        quiet: Duration,
    ) -> Result<Partial> {
        let (head, mut body) = self.begin(request, address).await?.into_parts();
        let mut read = Vec::new();
        let cut = loop {
            match tokio::time::timeout(quiet, body.frame()).await {
                Err(_) => break Some(QUIET.to_owned()),
                Ok(None) => break None,
                Ok(Some(Err(error))) => break Some(error.to_string()),
                Ok(Some(Ok(frame))) => read.extend(frame.into_data().unwrap_or_default()),
            }
        };
        Ok(Partial { status: head.status.as_u16(), body: read, cut })
    }

    async fn begin(
        &mut self,
        mut request: Request<RequestBody>,
        address: SocketAddr,
    ) -> Result<Response<Incoming>> {
        self.address_request(&mut request, address);
        Ok(match &mut self.sender {
            Sender::Http1(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
            Sender::Http2(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
        })
    }

    /// HTTP/1.1 wants a path and a host header, HTTP/2 an authority in the URI.
    fn address_request(&self, request: &mut Request<RequestBody>, address: SocketAddr) {
        use http::header::HOST;
        match self.sender {
            Sender::Http1(_) => {
                if !request.headers().contains_key(HOST) {
                    let host =
                        request.uri().authority().map_or_else(|| address.to_string(), ToString::to_string);
                    request
                        .headers_mut()
                        .insert(HOST, host.parse().expect("an authority is a valid header value"));
                }
            }
            Sender::Http2(_) if request.uri().authority().is_none() => {
                let host = request.headers_mut().remove(HOST);
                let authority = host
                    .and_then(|value| value.to_str().ok().map(str::to_owned))
                    .unwrap_or_else(|| address.to_string());
                let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
                *request.uri_mut() =
                    format!("http://{authority}{path}").parse().expect("an authority and a path make a URI");
            }
            Sender::Http2(_) => {}
        }
    }
}
