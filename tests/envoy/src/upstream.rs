//! An HTTP upstream that says what it received. It speaks HTTP/1.1 and HTTP/2 (prior knowledge) on one port.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use serde_json::{Map, Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::Result;

type ResponseBody = BoxBody<Bytes, Infallible>;

/// The largest body that `/size/N` gives: 64 MiB.
pub const MAX_SIZE: usize = 64 << 20;

/// A running upstream; dropping it closes every connection.
///
/// | path | answer |
/// |---|---|
/// | `/size/N` | N bytes (at most [`MAX_SIZE`]) |
/// | `/sleep/MS` | `slept`, after MS milliseconds (at most 60,000) |
/// | `/status/CODE` | this status, body `status` |
/// | `/echo` | the request's body as it came |
/// | `/events/N/MS` | N server-sent events `data: 0`, `data: 1` ..., one every MS milliseconds; with 0 all in one piece |
/// | `/frames/N` | N gRPC messages of one byte, in one piece, without trailers |
/// | `/trailers/N` | body `with trailers` and the trailer `grpc-status: N` |
/// | `/trailers` | body `with trailers` and the trailer `x-trailer: sent` |
/// | any other | JSON: `method`, `path` (with query), `version`, `headers` (name to list), `body_bytes`, `body` (text, if at most 64 KiB) |
#[derive(Debug)]
pub struct HttpUpstream {
    address: SocketAddr,
    counts: Arc<Counts>,
    acceptor: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Counts {
    connections: AtomicU64,
    requests: AtomicU64,
    body_bytes: AtomicU64,
    at_once: AtomicU64,
    most_at_once: AtomicU64,
}

/// A request that is being answered.
struct InHand<'c>(&'c Counts);

impl<'c> InHand<'c> {
    fn new(counts: &'c Counts) -> Self {
        let now = counts.at_once.fetch_add(1, Ordering::Relaxed) + 1;
        counts.most_at_once.fetch_max(now, Ordering::Relaxed);
        Self(counts)
    }
}

impl Drop for InHand<'_> {
    fn drop(&mut self) {
        self.0.at_once.fetch_sub(1, Ordering::Relaxed);
    }
}

impl HttpUpstream {
    /// Binds a free port and serves on the current runtime.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let counts = Arc::new(Counts::default());
        let acceptor = tokio::spawn(accept(listener, Arc::clone(&counts)));
        Ok(Self { address, counts, acceptor })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// How many requests it has begun to read.
    pub fn requests(&self) -> u64 {
        self.counts.requests.load(Ordering::Relaxed)
    }

    /// How many bytes of request bodies it has read.
    pub fn body_bytes(&self) -> u64 {
        self.counts.body_bytes.load(Ordering::Relaxed)
    }

    /// The most requests that it has had in hand at the same time since the last look at this number.
    pub fn take_most_at_once(&self) -> u64 {
        self.counts.most_at_once.swap(0, Ordering::Relaxed)
    }

    /// How many connections it has accepted.
    pub fn connections(&self) -> u64 {
        self.counts.connections.load(Ordering::Relaxed)
    }
}

impl Drop for HttpUpstream {
    fn drop(&mut self) {
        self.acceptor.abort();
    }
}

