//! Every event that a proxy writes is as schemas/event.json says, and every event of the schema is written by some proxy.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use squall_envoy_tests::{
    Cluster, Envoy, EnvoyConfig, EnvoyOptions, Experiment, HttpClient, HttpFilter, HttpUpstream, Listener,
    Load, Route, VirtualHost, eventually, repo_root,
};
use squall_policy::events::Name;

use super::events_of;

const JSON: (&str, &str) = ("content-type", "application/json");

fn validator() -> jsonschema::Validator {
    let text = std::fs::read_to_string(repo_root().join("schemas/event.json")).unwrap();
    jsonschema::draft202012::new(&serde_json::from_str(&text).unwrap()).unwrap()
}

/// A filter and a control listener.
async fn site(upstream: &HttpUpstream, plugin: &Value) -> Envoy {
    let mut control = plugin.clone();
    control["role"] = json!("control");
    control.as_object_mut().unwrap().remove("mission");
    let ingress = VirtualHost::any("any").route(Route::prefix("/").to("upstream"));
    let config = EnvoyConfig::new()
        .listener(Listener::new("ingress").filter(HttpFilter::squall(plugin).unwrap()).virtual_host(ingress))
        .listener(
            Listener::new("control")
                .filter(HttpFilter::control(&control).unwrap())
                .virtual_host(VirtualHost::any("none").route(Route::prefix("/").answer(503, "no module\n"))),
        )
        .cluster(Cluster::http1("upstream", upstream.addr()));
    EnvoyOptions::default().log_level("info").start(config).await.unwrap()
}

async fn until(envoy: &Envoy, name: &str) {
    let told = eventually(name, Duration::from_secs(20), async || {
        events_of(envoy).iter().any(|event| event["event"] == name).then_some(())
    });
    told.await.unwrap_or_else(|error| panic!("{error}: {:#?}", events_of(envoy)));
}

/// A mission that runs through all of its phases.
async fn whole(upstream: &HttpUpstream) -> Vec<Value> {
    let plugin = Experiment::new()
        .on_path("cut", "/cut", json!([{"abort": {"status": 503}}]))
        .with("signals", json!({"error_rate": "<= 50%"}))
        .set("baseline", json!("1s"))
        .set("recovery", json!("1s"))
        .set("duration", json!("3s"))
        .set("stages", json!([{"for": "1s", "intensity": "12.5%"}, {"intensity": "100%"}]))
        .plugin();
    let envoy = site(upstream, &plugin).await;
    let client = HttpClient::http1(envoy.addr("ingress"));
    eventually("the end", Duration::from_secs(20), async || {
        client.get("/cut").await.unwrap();
        events_of(&envoy).iter().any(|event| event["event"] == "mission.judged").then_some(())
    })
    .await
    .unwrap();
    until(&envoy, "mission.done").await;
    events_of(&envoy)
}

/// A guardrail halts.
async fn halted(upstream: &HttpUpstream) -> Vec<Value> {
    let rule = json!({"metric": "error_rate", "group": "all", "above": "5%", "for": "1s", "min_requests": 5});
    let scope = json!({"sample": {"percent": 50}});
    let plugin = Experiment::new()
        .scenario("slow", scope, json!([{"delay": {"fixed": "1ms"}}]))
        .with("safety", json!({"halt_when": [rule]}))
        .plugin();
    let envoy = site(upstream, &plugin).await;
    let load = Load::http1(envoy.addr("ingress")).path("/status/503").connections(2);
    load.open_loop(100.0, Duration::from_secs(4)).await.unwrap();
    until(&envoy, "rollback.done").await;
    events_of(&envoy)
}

/// What a person sends who signs nothing, because the proxy has no operators.
fn order(action: &str, id: Option<&str>) -> Value {
    let now = humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string();
    let nonce = squall_policy::base64(format!("nonce {action:>20}").as_bytes());
    let mut request = json!({"version": 1, "action": action, "time": now, "nonce": nonce});
    if let Some(id) = id {
        request["mission"] = json!(id);
    }
    request
}

