//! HTTP clients: one that keeps connections (HTTP/1.1 or HTTP/2), and a raw one for bytes no client would send.
//!
//! Dropping a request's future is how a client leaves: the HTTP/1.1 connection closes, the HTTP/2 stream is reset.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

mod connection;

use crate::{Error, Result};

pub(crate) use connection::Connection;

/// The longest that an exchange may take unless [`HttpClient::deadline`] says otherwise.
pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(30);

/// Why a [`Partial`] ended that the client left.
pub const QUIET: &str = "nothing more came";

/// What a request carries; build other bodies with `http-body-util`.
pub type RequestBody = BoxBody<Bytes, Infallible>;

/// The version of HTTP that a client speaks, both without TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1, one request at a time on a connection.
    Http1,
    /// HTTP/2 with prior knowledge, many requests on one connection.
    Http2,
}

/// A whole response.
#[derive(Clone, Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Response headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
    /// Trailers; none when the response ended without a trailer block.
    pub trailers: Option<HeaderMap>,
    /// From sending the request to the response headers.
    pub head_after: Duration,
    /// From sending the request to the end of the response.
    pub elapsed: Duration,
}

/// A response as far as it came.
#[derive(Clone, Debug)]
pub struct Partial {
    /// HTTP status.
    pub status: u16,
    /// What of the body came.
    pub body: Vec<u8>,
    /// Why it ended before its end; `None` when it is whole.
    pub cut: Option<String>,
}

impl Reply {
    /// The body as text; what is not UTF-8 becomes U+FFFD.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; `Null` when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The first value of a header, when it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Builds a request: `path` with its query, header pairs, a body. Panics on an invalid method, path or header.
pub fn request(
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Request<RequestBody> {
    let mut builder = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(Full::new(body.into()).boxed()).expect("the test gives a valid method, path and headers")
}

/// A client of one address. HTTP/1.1 opens a connection whenever no idle one is left; HTTP/2 keeps to one connection.
pub struct HttpClient {
    address: SocketAddr,
    protocol: Protocol,
    deadline: Duration,
    idle: Mutex<Vec<Connection>>,
}

impl HttpClient {
    /// A client that speaks `protocol` to `address`; it connects when it first sends.
    pub fn new(address: SocketAddr, protocol: Protocol) -> Self {
        Self { address, protocol, deadline: DEFAULT_DEADLINE, idle: Mutex::new(Vec::new()) }
    }

    /// Where it sends to.
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// An HTTP/1.1 client.
    pub fn http1(address: SocketAddr) -> Self {
        Self::new(address, Protocol::Http1)
    }

    /// An HTTP/2 client.
    pub fn http2(address: SocketAddr) -> Self {
        Self::new(address, Protocol::Http2)
    }

    /// Replaces the longest time an exchange may take (default 30 s).
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Sends GET `path`.
    ///
    /// # Errors
    /// As [`HttpClient::send`].
    pub async fn get(&self, path: &str) -> Result<Reply> {
        self.get_with(path, &[]).await
    }

    /// Sends GET `path` with headers.
    ///
    /// # Errors
    /// As [`HttpClient::send`].
    pub async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Result<Reply> {
        self.send(request("GET", path, headers, Bytes::new())).await
    }

    /// Sends POST `path` with headers and a body.
    ///
    /// # Errors
    /// As [`HttpClient::send`].
    pub async fn post(&self, path: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Result<Reply> {
        self.send(request("POST", path, headers, body)).await
    }

    /// Sends any request and reads the whole response. `host` defaults to the address.
    ///
    /// # Errors
    /// [`Error::Deadline`], and [`Error::Http`] when the connection is refused or the stream is cut or reset.
    pub async fn send(&self, request: Request<RequestBody>) -> Result<Reply> {
        let what = format!("{} {}", request.method(), request.uri());
        let exchange = async {
            let mut connection = self.connection().await?;
            let reply = connection.exchange(request, self.address).await?;
            self.keep(connection);
            Ok(reply)
        };
        tokio::time::timeout(self.deadline, exchange)
            .await
            .unwrap_or(Err(Error::Deadline { what, limit: self.deadline }))
    }

    /// Sends GET `path` and reads as much of the body as comes before it ends or is cut.
    ///
    /// # Errors
    /// As [`HttpClient::send`] up to the response headers.
    pub async fn get_until_cut(&self, path: &str) -> Result<Partial> {
        self.get_until_quiet(path, self.deadline).await
    }

    /// The same, and it leaves when nothing has come for `quiet`: then [`Partial::cut`] is [`QUIET`].
    ///
    /// # Errors
    /// As [`HttpClient::send`] up to the response headers.
    pub async fn get_until_quiet(&self, path: &str, quiet: Duration) -> Result<Partial> {
        let exchange = async {
            let mut connection = Connection::open(self.address, self.protocol).await?;
            connection.exchange_until_cut(request("GET", path, &[], Bytes::new()), self.address, quiet).await
        };
        let missed = Error::Deadline { what: format!("GET {path}"), limit: self.deadline };
        tokio::time::timeout(self.deadline, exchange).await.unwrap_or(Err(missed))
    }

    async fn connection(&self) -> Result<Connection> {
        loop {
            let idle = self.idle.lock().expect("no holder panics").pop();
            match idle {
                None => break,
                Some(connection) if !connection.is_closed() => {
                    if let Some(shared) = connection.share() {
                        self.keep(connection);
                        return Ok(shared);
                    }
                    return Ok(connection);
                }
                Some(_closed) => {}
            }
        }
        let connection = Connection::open(self.address, self.protocol).await?;
        if let Some(shared) = connection.share() {
            self.keep(connection);
            return Ok(shared);
        }
        Ok(connection)
    }

    fn keep(&self, connection: Connection) {
        if connection.owns_driver() && !connection.is_closed() {
            self.idle.lock().expect("no holder panics").push(connection);
        }
    }
}

/// Writes `bytes` as they are and reads until the peer closes; send `connection: close`. At most 1 MiB and 10 s.
///
/// # Errors
/// [`Error::Deadline`] when the peer keeps the connection open, [`Error::Io`] when it resets it.
pub async fn raw_exchange(address: SocketAddr, bytes: &[u8]) -> Result<Vec<u8>> {
    let limit = Duration::from_secs(10);
    let exchange = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(bytes).await?;
        let mut answer = Vec::new();
        stream.take(1 << 20).read_to_end(&mut answer).await?;
        Ok(answer)
    };
    tokio::time::timeout(limit, exchange)
        .await
        .unwrap_or(Err(Error::Deadline { what: "the raw exchange".to_owned(), limit }))
}