/// The set of connections belongs to this future, so that ending it ends them.
async fn accept(listener: TcpListener, counts: Arc<Counts>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // A failed accept is the client's loss (it left, or files ran out); the next one may do.
                let Ok((stream, _)) = accepted else { continue };
                counts.connections.fetch_add(1, Ordering::Relaxed);
                connections.spawn(serve(stream, Arc::clone(&counts)));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(stream: TcpStream, counts: Arc<Counts>) {
    // Without it, answers may wait for the peer's delayed acknowledgement.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let counts = Arc::clone(&counts);
        async move { Ok::<_, Infallible>(answer(request, &counts).await) }
    });
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http2().max_concurrent_streams(10_000);
    // A client that leaves in the middle ends the connection with an error; that is no failure of the upstream.
    let _ = server.serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(request: Request<Incoming>, counts: &Counts) -> Response<ResponseBody> {
    counts.requests.fetch_add(1, Ordering::Relaxed);
    let _in_hand = InHand::new(counts);
    let (head, body) = request.into_parts();
    let Some(body) = read(body, counts).await else {
        return reply(StatusCode::BAD_REQUEST, "the body was cut");
    };
    let mut parts = head.uri.path().trim_start_matches('/').split('/');
    match (parts.next().unwrap_or_default(), parts.next().and_then(|number| number.parse::<usize>().ok())) {
        ("size", Some(size)) => reply(StatusCode::OK, vec![b'x'; size.min(MAX_SIZE)]),
        ("sleep", Some(milliseconds)) => {
            tokio::time::sleep(Duration::from_millis(milliseconds.min(60_000) as u64)).await;
            reply(StatusCode::OK, "slept")
        }
        ("status", Some(code)) => {
            let status = u16::try_from(code).ok().and_then(|code| StatusCode::from_u16(code).ok());
            reply(status.unwrap_or(StatusCode::BAD_REQUEST), "status")
        }
        ("echo", None) => reply(StatusCode::OK, body),
        ("events", Some(count)) => {
            events(count, parts.next().and_then(|pause| pause.parse().ok()).unwrap_or(0))
        }
        ("frames", Some(count)) => {
            let messages = [0, 0, 0, 0, 1, b'x'].repeat(count);
            typed(reply(StatusCode::OK, messages), "application/grpc")
        }
        ("trailers", Some(status)) => with_trailer("grpc-status", &status.to_string()),
        ("trailers", None) => with_trailer("x-trailer", "sent"),
        _ => described(&head, &body),
    }
}

async fn read(mut body: Incoming, counts: &Counts) -> Option<Bytes> {
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.ok()?.into_data() {
            counts.body_bytes.fetch_add(data.len() as u64, Ordering::Relaxed);
            whole.extend_from_slice(&data);
        }
    }
    Some(whole.into())
}

fn reply(status: StatusCode, body: impl Into<Bytes>) -> Response<ResponseBody> {
    let mut response = Response::new(Full::new(body.into()).boxed());
    *response.status_mut() = status;
    response
}

fn typed(mut response: Response<ResponseBody>, content_type: &'static str) -> Response<ResponseBody> {
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn events(count: usize, pause_ms: u64) -> Response<ResponseBody> {
    let event = |number: usize| Bytes::from(format!("data: {number}\n\n"));
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    tokio::spawn(async move {
        if pause_ms == 0 {
            let all: Vec<u8> = (0..count).flat_map(event).collect();
            return drop(sender.send(Ok(Frame::data(all.into()))).await);
        }
        for number in 0..count {
            tokio::time::sleep(Duration::from_millis(pause_ms)).await;
            // The client may have left.
            if sender.send(Ok(Frame::data(event(number)))).await.is_err() {
                return;
            }
        }
    });
    let body = StreamBody::new(tokio_stream::wrappers::ReceiverStream::new(receiver)).boxed();
    typed(Response::new(body), "text/event-stream")
}

fn with_trailer(name: &'static str, value: &str) -> Response<ResponseBody> {
    let value = HeaderValue::from_str(value).expect("digits and letters");
    let trailers = HeaderMap::from_iter([(header::HeaderName::from_static(name), value)]);
    let body =
        Full::new(Bytes::from_static(b"with trailers")).with_trailers(std::future::ready(Some(Ok(trailers))));
    Response::new(body.boxed())
}

fn described(head: &http::request::Parts, body: &Bytes) -> Response<ResponseBody> {
    let mut headers = Map::new();
    for (name, value) in &head.headers {
        let values = headers.entry(name.as_str()).or_insert_with(|| json!([]));
        if let Value::Array(values) = values {
            values.push(json!(String::from_utf8_lossy(value.as_bytes())));
        }
    }
    let description = json!({
        "method": head.method.as_str(),
        "path": head.uri.path_and_query().map(http::uri::PathAndQuery::as_str),
        "version": format!("{:?}", head.version),
        "headers": headers,
        "body_bytes": body.len(),
        "body": if body.len() <= 64 << 10 { json!(String::from_utf8_lossy(body)) } else { Value::Null },
    });
    typed(reply(StatusCode::OK, description.to_string()), "application/json")
}
