//! user-service: HTTP, answers the page of one user from the auth-service and the profile-db.

mod auth;
mod profiles;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header::AUTHORIZATION},
    response::{IntoResponse, Response},
    routing::get,
};
use clap::Parser;
use serde_json::json;
use user_service_example::{call_stats::CallStats, run};

use auth::{AuthClient, AuthError};
use profiles::ProfileClient;

/// Answers GET /users/{id} (bearer token required), GET /healthz and GET /stats.
#[derive(Parser)]
#[command(name = "user-service")]
struct Arguments {
    /// Address to listen on; port 0 takes any free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Where the authority `auth-service` is reached: the service itself or a proxy.
    #[arg(long, value_name = "ADDRESS")]
    auth: SocketAddr,
    /// Where the authority `profile-db` is reached: the service itself or a proxy.
    #[arg(long, value_name = "ADDRESS")]
    profile_db: SocketAddr,
    /// Longest wait for one try of an auth check; a check that times out is not tried again.
    #[arg(long, default_value = "200ms", value_parser = humantime::parse_duration)]
    auth_timeout: Duration,
    /// Longest wait for the profile; after it the page is answered without.
    #[arg(long, default_value = "150ms", value_parser = humantime::parse_duration)]
    profile_timeout: Duration,
    /// How many more times an auth check is tried after UNAVAILABLE.
    #[arg(long, value_name = "N", default_value_t = 1)]
    auth_retries: u32,
}

/// The stats, shared by everything that counts.
#[derive(Default)]
struct Counters(Mutex<CallStats>);

impl Counters {
    fn count<T>(&self, update: impl FnOnce(&mut CallStats) -> T) -> T {
        update(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

struct UserService {
    auth: AuthClient,
    profiles: ProfileClient,
    counters: Arc<Counters>,
}

/// The page needs a valid token, but not the profile: 401 without the one, `"profile": null` without
/// the other. Whether the token is valid cannot be guessed, so a silent auth-service is a 503.
async fn user_page(
    State(service): State<Arc<UserService>>,
    Path(id): Path<u64>,
    headers: HeaderMap,
) -> Response {
    let request_id = headers.get("x-request-id").and_then(|id| id.to_str().ok()).unwrap_or("none");
    let Some(token) = bearer_token(&headers) else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    match service.auth.check(token, request_id).await {
        Ok(()) => (),
        Err(AuthError::Denied) => return StatusCode::UNAUTHORIZED.into_response(),
        Err(AuthError::NoAnswer) => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
    match service.profiles.get(id, request_id).await {
        Ok(Some(profile)) => Json(json!({"user": id, "profile": profile})).into_response(),
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(_) => {
            service.counters.count(|stats| stats.pages_without_profile += 1);
            Json(json!({"user": id, "profile": null})).into_response()
        }
    }
}

fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let counters = Arc::new(Counters::default());
    let service = Arc::new(UserService {
        auth: AuthClient::new(
            arguments.auth,
            arguments.auth_timeout,
            arguments.auth_retries,
            Arc::clone(&counters),
        )?,
        profiles: ProfileClient::new(arguments.profile_db, arguments.profile_timeout, Arc::clone(&counters)),
        counters: Arc::clone(&counters),
    });
    let app = Router::new()
        .route("/users/{id}", get(user_page))
        .with_state(service)
        .route("/stats", get(async move || Json(counters.count(|stats| *stats))))
        .route("/healthz", get(async || "ok"));
    run::serve("user-service", arguments.listen, app).await?;
    Ok(())
}
