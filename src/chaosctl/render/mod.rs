//! `render`: what Envoy and Istio read, made from a catalog and a mission.

pub mod plugin;