/// What people do through the control listener.
async fn controlled(upstream: &HttpUpstream) -> Vec<Value> {
    let mut plugin = Experiment::new().on_path("cut", "/cut", json!([{"abort": {"status": 503}}])).plugin();
    let mission = plugin.as_object_mut().unwrap().remove("mission").unwrap();
    let envoy = site(upstream, &plugin).await;
    let control = HttpClient::http1(envoy.addr("control"));
    let post = async |path: &str, body: Value, status: u16| {
        let reply = control.post(path, &[JSON], body.to_string()).await.unwrap();
        assert_eq!(reply.status, status, "{path}: {}", reply.text());
    };
    let mission = |id: &str| {
        let mut mission = mission.clone();
        (mission["id"], mission["lease"]) = (json!(id), json!("1h"));
        mission
    };
    let mut wrong = mission("wrong");
    wrong["scenarios"] = json!(["none"]);
    post("/v1/missions", wrong, 422).await;
    until(&envoy, "mission.refused").await;
    post("/v1/missions", mission("one"), 201).await;
    until(&envoy, "mission.accepted").await;
    post("/v1/missions/one/renew", order("renew", Some("one")), 200).await;
    post("/v1/missions/one/stop", order("stop", Some("one")), 200).await;
    until(&envoy, "mission.stopped").await;
    post("/v1/halt", json!({"reason": "users complain", "by": "dana"}), 200).await;
    post("/v1/release", order("release", None), 200).await;
    until(&envoy, "halt.released").await;
    events_of(&envoy)
}

async fn rejected(upstream: &HttpUpstream) -> Vec<Value> {
    let mut plugin = Experiment::new().on_path("cut", "/cut", json!([{"abort": {"status": 503}}])).plugin();
    plugin["catalog"]["scenarios"][0]["faults"] = json!([{"abort": {"status": 199}}]);
    let config = EnvoyConfig::proxy(upstream.addr(), [HttpFilter::squall(&plugin).unwrap()]);
    let envoy = EnvoyOptions::default().log_level("info").start(config).await.unwrap();
    until(&envoy, "config.rejected").await;
    events_of(&envoy)
}

/// A configuration for the whole mesh, in another namespace than its mission's.
async fn elsewhere(upstream: &HttpUpstream) -> Vec<Value> {
    let plugin = Experiment::new().on_path("cut", "/cut", json!([{"abort": {"status": 503}}])).plugin();
    let node = json!({"id": "n", "cluster": "shop", "metadata": {"NAMESPACE": "shop"}});
    let config = EnvoyConfig::proxy(upstream.addr(), [HttpFilter::squall(&plugin).unwrap()]).node(node);
    let envoy = EnvoyOptions::default().log_level("info").start(config).await.unwrap();
    until(&envoy, "mission.refused").await;
    let events = events_of(&envoy);
    assert!(events.iter().all(|event| event["code"] == "wrong-namespace"), "{events:?}");
    events
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_events_are_as_the_schema_says() {
    let upstream = HttpUpstream::start().await.unwrap();
    let (whole, halted) = tokio::join!(whole(&upstream), halted(&upstream));
    let (controlled, rejected) = tokio::join!(controlled(&upstream), rejected(&upstream));
    let events = [whole, halted, controlled, rejected, elsewhere(&upstream).await].concat();
    let validator = validator();
    for event in &events {
        let wrong: Vec<String> = validator.iter_errors(event).map(|error| error.to_string()).collect();
        assert!(wrong.is_empty(), "{event}: {wrong:?}");
    }
    let seen: BTreeSet<&str> = events.iter().filter_map(|event| event["event"].as_str()).collect();
    // A request is refused where it has to be signed: tests/control has that.
    let all = Name::ALL.iter().map(|name| name.word()).filter(|name| *name != "request.refused");
    assert_eq!(seen, all.collect());
}

#[test]
fn the_schema_has_every_event_and_takes_no_other() {
    let validator = validator();
    let at = "2026-12-01T09:00:00.000Z";
    for name in Name::ALL.iter().map(|name| name.word()) {
        let cut = json!({"event": name, "at": at, "cut": true});
        assert!(validator.is_valid(&cut), "{name}: of a line that was cut, these are left");
        assert!(!validator.is_valid(&json!({"event": name, "at": at, "surprise": 1})), "{name}");
        assert!(!validator.is_valid(&json!({"event": name, "cut": true})), "{name}: without its moment");
    }
    let refused = |keys: Value| {
        let mut event = json!({"event": "mission.refused", "at": at, "code": "halted", "reason": "a halt"});
        event.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
        validator.is_valid(&event)
    };
    assert!(refused(json!({"mission": "m"})) && refused(json!({"order_digest": "0123456789abcdef"})));
    assert!(!refused(json!({})), "of which mission, configuration or order?");
    assert!(!validator.is_valid(&json!({"event": "mission.begun", "at": at})));
    assert!(!validator.is_valid(&json!({"event": "mission.done", "at": at})), "of which mission?");
}
