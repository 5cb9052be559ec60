//! The table of attacks on a control listener that knows its operators. Each is refused with its reason, nothing changes by it, and
//! the traffic flows as it flowed before, on all four workers.

mod halted;
mod orders;
mod running;
mod smuggled;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use ed25519_dalek::Signer;
use serde_json::{Value, json};
use squall_envoy_tests::{EnvoyOptions, Experiment, HttpClient, raw_exchange};
use squall_policy::{REQUEST_TYPE, base64, pae};
use tokio::task::JoinSet;

use crate::proxy::{Proxy, idle, order, request, request_at, until};
use crate::signing::{self, ALICE, BOB, bound, key, sealed};
use crate::{BOUND, alone};

/// The kinds of which the table has to have some.
const KINDS: [&str; 9] = [
    "forged",
    "replayed",
    "expired",
    "truncated",
    "oversized",
    "reordered",
    "cross-mission",
    "wrong-namespace",
    "header-smuggled",
];

/// One attack, and how it is refused.
struct Attack {
    kind: &'static str,
    what: &'static str,
    sent: Sent,
    status: u16,
    /// The code of the problem; empty where Envoy refuses it before the module.
    code: &'static str,
}

enum Sent {
    /// Posted to this path.
    Body(String, String),
    /// Bytes as they are.
    Raw(String),
}

/// A row whose body is posted.
fn row(
    (kind, what): (&'static str, &'static str),
    path: &str,
    body: impl ToString,
    (status, code): (u16, &'static str),
) -> Attack {
    Attack { kind, what, sent: Sent::Body(path.to_owned(), body.to_string()), status, code }
}

/// A mission of severity high that aborts everything.
fn storm(id: &str) -> Experiment {
    Experiment::new()
        .on_path("storm", "/size/1", json!([{"abort": {"status": 503}}]))
        .with("severity", json!("high"))
        .set("id", json!(id))
        .set("lease", json!("10m"))
}

fn from_now(seconds: i64) -> SystemTime {
    let span = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 { SystemTime::now() - span } else { SystemTime::now() + span }
}

fn text(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time).to_string()
}

/// The mission with what binds its signatures, changed.
fn payload(id: &str, change: impl Fn(&mut Value)) -> Value {
    let experiment = storm(id);
    let mut mission = bound(&order(&experiment), &experiment.plugin()["catalog"], &text(from_now(600)));
    change(&mut mission);
    mission
}

/// An order as two operators sign it.
fn good(id: &str) -> Value {
    signed_by(id, &[ALICE, BOB])
}

fn signed_by(id: &str, signers: &[(&str, u8)]) -> Value {
    sealed(payload(id, |_| {}).to_string().as_bytes(), signers)
}

/// A signed request: stop, renew or release.
fn asked(body: &Value, signers: &[(&str, u8)]) -> Value {
    let payload = body.to_string().into_bytes();
    let sign = |seed: u8| base64(&key(seed).sign(&pae(REQUEST_TYPE, &payload)).to_bytes());
    let signatures: Vec<Value> =
        signers.iter().map(|(name, seed)| json!({"keyid": name, "sig": sign(*seed)})).collect();
    json!({"payloadType": REQUEST_TYPE, "payload": base64(&payload), "signatures": signatures})
}

/// One bit is another.
fn flipped(mut envelope: Value, pointer: &str) -> Value {
    let place = envelope.pointer_mut(pointer).expect("the place");
    let text = place.as_str().expect("text");
    let first = if text.starts_with('A') { "B" } else { "A" };
    *place = json!(format!("{first}{}", &text[1..]));
    envelope
}

struct Besieged {
    proxy: Arc<Proxy>,
    kinds: BTreeMap<&'static str, usize>,
}

impl Besieged {
    /// Every attack is refused, while every request gets `expected`.
    async fn stand(&mut self, attacks: Vec<Attack>, state: &'static str, expected: u16) {
        let number = attacks.len();
        let load = self.proxy.load("/size/1").connections(16);
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let load = tokio::spawn(async move {
            load.open_loop_until(300.0, Duration::from_secs(60), stopped).await.unwrap()
        });
        let begun = Instant::now();
        let mut wrong = Vec::new();
        let mut together = JoinSet::new();
        for attack in attacks {
            *self.kinds.entry(attack.kind).or_default() += 1;
            let proxy = Arc::clone(&self.proxy);
            match &attack.sent {
                Sent::Body(..) => wrong.extend(repel(&proxy, &attack, state).await.err()),
                // Envoy takes a second to close each of these connections.
                Sent::Raw(_) => drop(together.spawn(async move { repel(&proxy, &attack, state).await })),
            }
        }
        wrong.extend(together.join_all().await.into_iter().filter_map(Result::err));
        until(begun + BOUND / 2).await;
        drop(stop);
        let report = load.await.unwrap();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        println!("{number} attacks while {state}: {} requests", report.total());
        assert_eq!(report.count(expected), report.total(), "while {state}: {} broke", report.broken());
        assert!(report.total() > 100, "{} requests", report.total());
    }
}

