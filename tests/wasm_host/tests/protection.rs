//! Promise P7 in the compiled module: a health check passes, is counted with its cause, and is no control.

use serde_json::{Value, json};
use squall_wasm_host::{Action, Proxy, Request, plugin};

fn proxy(scope: Value) -> Proxy {
    let faults = json!([{"abort": {"status": 503}}]);
    Proxy::new(&plugin("m", &[json!({"name": "db", "scope": scope, "faults": faults})], |_| {}))
}

/// Whether the request was answered; its whole life passes.
fn faulted(proxy: &mut Proxy, path: &str, agent: &str) -> bool {
    let (stream, action) =
        proxy.request(Request { path, more: &[("user-agent", agent)], ..Request::default() });
    proxy.vm.set_property(stream, &["response", "code"], &200_u64.to_le_bytes()).unwrap();
    proxy.respond(stream, "200");
    proxy.finish(stream);
    assert!(proxy.vm.violations().is_empty(), "{:?}", proxy.vm.violations());
    action == Action::Pause
}

fn finished(proxy: &Proxy, group: &str) -> u64 {
    let labels = [("scenario", "db"), ("group", group), ("code_class", "2xx")];
    proxy.metric("chaos_requests_total", &labels)
}

fn protected(proxy: &Proxy) -> u64 {
    proxy.metric("chaos_faults_suppressed_total", &[("scenario", "db"), ("cause", "protected")])
}

#[test]
fn p7_a_health_check_passes_and_is_counted_apart() {
    let mut proxy = proxy(json!({}));
    for (path, agent) in [("/healthz", "curl/8"), ("/livez?x", ""), ("/users", "kube-probe/1.31")] {
        assert!(!faulted(&mut proxy, path, agent), "{path} {agent}");
    }
    assert!(faulted(&mut proxy, "/users", "curl/8"));
    assert_eq!(protected(&proxy), 3);
    assert_eq!(["control", "treatment", "other"].map(|group| finished(&proxy, group)), [0, 1, 3]);
}

#[test]
fn a_scenario_that_allows_it_faults_them_and_asks_for_no_user_agent() {
    let mut proxy = proxy(json!({"allow_protected": true}));
    for (path, agent) in [("/healthz", "curl/8"), ("/users", "kube-probe/1.31")] {
        let before = proxy.vm.counts();
        assert!(faulted(&mut proxy, path, agent), "{path} {agent}");
        let counts = proxy.vm.counts().since(&before);
        assert_eq!(counts.host_calls.get("proxy_get_header_map_pairs"), None);
        // The reply's `grpc-status`, and nothing of the request.
        assert_eq!(counts.host_calls.get("proxy_get_header_map_value"), Some(&1));
    }
    assert_eq!(protected(&proxy), 0);
}
