//! The bootstrap in `envoy/`: its control listener starts a mission that its filter runs.

use super::{JSON, told};
use serde_json::{Value, json};
use squall_envoy_tests::{Envoy, HttpClient, HttpUpstream, eventually, repo_root};
use std::net::IpAddr;
use std::time::Duration;

/// The file with free ports, this upstream and the modules where they are.
fn bootstrap(upstream: u16) -> String {
    let text = std::fs::read_to_string(repo_root().join("envoy/control.yaml")).unwrap();
    let root = repo_root().display().to_string();
    for needed in
        ["port_value: 10000", "port_value: 9902", "port_value: 8080", "filename: target/", "vm_id: squall\n"]
    {
        assert!(text.contains(needed), "{needed}");
    }
    text.replace("port_value: 10000", "port_value: 0")
        .replace("port_value: 9902", "port_value: 0")
        .replace("port_value: 8080", &format!("port_value: {upstream}"))
        .replace("filename: target/", &format!("filename: {root}/target/"))
}

/// Nobody but this machine reaches it, as Envoy has bound it.
async fn assert_loopback(envoy: &Envoy, name: &str) {
    let listeners = envoy.admin("/listeners?format=json").await.unwrap();
    let listeners: Value = serde_json::from_str(&listeners).unwrap();
    let of = |status: &&Value| status["name"] == name;
    let listener = listeners["listener_statuses"].as_array().unwrap().iter().find(of).expect("the listener");
    let address = listener["local_address"]["socket_address"]["address"].as_str().unwrap();
    assert!(address.parse::<IpAddr>().unwrap().is_loopback(), "{name} listens on {address}");
    assert_eq!(listener.get("additional_local_addresses"), None, "{listener}");
}

#[tokio::test]
async fn the_bootstrap_in_the_repository_starts_a_mission_through_its_control_listener() {
    let upstream = HttpUpstream::start().await.unwrap();
    let envoy = Envoy::start(bootstrap(upstream.addr().port())).await.unwrap();
    assert_loopback(&envoy, "squall-control").await;
    let control = HttpClient::http1(envoy.addr("squall-control"));
    assert_eq!(control.get("/v1/status").await.unwrap().json()["state"], "idle");
    let mission = json!({"version": 1, "id": "by-hand", "scenarios": ["slow-profiles"], "namespace": "default", "duration": "1m"});
    let reply = control.post("/v1/missions", &[JSON], mission.to_string()).await.unwrap();
    assert_eq!(reply.status, 201, "{}", reply.text());
    let client = HttpClient::http1(envoy.addr("squall"));
    let late = eventually("a delayed request", Duration::from_secs(10), async || {
        let reply = client.get("/profiles/size/1").await.unwrap();
        (reply.elapsed >= Duration::from_millis(100)).then_some(())
    });
    late.await.unwrap();
    let halt = control.post("/v1/halt", &[JSON], "").await.unwrap();
    assert_eq!(halt.status, 200, "{:?}", told(&halt));
    assert_eq!(control.get("/v1/status").await.unwrap().json()["state"], "halted");
}

/// A module that is gone answers nothing, and nothing answers in its place.
#[tokio::test]
async fn without_its_module_the_listener_reaches_nothing() {
    let upstream = HttpUpstream::start().await.unwrap();
    let text = bootstrap(upstream.addr().port());
    let mut lines: Vec<&str> = text.lines().collect();
    // The filter of the control listener, from its name to the router's.
    let listener = lines.iter().position(|line| line.contains("name: squall-control")).unwrap();
    let from = lines[listener..].iter().position(|line| line.contains("envoy.filters.http.wasm")).unwrap()
        + listener;
    let to = lines[from..].iter().position(|line| line.contains("envoy.filters.http.router")).unwrap() + from;
    lines.drain(from..to);
    let envoy = Envoy::start(lines.join("\n")).await.unwrap();
    let control = HttpClient::http1(envoy.addr("squall-control"));
    let reply = control.get("/v1/status").await.unwrap();
    assert_eq!((reply.status, upstream.requests()), (503, 0), "{}", reply.text());
}
