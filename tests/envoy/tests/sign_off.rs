//! Sign-off in a real Envoy (promise P6): what is refused injects nothing while traffic flows, and what two people have signed runs.

#[path = "../../signing.rs"]
mod signing;

use serde_json::{Value, json};
use signing::{ALICE, BOB, CAROL, bound, sealed, signed};
use squall_envoy_tests::{
    Envoy, EnvoyConfig, EnvoyOptions, Experiment, HttpClient, HttpFilter, HttpUpstream, Load, Metrics,
    eventually,
};
use std::time::{Duration, SystemTime};

const FILTER: &str = "extensions.istio.io/wasmplugin/test.squall";

/// Every request gets 503.
fn storm(id: &str, severity: &str) -> Value {
    let abort = json!([{"abort": {"status": 503}}]);
    Experiment::new()
        .scenario("storm", json!({}), abort)
        .with("severity", json!(severity))
        .set("id", json!(id))
        .plugin()
}

fn in_an_hour() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now() + Duration::from_secs(3600)).to_string()
}

fn rejected(metrics: &Metrics) -> Option<f64> {
    metrics.value("chaos_config_rejected", &[])
}

#[tokio::test]
async fn p6_an_unsigned_high_mission_lets_traffic_pass_and_one_signed_by_two_runs() {
    let upstream = HttpUpstream::start().await.unwrap();
    let mut unsigned = storm("unsigned", "high");
    unsigned["operators"] = signing::operators();
    let filter = HttpFilter::squall_discovered(FILTER, &unsigned).unwrap();
    let options = EnvoyOptions::default().log_level("info");
    let envoy = options.start(EnvoyConfig::proxy(upstream.addr(), [filter])).await.unwrap();
    let client = HttpClient::http1(envoy.addr("ingress"));
    for _ in 0..20 {
        assert_eq!(client.get("/size/1").await.unwrap().status, 200);
    }
    let event = eventually("the event", Duration::from_secs(10), async || {
        let log = envoy.log();
        let line = log.lines().find(|line| line.contains("\"event\":\"config.rejected\""))?.to_owned();
        Some(line)
    });
    let event = event.await.unwrap();
    assert!(event.contains("\"code\":\"signature-needed\""), "{event}");
    assert_eq!(envoy.injected("storm", "abort").await.unwrap(), 0);

    for (id, signers, runs) in
        [("one", &[ALICE][..], false), ("two", &[ALICE, BOB], true), ("weak", &[ALICE, CAROL], false)]
    {
        let plugin = signed(&storm(id, "high"), &in_an_hour(), signers);
        envoy.update_filter(FILTER, &HttpFilter::squall_config(FILTER, &plugin).unwrap()).await.unwrap();
        assert_eq!(client.get("/size/1").await.unwrap().status, if runs { 503 } else { 200 }, "{id}");
        let metrics = envoy.prometheus().await.unwrap();
        assert_eq!(rejected(&metrics), Some(if runs { 0.0 } else { 1.0 }), "{id}");
        let approvals = metrics.value("chaos_approvals", &[]);
        assert_eq!(approvals, Some(if runs { 2.0 } else { 0.0 }), "{id}");
    }
    assert!(envoy.log().contains("\"approved_by\":[\"alice\",\"bob\"]"), "{}", envoy.log());
}

