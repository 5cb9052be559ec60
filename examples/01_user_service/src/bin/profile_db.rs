//! profile-db: HTTP, answers the row of one user.

use std::{net::SocketAddr, time::Duration};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    routing::get,
};
use clap::Parser;
use serde_json::{Value, json};
use tokio::time::sleep;
use user_service_example::run;

/// Answers rows at GET /profiles/{id}, for ids from 1 to 1000.
#[derive(Parser)]
#[command(name = "profile-db")]
struct Arguments {
    /// Address to listen on; port 0 takes any free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// How long one query takes.
    #[arg(long, default_value = "2ms", value_parser = humantime::parse_duration)]
    latency: Duration,
}

const ROWS: std::ops::RangeInclusive<u64> = 1..=1000;
const PLANS: [&str; 3] = ["free", "team", "enterprise"];

async fn profile(State(latency): State<Duration>, Path(id): Path<u64>) -> Result<Json<Value>, StatusCode> {
    sleep(latency).await;
    if !ROWS.contains(&id) {
        return Err(StatusCode::NOT_FOUND);
    }
    let plan = PLANS[(id % 3) as usize];
    Ok(Json(json!({"id": id, "name": format!("User {id}"), "plan": plan})))
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let Arguments { listen, latency } = Arguments::parse();
    let app = Router::new().route("/profiles/{id}", get(profile)).with_state(latency);
    run::serve("profile-db", listen, app).await
}
