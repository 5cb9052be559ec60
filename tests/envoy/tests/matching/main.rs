//! Which requests a scenario is about, on a real Envoy: each condition by itself, rules together, and what a miss costs.
//!
//! Every scenario aborts with a status of its own, so that the answer names the scenario that took the request.

mod calls;
mod headers;

use serde_json::{Value, json};
use squall_envoy_tests::{
    Cluster, Envoy, EnvoyConfig, Experiment, HttpClient, HttpFilter, HttpUpstream, Listener, Protocol, Route,
    VirtualHost, request,
};

const BOTH: [Protocol; 2] = [Protocol::Http1, Protocol::Http2];
const PASSES: u16 = 200;

/// A scenario that answers `status` to what one rule matches.
fn rule(experiment: Experiment, status: u16, rule: Value) -> Experiment {
    any_of(experiment, status, json!({"match": [rule]}))
}

fn any_of(experiment: Experiment, status: u16, scope: Value) -> Experiment {
    experiment.scenario(&format!("s{status}"), scope, json!([{"abort": {"status": status}}]))
}

async fn start(experiment: &Experiment) -> (HttpUpstream, Envoy) {
    let upstream = HttpUpstream::start().await.unwrap();
    let config = EnvoyConfig::proxy(upstream.addr(), experiment.filter().unwrap());
    let envoy = Envoy::start(config).await.unwrap();
    (upstream, envoy)
}

#[tokio::test]
async fn paths_match_exactly_by_prefix_by_expression_and_by_template() {
    let mut experiment = Experiment::new();
    for (status, path) in [
        (410, json!({"exact": "/exact"})),
        (411, json!({"template": "/users/{id}"})),
        (412, json!({"template": "/users/{id}/orders/{order}"})),
        (413, json!({"regex": "/v[0-9]+/items"})),
        (414, json!({"prefix": "/api"})),
        (415, json!({"exact": "/"})),
    ] {
        experiment = rule(experiment, status, json!({"path": path}));
    }
    let (_upstream, envoy) = start(&experiment).await;
    for protocol in BOTH {
        let client = HttpClient::new(envoy.addr("ingress"), protocol);
        for (path, status) in [
            ("/exact", 410),
            ("/exact?q=/other", 410),
            ("/exact/", PASSES),
            ("/Exact", PASSES),
            ("/exactly", PASSES),
            ("/users/7", 411),
            ("/users/7?full=a/b", 411),
            ("/users/", PASSES),
            ("/users/7/", PASSES),
            ("/users/7/orders/8", 412),
            ("/users/7/orders//", PASSES),
            ("/users/7/orders", PASSES),
            ("/v12/items", 413),
            ("/v12/items?x=1", 413),
            ("/v12/items/3", PASSES),
            ("/a/v12/items", PASSES),
            ("/api", 414),
            ("/api/v1", 414),
            ("/apis?x", 414),
            ("/ap", PASSES),
            ("/", 415),
            ("/?a=/exact", 415),
        ] {
            assert_eq!(client.get(path).await.unwrap().status, status, "{protocol:?} {path}");
        }
    }
}

#[tokio::test]
async fn methods_match_as_they_are_sent() {
    let experiment = rule(Experiment::new(), 410, json!({"methods": ["GET", "DELETE"]}));
    let experiment = rule(experiment, 411, json!({"methods": ["PURGE"]}));
    let (_upstream, envoy) = start(&experiment).await;
    for protocol in BOTH {
        let client = HttpClient::new(envoy.addr("ingress"), protocol);
        for (method, status) in [
            ("GET", 410),
            ("DELETE", 410),
            ("PURGE", 411),
            ("POST", PASSES),
            ("PUT", PASSES),
            ("HEAD", PASSES),
        ] {
            let reply = client.send(request(method, "/", &[], "")).await.unwrap();
            assert_eq!(reply.status, status, "{protocol:?} {method}");
        }
    }
}