/// A signed mission with one thing changed since, or signed wrongly from the beginning.
fn attacks() -> Vec<(&'static str, &'static str, Value)> {
    let good = |id: &str| signed(&storm(id, "high"), &in_an_hour(), &[ALICE, BOB]);
    let changed = |id: &str, pointer: &str, value: Value| {
        let mut plugin = good(id);
        *plugin.pointer_mut(pointer).expect("the place") = value;
        plugin
    };
    let payload = |id: &str, change: fn(&mut Value)| {
        let plugin = storm(id, "high");
        let mut mission = bound(&plugin["mission"], &plugin["catalog"], &in_an_hour());
        change(&mut mission);
        changed(id, "/mission/payload", sealed(mission.to_string().as_bytes(), &[])["payload"].clone())
    };
    let other_sig = |plugin: &Value, from: usize| plugin["mission"]["signatures"][from]["sig"].clone();
    let add = |mut plugin: Value, key: &str, value: Value| {
        plugin[key] = value;
        plugin
    };
    let signed_by = |id: &str, signers: &[(&str, u8)]| signed(&storm(id, "high"), &in_an_hour(), signers);
    vec![
        ("unsigned", "signature-needed", storm("a1", "high")),
        ("unsigned critical", "signature-needed", storm("a2", "critical")),
        ("one signature", "signature-needed", signed_by("a3", &[BOB])),
        ("a longer duration", "bad-signature", payload("a4", |m| m["duration"] = json!("2h"))),
        (
            "no expiry any more",
            "bad-signature",
            payload("a5", |m| drop(m.as_object_mut().unwrap().remove("expires"))),
        ),
        ("another id", "bad-signature", payload("a6", |m| m["id"] = json!("a6-again"))),
        (
            "signatures swapped",
            "bad-signature",
            changed("a7", "/mission/signatures/0/sig", other_sig(&good("a7"), 1)),
        ),
        (
            "signatures of another mission",
            "bad-signature",
            changed("a8", "/mission/signatures/0/sig", other_sig(&good("x"), 0)),
        ),
        ("a foreign key", "bad-signature", signed_by("a9", &[("alice", 9), BOB])),
        ("one person twice", "signed-twice", signed_by("a10", &[BOB, BOB])),
        ("one person as two", "bad-signature", signed_by("a11", &[ALICE, ("bob", 1)])),
        ("a stranger", "unknown-operator", signed_by("a12", &[ALICE, ("mallory", 9)])),
        ("up to medium alone", "not-allowed", signed_by("a13", &[ALICE, CAROL])),
        ("expired", "expired", signed(&storm("a14", "high"), "2026-01-01T00:00:00Z", &[ALICE, BOB])),
        (
            "good for ever",
            "expires-late",
            signed(&storm("a15", "high"), "2099-01-01T00:00:00Z", &[ALICE, BOB]),
        ),
        (
            "another recipe",
            "digest-mismatch",
            changed("a16", "/catalog/scenarios/0/faults/0/abort/status", json!(500)),
        ),
        (
            "a lower severity",
            "digest-mismatch",
            changed("a17", "/catalog/scenarios/0/severity", json!("low")),
        ),
        (
            "another type",
            "wrong-payload-type",
            changed("a18", "/mission/payloadType", json!("application/json")),
        ),
        ("truncated", "syntax", {
            let plugin = storm("a19", "high");
            let text = bound(&plugin["mission"], &plugin["catalog"], &in_an_hour()).to_string();
            changed("a19", "/mission", sealed(&text.as_bytes()[..text.len() - 9], &[ALICE, BOB]))
        }),
        ("no base64", "bad-format", changed("a20", "/mission/payload", json!("%%%"))),
        (
            "oversized",
            "out-of-range",
            changed("a21", "/mission", sealed(&vec![b' '; 200_000], &[ALICE, BOB])),
        ),
        ("an envelope in an envelope", "unknown-key", {
            changed("a22", "/mission", sealed(good("a22")["mission"].to_string().as_bytes(), &[ALICE, BOB]))
        }),
        ("a denied namespace", "denied-namespace", add(good("a23"), "deny_namespaces", json!(["te*"]))),
        ("another namespace", "wrong-namespace", add(good("a24"), "identity", json!({"namespace": "bank"}))),
        (
            "a key under two names",
            "shared-key",
            changed("a25", "/operators/1/key", good("a25")["operators"][0]["key"].clone()),
        ),
        ("a rule that asks for one", "out-of-range", add(good("a26"), "sign_off", json!({"high": 1}))),
    ]
}

/// While every attack comes as a configuration update, requests flow and not one is faulted.
#[tokio::test(flavor = "multi_thread")]
async fn p6_every_attack_is_refused_while_traffic_flows() {
    let upstream = HttpUpstream::start().await.unwrap();
    let idle = json!({"version": 1, "catalog": storm("none", "low")["catalog"]});
    let filter = HttpFilter::squall_discovered(FILTER, &idle).unwrap();
    let options = EnvoyOptions::default().concurrency(2);
    let envoy = options.start(EnvoyConfig::proxy(upstream.addr(), [filter])).await.unwrap();
    let attacks = attacks();
    let until = Duration::from_secs(600);
    let load = Load::http1(envoy.addr("ingress")).connections(4).path("/size/1");
    let storming = async {
        for (name, code, plugin) in &attacks {
            let seen = envoy.log().len();
            envoy.update_filter(FILTER, &HttpFilter::squall_config(FILTER, plugin).unwrap()).await.unwrap();
            let told = eventually(name, Duration::from_secs(10), async || {
                let log = envoy.log();
                log.get(seen..)?.contains(&format!("error[{code}]")).then_some(())
            });
            told.await.unwrap();
            assert_eq!(rejected(&envoy.prometheus().await.unwrap()), Some(1.0), "{name}");
        }
    };
    let report = tokio::select! {
        report = load.for_time(until) => panic!("the load ended first: {report:?}"),
        () = storming => load_so_far(&envoy).await,
    };
    let (good, bad, injected) = report;
    assert!(good > 200, "traffic flowed: {good}");
    assert_eq!((bad, injected), (0, 0), "not one request was faulted");
}

/// Answers of the listener so far, those with an error, and faults.
async fn load_so_far(envoy: &Envoy) -> (u64, u64, u64) {
    let stat = async |name: &str| envoy.stat(name).await.unwrap();
    let injected = envoy.injected("storm", "abort").await.unwrap();
    (stat("http.ingress.downstream_rq_2xx").await, stat("http.ingress.downstream_rq_5xx").await, injected)
}
