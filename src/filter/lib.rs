//! The module as Envoy loads it: the callbacks, and with them the way of a request that nobody matches. What they call is the
//! package `squall-adapter`, in the same folder.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::unreachable
)]

#[cfg(target_arch = "wasm32")]
mod exports;
