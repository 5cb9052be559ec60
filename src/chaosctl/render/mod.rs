//! `render`: what Envoy and Istio read, made from a catalog and a mission.

mod control;
mod doubts;
pub mod envoy;
pub mod istio;
pub mod plugin;
pub mod stat_tags;
mod template;
mod tracing;
