//! `chaosctl simulate` over the access log of a run says what that run did, to the request.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use squall_envoy_tests::bootstrap::RUN_DIR;
use squall_envoy_tests::{
    Bootstrap, Envoy, EnvoyOptions, HttpUpstream, Load, Metrics, raw_exchange, repo_root, request,
};

const PER_PROTOCOL: u64 = 3_000;

const CATALOG: &str = r#"
version: 1
scenarios:
- name: late
  scope: {match: [{path: {prefix: /size}, methods: [GET]}], sample: {percent: 30}}
  faults: [{delay: {uniform: {min: 0ms, max: 6ms}, percent: 70}}]
- name: later
  scope: {direction: outbound, match: [{virtual_host: default}], sample: {percent: 20}}
  faults: [{delay: {phase: response, lognormal: {median: 2ms, sigma: 0.5}}}]
- name: tenants
  scope: {match: [{headers: [{name: x-tenant, prefix: be}], cluster: default}], sample: {percent: 40, by: {header: x-user}}}
  faults: [{mutate: {response: {headers: {x-mutated: "yes"}}}}]
- name: inbound-only
  scope: {direction: inbound}
  faults: [{abort: {status: 500}}]
- name: gone
  scope: {match: [{route: shop, authority: {suffix: ".example"}}], sample: {percent: 25}}
  faults: [{abort: {status: 503, percent: 80}}]
- name: retries
  scope: {attempts: [2], dependency: shop, protect: [{headers: [{name: x-user, present: false}]}], sample: {percent: 50}}
  faults: [{one_of: [{weight: 3, delay: {fixed: 1ms}}, {weight: 1, abort: {status: 502}}]}]
- name: over
  trigger: {window: {start: "2020-01-01T00:00:00Z", end: "2020-01-02T00:00:00Z"}}
  faults: [{abort: {status: 501}}]
- name: now
  trigger: {window: {start: "2020-01-01T00:00:00Z"}}
  scope: {match: [{grpc: {service: size}}, {query: [{name: q, exact: '"'}]}], sample: {percent: 50}}
  faults: [{delay: {fixed: 1ms}}]
- name: everything
  scope: {sample: {percent: 10}}
  faults: [{abort: {status: 429}}]
"#;

const SCENARIOS: [&str; 9] =
    ["late", "later", "tenants", "inbound-only", "gone", "retries", "over", "now", "everything"];

fn chaosctl(arguments: &[&str]) -> Value {
    let chaosctl = repo_root().join("target/release/chaosctl");
    let output = Command::new(&chaosctl)
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}; run `make build`", chaosctl.display()));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

/// The bootstrap of `render envoy` on a free port, with its log in a file.
async fn start(catalog: &str, mission: &str, upstream: &HttpUpstream) -> Envoy {
    let address = upstream.addr().to_string();
    let module = repo_root().join("target/squall.wasm");
    let mut bootstrap = chaosctl(&[
        "render",
        "envoy",
        "--catalog",
        catalog,
        "--mission",
        mission,
        "--listen",
        "127.0.0.1:0",
        "--upstream",
        &address,
        "--upstream",
        &format!("shop={address}"),
        "--upstream",
        &format!("shop.example={address}"),
        "--direction",
        "outbound",
        "--module",
        &module.display().to_string(),
        "--output",
        "json",
    ]);
    let manager =
        &mut bootstrap["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"];
    // `shop.example` is a virtual host of its own, with the route's name that a scenario asks for.
    manager["route_config"]["virtual_hosts"][2]["routes"][0]["name"] = json!("shop");
    manager["route_config"]["virtual_hosts"][2]["routes"][0]["route"]["prefix_rewrite"] = json!("/size/");
    let log = &mut manager["access_log"][0]["typed_config"];
    log["@type"] = json!("type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog");
    // `%REQ(...)%` has the first value only of a header that comes several times.
    log["log_format"]["json_format"]["headers.x-user"] = json!("%CEL(request.headers['x-user'])%");
    log["path"] = json!(format!("{RUN_DIR}/access.log"));
    EnvoyOptions::default().concurrency(3).start(Bootstrap::from(bootstrap)).await.unwrap()
}

/// Requests of every kind that the scenarios tell apart; Envoy gives an id to some.
fn load(load: Load) -> Load {
    load.build(|index| {
        let path = ["/size/1", "/sizes", "/healthz?/size", "/size/2?q=%22"][(index % 4) as usize];
        let host = ["shop", "shop.example", "SHOP.example", "elsewhere"][(index / 4 % 4) as usize];
        let method = if index.is_multiple_of(5) { "POST" } else { "GET" };
        let user = format!("user \"{}\\", index % 101);
        let mut headers = vec![("host", host)];
        headers.extend(
            [("x-tenant", "beta"), ("x-tenant", ""), ("x-tenant", "alpha")].get((index / 16 % 4) as usize),
        );
        headers.extend(
            [("x-envoy-attempt-count", "2"), ("grpc-previous-rpc-attempts", "1")]
                .get((index / 2 % 3) as usize),
        );
        headers.extend(
            [("content-type", "application/grpc"), ("user-agent", "kube-probe/1.30")]
                .get((index / 2 % 7) as usize),
        );
        if !index.is_multiple_of(3) {
            headers.push(("x-user", &user));
            if index.is_multiple_of(11) {
                headers.push(("x-user", "second"));
            }
        }
        request(method, path, &headers, "")
    })
}

