//! The requests that keep a mesh alive: probes, health checks, what the control plane scrapes. They are spared unless
//! a scenario says `allow_protected: true` (promise P7).

/// Whole paths, without query: probes of Kubernetes, readiness of Istio's proxy (15021), its metrics (15090).
const PATHS: [&str; 5] = ["/healthz", "/livez", "/readyz", "/healthz/ready", "/stats/prometheus"];
/// How the path of every call of gRPC's health service begins.
const GRPC_HEALTH: &str = "/grpc.health.v1.Health/";
/// How the user agent of a prober begins: the kubelet, Google's load balancers, Envoy's own health checks.
const AGENTS: [&str; 3] = ["kube-probe/", "GoogleHC/", "Envoy/HC"];

/// What protects a path without query.
pub fn path(path: &[u8]) -> Option<&'static str> {
    let whole = PATHS.into_iter().find(|known| known.as_bytes() == path);
    whole.or_else(|| path.starts_with(GRPC_HEALTH.as_bytes()).then_some(GRPC_HEALTH))
}

/// What protects a `user-agent`.
pub fn agent(agent: &[u8]) -> Option<&'static str> {
    AGENTS.into_iter().find(|known| agent.starts_with(known.as_bytes()))
}
