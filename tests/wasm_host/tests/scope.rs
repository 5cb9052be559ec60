//! Scopes in the compiled module: whom they leave alone costs no more host calls than the first condition that fails.

use serde_json::{Value, json};
use squall_wasm_host::{Action, Proxy, Request, plugin};

fn scenario(name: &str, scope: Value) -> Value {
    json!({"name": name, "scope": scope, "faults": [{"abort": {"status": 503}}]})
}

fn proxy(scope: Value) -> Proxy {
    Proxy::new(&plugin("m", &[scenario("db", scope)], |_| {}))
}

/// Whether the request is answered, and how many host calls deciding so took.
fn faulted(proxy: &mut Proxy, request: Request<'_>) -> (bool, u64) {
    let before = proxy.vm.counts();
    let (_, action) = proxy.request(request);
    (action == Action::Pause, proxy.vm.counts().since(&before).host_calls_total())
}

#[test]
fn a_grpc_rule_asks_for_the_content_type_of_its_own_path_only() {
    let mut proxy = proxy(json!({"match": [{"grpc": {"service": "shop.Users", "method": "Get"}}]}));
    let call = |path, kind| Request { path, more: kind, ..Request::default() };
    let grpc: &[_] = &[("content-type", "application/grpc")];
    assert!(faulted(&mut proxy, call("/shop.Users/Get", grpc)).0);
    assert_eq!(faulted(&mut proxy, call("/shop.Users/Put", grpc)), (false, 1));
    assert_eq!(faulted(&mut proxy, call("/shop.Users/Get", &[])), (false, 2));
}

#[test]
fn a_query_is_part_of_the_path_that_was_read() {
    let mut proxy = proxy(json!({"match": [{"query": [{"name": "tenant", "exact": "a b"}]}]}));
    let to = |path| Request { path, ..Request::default() };
    assert!(faulted(&mut proxy, to("/?tenant=a%20b")).0);
    assert!(faulted(&mut proxy, to("/?tenant=x&tenant=a+b")).0);
    assert_eq!(faulted(&mut proxy, to("/tenant=a%20b?tenant=ab")), (false, 1));
}
