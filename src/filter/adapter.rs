//! The adapter between Envoy and the policy: it fetches the facts that the policy asks for and acts on its
//! verdicts. It decides nothing itself.
//!
//! Compiled for size. What every request passes is `#[inline]`, so that it is compiled with the package `squall`, for speed
//! (docs/decisions/0006-small-module.md). Natively the crate is empty, so that the workspace builds and tests as a whole: its
//! tests are those of the compiled module (`tests/wasm_host`) and of a real Envoy.

#![cfg(target_arch = "wasm32")]
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::unreachable
)]

mod accepted;
pub mod armed;
pub mod bell;
pub mod bells;
mod bodies;
mod callers;
mod caps;
mod configure;
mod ending;
pub mod engine;
pub mod events;
pub mod findings;
pub mod finish;
mod first;
mod flow;
mod gauges;
mod grpc;
pub mod handover;
mod health;
pub mod host;
mod ledger;
mod load;
mod looks;
mod marks;
mod messages;
pub mod mission;
mod mutate;
mod news;
pub mod node;
pub mod orders;
mod pressure;
pub mod record;
mod request_facts;
mod response;
pub mod root;
pub mod roots;
mod run;
mod scenario_stats;
mod shown;
mod slots;
mod stats;
pub mod stream;
mod waiting;
mod wake;
