//! The control listener as Envoy loads it: HTTP in, answers out. What it may do is the policy's to say; the records that it
//! reads and writes are those of the filters of the same proxy (docs/decisions/0008-control-module.md).
//!
//! The way of a request to its answer is pure and tested natively; what calls the host is compiled for wasm alone.

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::unreachable
    )
)]

pub mod answer;
pub mod head;
pub mod origin;
pub mod page;
pub mod path;
pub mod problem;
pub mod route;
pub mod status;
pub mod verdict;
pub mod view;

#[cfg(target_arch = "wasm32")]
mod act;
#[cfg(target_arch = "wasm32")]
mod config;
#[cfg(target_arch = "wasm32")]
mod exports;
#[cfg(target_arch = "wasm32")]
mod look;
#[cfg(target_arch = "wasm32")]
mod orders;
#[cfg(target_arch = "wasm32")]
mod requests;
#[cfg(target_arch = "wasm32")]
mod server;
