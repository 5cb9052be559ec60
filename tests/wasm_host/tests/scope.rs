//! Scopes in the compiled module: whom they leave alone costs no more host calls than the first condition that fails.

use serde_json::{Value, json};
use squall_wasm_host::{Action, LogLevel, Proxy, Request, Shared, Vm, plugin, squall_module};

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

/// A worker whose node has these properties.
fn proxy_on(node: &[(&[&str], &str)], scenarios: &[Value]) -> Proxy {
    let mut vm = Vm::new(squall_module(), &Shared::new()).unwrap();
    vm.set_log_level(LogLevel::Info);
    for (path, value) in node {
        vm.set_node_property(path, value.as_bytes());
    }
    let root = vm
        .start_root(plugin("m", scenarios, |mission| mission["duration"] = json!("10s")), "squall")
        .unwrap();
    Proxy { shared: vm.shared(), vm, root }
}

const WORKLOAD: &[&str] = &["xds", "node", "metadata", "WORKLOAD_NAME"];
const CLUSTER: &[&str] = &["xds", "node", "cluster"];
const APP: &[&str] = &["xds", "node", "metadata", "LABELS", "app"];

#[test]
fn the_workload_names_the_service_and_the_node_cluster_stands_in_for_it() {
    let scenarios =
        [scenario("users", json!({"service": "users"})), scenario("app", json!({"labels": {"app": "a"}}))];
    let names = |proxy: &Proxy| -> Vec<String> {
        let logs = proxy.vm.logs().iter().filter(|log| log.message.contains("mission.accepted"));
        let accepted: Vec<Value> = logs.map(|log| serde_json::from_str(&log.message).unwrap()).collect();
        assert_eq!(accepted.len(), 1);
        accepted[0]["dormant"].as_array().unwrap().iter().map(|n| n.as_str().unwrap().to_owned()).collect()
    };
    for (node, dormant) in [
        (vec![(WORKLOAD, "users"), (CLUSTER, "orders"), (APP, "a")], vec![]),
        (vec![(WORKLOAD, "orders"), (CLUSTER, "users"), (APP, "b")], vec!["users", "app"]),
        (vec![(CLUSTER, "users")], vec!["app"]),
        (vec![(&WORKLOAD[1..], "users"), (&APP[1..], "a")], vec![]),
        (vec![], vec!["users", "app"]),
    ] {
        let mut proxy = proxy_on(&node, &scenarios);
        assert_eq!(names(&proxy), dormant, "{node:?}");
        assert_eq!(faulted(&mut proxy, Request::default()).0, dormant.len() < 2, "{node:?}");
        let reasons =
            proxy.vm.logs().iter().filter(|log| log.message.contains("is dormant in this proxy")).count();
        assert_eq!(reasons, dormant.len());
    }
}

#[test]
fn a_mission_without_a_scenario_for_this_proxy_costs_its_requests_nothing_and_ends_all_the_same() {
    let scenarios =
        [scenario("orders", json!({"service": "orders"})), scenario("app", json!({"labels": {"app": "a"}}))];
    let mut proxy = proxy_on(&[(WORKLOAD, "users")], &scenarios);
    for _ in 0..3 {
        let before = proxy.vm.counts();
        let (stream, action) = proxy.request(Request::default());
        proxy.respond(stream, "200");
        proxy.finish(stream);
        assert_eq!((action, proxy.vm.counts().since(&before).host_calls_total()), (Action::Continue, 0));
    }
    assert_eq!(proxy.metric("chaos_active", &[("scenario", "orders"), ("namespace", "shop")]), 0);
    assert!(proxy.metric("chaos_deadline_seconds", &[]) > 0, "the mission runs");
    proxy.advance_ms(10_000);
    assert_eq!(proxy.metric("chaos_missions_total", &[("result", "done")]), 1);
    let before = proxy.vm.counts();
    proxy.request(Request::default());
    assert_eq!(proxy.vm.counts().since(&before).host_calls_total(), 0);
}

#[test]
fn a_dormant_scenario_beside_another_costs_no_call_more() {
    let here = scenario("here", json!({"match": [{"path": {"exact": "/elsewhere"}}]}));
    let other = scenario(
        "other",
        json!({"service": "orders", "match": [{"headers": [{"name": "x-a", "present": true}]}]}),
    );
    let mut proxy = proxy_on(&[(WORKLOAD, "users")], &[here, other]);
    assert_eq!(faulted(&mut proxy, Request::default()), (false, 1));
}

#[test]
fn dependency_and_source_are_asked_for_after_the_rules() {
    let scope = json!({"match": [{"path": {"exact": "/profiles/7"}}], "dependency": "profile-db",
        "source": {"principal": {"suffix": "/sa/web"}}, "allow_protected": true});
    let mut proxy = proxy(scope);
    let ask = |proxy: &mut Proxy, path: &str, cluster: &str, principal: &str| {
        let stream = proxy.vm.stream(proxy.root).unwrap();
        proxy.vm.set_property(stream, &["xds", "cluster_name"], cluster.as_bytes()).unwrap();
        if !principal.is_empty() {
            let path = ["connection", "uri_san_peer_certificate"];
            proxy.vm.set_property(stream, &path, principal.as_bytes()).unwrap();
        }
        let before = proxy.vm.counts();
        let action = proxy.send(stream, Request { path, ..Request::default() });
        (action == Action::Pause, proxy.vm.counts().since(&before).host_calls_total())
    };
    let cluster = "outbound|80||profile-db.shop.svc.cluster.local";
    assert_eq!(ask(&mut proxy, "/", cluster, "spiffe://a/sa/web"), (false, 1));
    assert_eq!(ask(&mut proxy, "/profiles/7", "other", "spiffe://a/sa/web"), (false, 2));
    assert_eq!(ask(&mut proxy, "/profiles/7", cluster, "spiffe://a/sa/batch"), (false, 3));
    assert_eq!(ask(&mut proxy, "/profiles/7", cluster, ""), (false, 3));
    assert!(ask(&mut proxy, "/profiles/7", cluster, "spiffe://a/sa/web").0);
    assert_eq!(proxy.metric("chaos_host_errors_total", &[]), 0);
}

#[test]
fn another_try_is_spared_counted_and_no_control() {
    let mut proxy = proxy(json!({"attempts": [1, 3]}));
    let with = |more| Request { more, ..Request::default() };
    let tries: [(&[(&str, &str)], bool); 6] = [
        (&[], true),
        (&[("x-envoy-attempt-count", "1")], true),
        (&[("x-envoy-attempt-count", "2")], false),
        (&[("x-envoy-attempt-count", "3"), ("grpc-previous-rpc-attempts", "1")], true),
        (&[("grpc-previous-rpc-attempts", "1")], false),
        (&[("grpc-previous-rpc-attempts", "2")], true),
    ];
    for (headers, wanted) in tries {
        let (stream, action) = proxy.request(with(headers));
        assert_eq!(action == Action::Pause, wanted, "{headers:?}");
        proxy.finish(stream);
    }
    assert_eq!(proxy.metric("chaos_faults_suppressed_total", &[("scenario", "db"), ("cause", "attempt")]), 2);
    let finished = |group| {
        proxy.metric("chaos_requests_total", &[("scenario", "db"), ("group", group), ("code_class", "none")])
    };
    assert_eq!(["control", "treatment", "other"].map(finished), [0, 4, 2]);
}