fn assert_agreement(scenario: &Value, name: &str, metrics: &Metrics) {
    assert_eq!(scenario["name"], name);
    for group in ["treatment", "control", "other"] {
        assert_eq!(scenario["groups"][group], metrics.finished(name, group), "{name}, {group}");
    }
    for fault in ["delay", "abort", "drop", "throttle", "mutate"] {
        let told = scenario["injected"][fault].as_u64().unwrap_or(0);
        assert_eq!(told, metrics.injected(name, fault), "{name}, {fault}");
    }
    for cause in ["preempted", "no_sample_header", "trigger", "attempt", "protected", "no_key", "first_done"]
    {
        let told = scenario["spared"][cause].as_u64().unwrap_or(0);
        assert_eq!(told, metrics.spared(name, cause), "{name}, {cause}");
    }
}

/// Promise P5: two protocols, three workers, both compositions, and a log with requests that no filter has seen.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p5_the_log_of_a_run_predicts_the_metrics_of_that_run_exactly() {
    for composition in ["independent", "first_match"] {
        let folder = tempfile::tempdir().unwrap();
        let catalog = write(folder.path(), "catalog.yaml", CATALOG);
        let mission = write(
            folder.path(),
            "mission.yaml",
            &format!(
                "version: 1\nid: simulated\nnamespace: n\nduration: 1h\nseed: \"8842\"\n\
                 composition: {composition}\nscenarios: [{}]\n",
                SCENARIOS.join(", ")
            ),
        );
        let upstream = HttpUpstream::start().await.unwrap();
        let envoy = start(&catalog, &mission, &upstream).await;
        let address = envoy.addr("squall");
        let one = load(Load::http1(address).connections(12).id_prefix("h1"));
        let two = load(Load::http2(address).connections(3).id_prefix("h2"));
        let (one, two) = tokio::join!(one.requests(PER_PROTOCOL), two.requests(PER_PROTOCOL));
        assert_eq!((one.unwrap().broken(), two.unwrap().broken()), (0, 0));
        let _ = raw_exchange(address, b"GET /size/1 HTTP/1.1\r\nconnection: close\r\n\r\n").await.unwrap();
        let _ = raw_exchange(address, b"no HTTP at all\r\n\r\n").await.unwrap();

        let all = 2 * PER_PROTOCOL;
        let finished =
            |m: &Metrics| m.sum("chaos_requests_total", &[("scenario", "everything")]) as u64 == all;
        let metrics = envoy.prometheus_until("the end of all requests", finished).await.unwrap();
        envoy.access_log_of(all as usize + 2).await.unwrap();
        let log = envoy.folder().join("access.log").display().to_string();
        let told = chaosctl(&[
            "simulate",
            "--catalog",
            &catalog,
            "--mission",
            &mission,
            "--log",
            &log,
            "--output",
            "json",
        ]);
        assert_eq!(
            (&told["log"]["requests"], &told["log"]["unseen"]["count"]),
            (&json!(all), &json!(2)),
            "{told}"
        );
        for (number, name) in SCENARIOS.iter().enumerate() {
            assert_agreement(&told["scenarios"][number], name, &metrics);
        }
        let marked = envoy.access_log().iter().filter(|e| e.json["chaos_mission"] == "simulated").count();
        assert_eq!(told["faulted"], marked);
        // What agreed was not nothing.
        let injected = |scenario: &str, fault: &str| metrics.injected(scenario, fault);
        assert!(injected("late", "delay") > 200 && injected("later", "delay") > 100, "{told}");
        assert!(injected("retries", "delay") > 20 && injected("now", "delay") > 20, "{told}");
        assert!(
            metrics.spared("late", "protected") > 100 && metrics.spared("over", "trigger") > 1_000,
            "{told}"
        );
        assert!(injected("tenants", "mutate") > 30 && injected("gone", "abort") > 50, "{told}");
        assert_eq!(
            (metrics.sum("chaos_host_errors_total", &[]), injected("inbound-only", "abort")),
            (0.0, 0)
        );
    }
}

/// With one request at a time the log has them in the order in which they were decided about: even who is first agrees.
#[tokio::test]
async fn the_first_requests_of_each_key_are_those_of_the_log() {
    const FIRST: &str = r#"
version: 1
scenarios:
- name: sampled
  scope: {sample: {percent: 30}}
  faults: [{delay: {fixed: 1ms}}]
- name: first
  scope: {first: {requests: 1, per: {header: x-user}}}
  faults: [{abort: {status: 503}}]
- name: rest
  faults: [{abort: {status: 429}}]
"#;
    let folder = tempfile::tempdir().unwrap();
    let catalog = write(folder.path(), "catalog.yaml", FIRST);
    let text = "version: 1\nid: m\nnamespace: n\nduration: 1h\nseed: s\nscenarios: [sampled, first, rest]\n";
    let mission = write(folder.path(), "mission.yaml", text);
    let upstream = HttpUpstream::start().await.unwrap();
    let envoy = start(&catalog, &mission, &upstream).await;
    let one = load(Load::http1(envoy.addr("squall")).connections(1).id_prefix("h1"));
    assert_eq!(one.requests(1_000).await.unwrap().broken(), 0);
    let finished = |m: &Metrics| m.sum("chaos_requests_total", &[("scenario", "rest")]) as u64 == 1_000;
    let metrics = envoy.prometheus_until("the end of all requests", finished).await.unwrap();
    envoy.access_log_of(1_000).await.unwrap();
    let log = envoy.folder().join("access.log").display().to_string();
    let files = ["simulate", "--catalog", &catalog, "--mission", &mission, "--log", &log, "--output", "json"];
    let told = chaosctl(&files);
    for (number, name) in ["sampled", "first", "rest"].iter().enumerate() {
        assert_agreement(&told["scenarios"][number], name, &metrics);
    }
    assert!(metrics.injected("first", "abort") > 50 && metrics.spared("first", "first_done") > 50, "{told}");
    assert!(metrics.spared("first", "no_key") > 50, "{told}");
}
