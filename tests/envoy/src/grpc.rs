//! A real gRPC service and client (tonic): `squall.test.Echo` with a unary and a server-streaming method.
//!
//! The messages and the dispatch are written by hand, so that no protoc is needed.

use std::convert::Infallible;
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http::uri::PathAndQuery;
use tokio::task::JoinHandle;
use tokio_stream::StreamExt;
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::server::{NamedService, ServerStreamingService, UnaryService};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Code, Request, Response, Status};
use tonic_prost::ProstCodec;

use crate::Result;

/// What the client sends.
#[derive(Clone, PartialEq, prost::Message)]
pub struct EchoRequest {
    /// Comes back as it is.
    #[prost(string, tag = "1")]
    pub text: String,
    /// How many replies `Repeat` gives, at most 1,000.
    #[prost(uint32, tag = "2")]
    pub count: u32,
    /// How long the server waits before it answers, in milliseconds, at most 60,000.
    #[prost(uint32, tag = "3")]
    pub sleep_ms: u32,
    /// How long it waits before each reply of `Repeat`, in milliseconds, at most 60,000.
    #[prost(uint32, tag = "4")]
    pub every_ms: u32,
}

/// What the server answers.
#[derive(Clone, PartialEq, prost::Message)]
pub struct EchoReply {
    /// The text of the request.
    #[prost(string, tag = "1")]
    pub text: String,
    /// The position in the stream, from 0.
    #[prost(uint32, tag = "2")]
    pub index: u32,
}

const SAY: &str = "/squall.test.Echo/Say";
const REPEAT: &str = "/squall.test.Echo/Repeat";

/// A running gRPC server; dropping it stops it.
#[derive(Debug)]
pub struct GrpcUpstream {
    address: SocketAddr,
    calls: Arc<AtomicU64>,
    server: JoinHandle<()>,
}

impl GrpcUpstream {
    /// Binds a free port and serves on the current runtime.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start() -> Result<Self> {
        let incoming = TcpIncoming::bind((Ipv4Addr::LOCALHOST, 0).into())?.with_nodelay(Some(true));
        let address = incoming.local_addr()?;
        let calls = Arc::new(AtomicU64::new(0));
        let service = EchoService { calls: Arc::clone(&calls) };
        let server = tokio::spawn(async move {
            // It ends only when it is aborted.
            let _ = Server::builder().add_service(service).serve_with_incoming(incoming).await;
        });
        Ok(Self { address, calls, server })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// How many calls have reached it.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }
}

impl Drop for GrpcUpstream {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A tonic client of the echo service.
#[derive(Clone, Debug)]
pub struct GrpcClient {
    channel: tonic::client::Grpc<Channel>,
}

impl GrpcClient {
    /// Connects to `address` (an Envoy listener, or the server itself).
    ///
    /// # Errors
    /// When the connection is refused.
    pub async fn connect(address: SocketAddr) -> Result<Self> {
        let endpoint =
            Endpoint::from_shared(format!("http://{address}"))?.connect_timeout(Duration::from_secs(5));
        Ok(Self { channel: tonic::client::Grpc::new(endpoint.connect().await?) })
    }

    /// Calls the unary method. Set metadata or a timeout on `request`; a plain [`EchoRequest`] does as well.
    ///
    /// # Errors
    /// The status as a gRPC client sees it.
    pub async fn say(
        &self,
        request: impl tonic::IntoRequest<EchoRequest>,
    ) -> std::result::Result<Response<EchoReply>, Status> {
        let mut channel = self.ready().await?;
        channel.unary(request.into_request(), PathAndQuery::from_static(SAY), ProstCodec::default()).await
    }

    /// Calls the streaming method and collects all its replies.
    ///
    /// # Errors
    /// The status as a gRPC client sees it, before or in the middle of the stream.
    pub async fn repeat(
        &self,
        request: impl tonic::IntoRequest<EchoRequest>,
    ) -> std::result::Result<Vec<EchoReply>, Status> {
        self.stream(request).await?.collect().await
    }

    /// Calls the streaming method; its replies come one by one.
    ///
    /// # Errors
    /// The status as a gRPC client sees it, before the stream.
    pub async fn stream(
        &self,
        request: impl tonic::IntoRequest<EchoRequest>,
    ) -> std::result::Result<tonic::Streaming<EchoReply>, Status> {
        let mut channel = self.ready().await?;
        let path = PathAndQuery::from_static(REPEAT);
        let response = channel.server_streaming(request.into_request(), path, ProstCodec::default()).await?;
        Ok(response.into_inner())
    }

    async fn ready(&self) -> std::result::Result<tonic::client::Grpc<Channel>, Status> {
        let mut channel = self.channel.clone();
        channel.ready().await.map_err(|error| Status::new(Code::Unavailable, format!("channel: {error}")))?;
        Ok(channel)
    }
}

#[derive(Clone, Debug)]
struct EchoService {
    calls: Arc<AtomicU64>,
}

impl NamedService for EchoService {
    const NAME: &'static str = "squall.test.Echo";
}

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

impl Service<http::Request<Body>> for EchoService {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Boxed<std::result::Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<std::result::Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        self.calls.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            let mut grpc = tonic::server::Grpc::new(ProstCodec::default());
            Ok(match request.uri().path() {
                SAY => grpc.unary(Say, request).await,
                REPEAT => grpc.server_streaming(Repeat, request).await,
                other => Status::unimplemented(format!("no method {other}")).into_http(),
            })
        })
    }
}

struct Say;

impl UnaryService<EchoRequest> for Say {
    type Response = EchoReply;
    type Future = Boxed<std::result::Result<Response<EchoReply>, Status>>;

    fn call(&mut self, request: Request<EchoRequest>) -> Self::Future {
        Box::pin(async move {
            let request = request.into_inner();
            pause(request.sleep_ms).await;
            Ok(Response::new(EchoReply { text: request.text, index: 0 }))
        })
    }
}

struct Repeat;

impl ServerStreamingService<EchoRequest> for Repeat {
    type Response = EchoReply;
    type ResponseStream =
        Pin<Box<dyn tokio_stream::Stream<Item = std::result::Result<EchoReply, Status>> + Send>>;
    type Future = Boxed<std::result::Result<Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: Request<EchoRequest>) -> Self::Future {
        Box::pin(async move {
            let request = request.into_inner();
            pause(request.sleep_ms).await;
            let reply = |index| Ok(EchoReply { text: request.text.clone(), index });
            let replies: Vec<_> = (0..request.count.min(1_000)).map(reply).collect();
            let paced = tokio_stream::iter(replies).then(move |reply| async move {
                pause(request.every_ms).await;
                reply
            });
            Ok(Response::new(Box::pin(paced) as Self::ResponseStream))
        })
    }
}

async fn pause(milliseconds: u32) {
    if milliseconds > 0 {
        tokio::time::sleep(Duration::from_millis(milliseconds.min(60_000).into())).await;
    }
}
