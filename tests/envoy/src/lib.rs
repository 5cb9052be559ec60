//! Runs a real Envoy on loopback: bootstraps, the process itself, upstreams, clients, load and the numbers they give.
//!
//! Everything binds a free port, has a deadline and dies with its owner, so tests may run side by side.
//!
//! ```no_run
//! use squall_envoy_tests::{Envoy, EnvoyConfig, HttpClient, HttpFilter, HttpUpstream};
//! # async fn example() -> squall_envoy_tests::Result<()> {
//! let upstream = HttpUpstream::start().await?;
//! let abort = HttpFilter::native_fault(serde_json::json!({
//!     "abort": {"http_status": 429, "percentage": {"numerator": 100}}
//! }));
//! let envoy = Envoy::start(EnvoyConfig::proxy(upstream.addr(), [abort])).await?;
//! let reply = HttpClient::http1(envoy.addr("ingress")).get("/users/7").await?;
//! assert_eq!((reply.status, upstream.requests()), (429, 0));
//! # Ok(()) }
//! ```

pub mod access_log;
pub mod bootstrap;
pub mod browser;
pub mod client;
pub mod envoy;
mod error;
pub mod experiment;
pub mod grpc;
pub mod load;
pub mod metrics;
pub mod otlp;
mod process;
pub mod prometheus;
pub mod stats;
pub mod terminal;
pub mod tools;
pub mod upstream;
mod wall_clock;

pub use access_log::AccessLogEntry;
pub use bootstrap::{Bootstrap, Cluster, EnvoyConfig, HttpFilter, Listener, Route, VirtualHost};
pub use browser::{Browser, Page, View};
pub use client::{HttpClient, Partial, Protocol, QUIET, Reply, raw_exchange, request};
pub use envoy::{ConfigUpdate, Envoy, EnvoyOptions};
pub use error::{Error, Result};
pub use experiment::Experiment;
pub use grpc::{EchoReply, EchoRequest, GrpcClient, GrpcUpstream};
pub use load::{Load, LoadReport, Sample};
pub use metrics::Metrics;
pub use otlp::OtlpReceiver;
pub use prometheus::{Job, Prometheus};
pub use stats::{FALSE_ALARM, Interval, assert_share, binomial_interval, eventually, percentile};
pub use terminal::Terminal;
pub use tools::{ChromiumBinary, EnvoyBinary, PrometheusTools, control_wasm, repo_root, squall_wasm};
pub use upstream::HttpUpstream;
pub use wall_clock::WallClock;
