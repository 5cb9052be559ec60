//! auth-service: gRPC, says whether a bearer token is valid.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Body, extract::State, http, routing::post};
use clap::Parser;
use tokio::time::sleep;
use tonic::{Code, Request, Response, Status, server::Grpc};
use tonic_prost::ProstCodec;
use user_service_example::{
    auth_api::{CHECK, CheckReply, CheckRequest, DEMO_TOKEN},
    run,
};

/// Checks bearer tokens over gRPC (auth.v1.Auth/Check).
#[derive(Parser)]
#[command(name = "auth-service")]
struct Arguments {
    /// Address to listen on; port 0 takes any free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// How long one check takes.
    #[arg(long, default_value = "500us", value_parser = humantime::parse_duration)]
    latency: Duration,
    /// Answer the first N checks with UNAVAILABLE, to try out a client's retries.
    #[arg(long, value_name = "N", default_value_t = 0)]
    unavailable_first: u64,
}

struct AuthService {
    latency: Duration,
    unavailable_first: u64,
    checks: AtomicU64,
}

impl AuthService {
    async fn check(&self, request: Request<CheckRequest>) -> Result<Response<CheckReply>, Status> {
        sleep(self.latency).await;
        if self.checks.fetch_add(1, Ordering::Relaxed) < self.unavailable_first {
            return Err(Status::new(Code::Unavailable, "the auth-service is starting"));
        }
        if request.get_ref().token != DEMO_TOKEN {
            return Err(Status::unauthenticated("unknown token"));
        }
        Ok(Response::new(CheckReply { subject: "demo".into() }))
    }
}

async fn handle_check(
    State(service): State<Arc<AuthService>>,
    request: http::Request<Body>,
) -> http::Response<Body> {
    let check = tower::service_fn(move |request| {
        let service = Arc::clone(&service);
        async move { service.check(request).await }
    });
    let codec = ProstCodec::<CheckReply, CheckRequest>::default();
    Grpc::new(codec).unary(check, request).await.map(Body::new)
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let Arguments { listen, latency, unavailable_first } = Arguments::parse();
    let service = AuthService { latency, unavailable_first, checks: AtomicU64::new(0) };
    let app = Router::new().route(CHECK, post(handle_check)).with_state(Arc::new(service));
    run::serve("auth-service", listen, app).await
}