impl Attack {
    /// The last word of the path that it is sent to.
    fn aim(&self) -> &str {
        let path = match &self.sent {
            Sent::Body(path, _) => path,
            Sent::Raw(bytes) => bytes.split(' ').nth(1).unwrap_or_default(),
        };
        path.rsplit('/').next().unwrap_or_default()
    }

    /// The event that docs/events.md promises: of a mission that came and is not run, and of a request that is refused for its form, its
    /// signature, its time or its target. What is refused before its body is read has none.
    fn event(&self) -> Option<&'static str> {
        match (self.aim(), self.status, self.code) {
            (_, _, "" | "foreign-origin") => None,
            ("missions", 400 | 403 | 409 | 422, _) => Some("mission.refused"),
            ("stop" | "renew" | "release", 400 | 403, _) => Some("request.refused"),
            _ => None,
        }
    }

    /// Whether this event tells of it. A request's form has codes of its own in events.
    fn is_told_by(&self, event: &Value) -> bool {
        let by_request = event["event"] == "request.refused";
        // An event has the code of the first mistake, and a namespace that is denied is not the proxy's own either.
        let first = if self.code == "denied-namespace" { "wrong-namespace" } else { self.code };
        let code = event["code"] == first || (by_request && self.code == "bad-body");
        Some(event["event"].as_str().unwrap_or_default()) == self.event()
            && code
            && (!by_request || event["action"] == self.aim())
            && event["reason"].as_str().is_some_and(|reason| !reason.is_empty())
    }
}

/// The number of the last event, and the events after a number.
async fn events(proxy: &Proxy, since: u64) -> (u64, Vec<Value>) {
    let told = proxy.control.get(&format!("/v1/events?since={since}")).await.unwrap().json();
    (told["last"].as_u64().unwrap(), told["events"].as_array().unwrap().clone())
}

/// Sends it; says what was not as it has to be.
async fn repel(proxy: &Proxy, attack: &Attack, state: &str) -> Result<(), String> {
    let (before, _) = events(proxy, 0).await;
    answered(proxy, attack, state).await?;
    // A refusal that is the same in every word is told once in ten seconds, and no two missions have the same digest.
    let since = if attack.event() == Some("mission.refused") { before } else { 0 };
    let (_, told) = events(proxy, since).await;
    if attack.event().is_none() || told.iter().any(|event| attack.is_told_by(event)) {
        return Ok(());
    }
    let Attack { kind, what, code, .. } = attack;
    Err(format!("{kind}: {what}: no event {:?} with {code} among {told:?}", attack.event()))
}

async fn answered(proxy: &Proxy, attack: &Attack, state: &str) -> Result<(), String> {
    let address = proxy.envoy.addr("control");
    let (status, answer) = match &attack.sent {
        Sent::Body(path, body) => {
            let headers = [("content-type", "application/json")];
            // A connection of its own: Envoy closes some of them after its answer.
            let reply = HttpClient::http1(address).post(path, &headers, body.clone()).await.unwrap();
            (reply.status, reply.text())
        }
        Sent::Raw(bytes) => {
            let answer = raw_exchange(address, bytes.as_bytes()).await.unwrap();
            let answer = String::from_utf8_lossy(&answer).into_owned();
            (answer.get(9..12).and_then(|status| status.parse().ok()).unwrap_or(0), answer)
        }
    };
    let told = format!("\"code\":\"{}\"", attack.code);
    let says = attack.code.is_empty() || answer.replace(": ", ":").contains(&told);
    let inside = answer.matches("HTTP/1.1 ").count() <= 1 && !answer.contains("no module");
    let now = proxy.status().await["state"].clone();
    if (status, says, inside, &now) == (attack.status, true, true, &json!(state)) {
        return Ok(());
    }
    let Attack { kind, what, status: expected, code, .. } = attack;
    Err(format!("{kind}: {what}: {status}, state {now}, instead of {expected} {code}: {answer}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p2_p6_every_attack_of_the_table_is_refused_and_traffic_flows_throughout() {
    let _turn = alone().await;
    let mut plugin = idle(&storm("none"));
    plugin["operators"] = signing::operators();
    plugin["operators"].as_array_mut().unwrap().push(json!({
        "name": "dave", "key": base64(key(4).verifying_key().as_bytes()), "may": ["stop"], "up_to": "critical",
    }));
    plugin["deny_namespaces"] = json!(["prod", "prod-*"]);
    let proxy = Proxy::launch(&plugin, EnvoyOptions::default()).await;
    let mut besieged = Besieged { proxy: Arc::new(proxy), kinds: BTreeMap::new() };
    besieged.stand(orders::attacks(), "idle", 200).await;
    besieged.stand(smuggled::attacks(), "idle", 200).await;
    running::scene(&mut besieged).await;
    halted::scene(&mut besieged).await;
    let Besieged { proxy, kinds } = besieged;
    println!("{kinds:?}");
    let table: usize = kinds.values().sum();
    assert!(table >= 40 && KINDS.iter().all(|kind| kinds.contains_key(kind)), "{table}: {kinds:?}");
    assert_eq!(kinds.len(), KINDS.len());
    proxy.assert_sound().await;
}