#[tokio::test]
async fn authorities_match_whatever_their_case() {
    let mut experiment = Experiment::new();
    for (status, authority) in [
        (410, json!({"exact": "Shop.test"})),
        (411, json!({"exact": "shop.test:8080"})),
        (412, json!({"suffix": ".internal"})),
        (413, json!({"prefix": "api."})),
        (414, json!({"contains": "beta"})),
        (415, json!({"regex": "[a-z]+-[0-9]+\\.test"})),
    ] {
        experiment = rule(experiment, status, json!({"authority": authority}));
    }
    let (_upstream, envoy) = start(&experiment).await;
    for protocol in BOTH {
        let client = HttpClient::new(envoy.addr("ingress"), protocol);
        for (host, status) in [
            ("shop.test", 410),
            ("SHOP.Test", 410),
            ("shop.test:8080", 411),
            ("shop.test:81", PASSES),
            ("db.internal", 412),
            ("api.test", 413),
            ("a.beta.test", 414),
            ("node-7.test", 415),
            ("node-x.test", PASSES),
        ] {
            let reply = client.get_with("/", &[("host", host)]).await.unwrap();
            assert_eq!(reply.status, status, "{protocol:?} {host}");
        }
    }
}

/// Cases 23 and 25: a scenario names the route, cluster or virtual host it is about; there is no need to repeat
/// the fault in each of Envoy's scopes.
#[tokio::test]
async fn routes_clusters_and_virtual_hosts_match_by_name() {
    let mut experiment = rule(Experiment::new(), 410, json!({"route": "profiles-v2"}));
    experiment = rule(experiment, 411, json!({"cluster": "outbound|80||www1.shop"}));
    experiment = rule(experiment, 412, json!({"virtual_host": "admin:80", "path": {"prefix": "/in"}}));
    let upstream = HttpUpstream::start().await.unwrap();
    let shop = VirtualHost::new("shop:80", ["shop.test"])
        .route(Route::prefix("/v2").name("profiles-v2").to("www2"))
        .route(Route::prefix("/one").name("one").to("outbound|80||www1.shop"))
        .route(Route::prefix("/two").to("www2"));
    let admin = VirtualHost::new("admin:80", ["admin.test"]).route(Route::prefix("/").to("www2"));
    let listener =
        Listener::new("ingress").filters(experiment.filter().unwrap()).virtual_host(shop).virtual_host(admin);
    let config = EnvoyConfig::new()
        .listener(listener)
        .cluster(Cluster::http1("outbound|80||www1.shop", upstream.addr()))
        .cluster(Cluster::http1("www2", upstream.addr()));
    let envoy = Envoy::start(config).await.unwrap();
    for protocol in BOTH {
        let client = HttpClient::new(envoy.addr("ingress"), protocol);
        for (host, path, status) in [
            ("shop.test", "/v2/x", 410),
            ("shop.test", "/one", 411),
            ("shop.test", "/two", PASSES),
            ("shop.test", "/in", 404),
            ("admin.test", "/in/x", 412),
            ("admin.test", "/out", PASSES),
            ("other.test", "/in", 404),
        ] {
            let reply = client.get_with(path, &[("host", host)]).await.unwrap();
            assert_eq!(reply.status, status, "{protocol:?} {host}{path}");
        }
    }
    let metrics = envoy.prometheus().await.unwrap();
    let injected = [410, 411, 412].map(|status| metrics.injected(&format!("s{status}"), "abort"));
    assert_eq!(injected, [2, 2, 2]);
    assert_eq!(metrics.sum("chaos_host_errors_total", &[]), 0.0);
}

/// Case 23: a request that no route takes is Envoy's 404 as far as scenarios go that name a cluster, and one
/// without such a condition still reaches it: the filter stands in front of the router.
#[tokio::test]
async fn a_request_without_a_route_matches_no_cluster() {
    let experiment = rule(Experiment::new(), 410, json!({"cluster": "upstream"}));
    let experiment = rule(experiment, 411, json!({"path": {"exact": "/anywhere"}}));
    let listener = Listener::new("ingress").filters(experiment.filter().unwrap());
    let envoy = Envoy::start(EnvoyConfig::new().listener(listener)).await.unwrap();
    let client = HttpClient::http1(envoy.addr("ingress"));
    assert_eq!(client.get("/").await.unwrap().status, 404);
    assert_eq!(client.get("/anywhere").await.unwrap().status, 411);
    let metrics =
        envoy.prometheus_until("the abort", |m| m.finished("s411", "treatment") == 1).await.unwrap();
    assert_eq!((metrics.injected("s410", "abort"), metrics.finished("s410", "control")), (0, 0));
}

/// One mission on the listeners of a sidecar: each scenario keeps to its side, and `any` has no side.
#[tokio::test]
async fn a_direction_keeps_a_scenario_to_its_listeners() {
    let scope =
        |direction: &str, path: &str| json!({"direction": direction, "match": [{"path": {"exact": path}}]});
    let mut experiment = Experiment::new();
    for (status, direction) in [(410, "inbound"), (411, "outbound"), (412, "any")] {
        experiment = any_of(experiment, status, scope(direction, &format!("/{direction}")));
    }
    let filter = || HttpFilter::squall(&experiment.plugin()).unwrap();
    let host = || VirtualHost::any("any").route(Route::prefix("/").answer(PASSES, "routed"));
    let listener = |name| Listener::new(name).filter(filter()).virtual_host(host());
    let config = EnvoyConfig::new()
        .listener(listener("in").inbound())
        .listener(listener("out").outbound())
        .listener(listener("none"));
    let envoy = Envoy::start(config).await.unwrap();
    // Twice, because listeners that share a plugin take turns.
    for _ in 0..2 {
        for (name, statuses) in
            [("in", [410, PASSES, 412]), ("out", [PASSES, 411, 412]), ("none", [PASSES, PASSES, 412])]
        {
            let client = HttpClient::http1(envoy.addr(name));
            for (path, status) in ["/inbound", "/outbound", "/any"].into_iter().zip(statuses) {
                assert_eq!(client.get(path).await.unwrap().status, status, "{name} {path}");
            }
        }
    }
    let metrics = envoy.prometheus().await.unwrap();
    let injected = [410, 411, 412].map(|status| metrics.injected(&format!("s{status}"), "abort"));
    assert_eq!(injected, [2, 2, 6]);
    for status in [410, 411, 412] {
        let labels = [("scenario", &*format!("s{status}")), ("namespace", "test")];
        assert_eq!(metrics.value("chaos_active", &labels), Some(1.0), "{status}");
    }
}

/// Any rule will do, and all of its parts have to hold; the first scenario of the mission that matches answers.
#[tokio::test]
async fn any_of_several_rules_matches_and_the_first_scenario_wins() {
    let rules = json!({"match": [
        {"path": {"prefix": "/a"}, "methods": ["POST"]},
        {"headers": [{"name": "x-tenant", "exact": "beta"}], "methods": ["GET"]},
        {"authority": {"exact": "direct.test"}}
    ]});
    let experiment = any_of(Experiment::new(), 410, rules);
    let experiment = rule(experiment, 411, json!({"path": {"prefix": "/a"}}));
    let (_upstream, envoy) = start(&experiment).await;
    let client = HttpClient::http1(envoy.addr("ingress"));
    for (method, path, header, status) in [
        ("POST", "/a", ("x-none", ""), 410),
        ("GET", "/a", ("x-none", ""), 411),
        ("GET", "/b", ("x-tenant", "beta"), 410),
        ("GET", "/a", ("x-tenant", "beta"), 410),
        ("POST", "/b", ("x-tenant", "beta"), PASSES),
        ("PUT", "/b", ("host", "direct.test"), 410),
        ("PUT", "/b", ("x-none", ""), PASSES),
    ] {
        let reply = client.send(request(method, path, &[header], "")).await.unwrap();
        assert_eq!(reply.status, status, "{method} {path} {header:?}");
    }
}

/// A thousand scenarios beside each other find the one that a request is about.
#[tokio::test]
async fn the_right_one_of_a_thousand_scenarios_is_found() {
    let experiment = (0..1_000).fold(Experiment::new(), |experiment, number| {
        let status = 400 + number % 200;
        let scope = json!({"match": [{"path": {"template": format!("/t{number}/{{id}}")}}]});
        experiment.scenario(&format!("s{number}"), scope, json!([{"abort": {"status": status}}]))
    });
    let (_upstream, envoy) = start(&experiment).await;
    let client = HttpClient::http1(envoy.addr("ingress"));
    for number in [0, 1, 499, 500, 777, 999] {
        let reply = client.get(&format!("/t{number}/x")).await.unwrap();
        assert_eq!(reply.text(), format!("chaos: aborted by scenario s{number}"));
    }
    assert_eq!(client.get("/t1000/x").await.unwrap().status, PASSES);
}
