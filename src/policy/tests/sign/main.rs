//! Sign-off: who may run what (promise P6). Tables of attacks, each refused with its own code, and beside them what has to pass.

mod attacks;
mod curve;
mod digests;
mod nonces;
mod requests;
mod rules;

use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};
use squall_policy::{
    Code, Diagnostic, Level, Loaded, MISSION_TYPE, Node, Proxy, Report, digest_text, load_mission_on,
    load_plugin_on, pae,
};

/// 2026-12-01T09:00:00Z.
const NOW: u64 = 1_796_115_600_000;
const MINUTE: u64 = 60_000;

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

const ALICE: u8 = 1;
const BOB: u8 = 2;
const CAROL: u8 = 3;
const DAVE: u8 = 4;
/// No operator of anything.
const MALLORY: u8 = 66;

fn public(seed: u8) -> String {
    squall_policy::base64(key(seed).verifying_key().as_bytes())
}

fn config() -> Value {
    let scenario = |name: &str, severity: &str| json!({"name": name, "severity": severity, "faults": [{"delay": {"fixed": "100ms", "percent": 12.5}}]});
    let operator = |name: &str, seed: u8, may: &[&str], up_to: &str| json!({"name": name, "key": public(seed), "may": may, "up_to": up_to});
    json!({
        "version": 1,
        "identity": {"namespace": "shop"},
        "catalog": {"version": 1, "scenarios": [
            scenario("calm", "low"), scenario("breeze", "medium"), scenario("storm", "high"),
            scenario("hurricane", "critical"),
        ]},
        "operators": [
            operator("alice", ALICE, &["start", "approve", "stop", "renew", "release"], "critical"),
            operator("bob", BOB, &["approve"], "critical"),
            operator("carol", CAROL, &["start", "approve", "renew", "release", "stop"], "medium"),
            operator("dave", DAVE, &["stop"], "low"),
        ],
        "deny_namespaces": ["prod", "live-*"],
    })
}

/// The digest of a scenario of a configuration.
fn digest_of(config: &Value, name: &str) -> String {
    let scenarios = config["catalog"]["scenarios"].as_array().expect("scenarios");
    let scenario = scenarios.iter().find(|s| s["name"] == name).expect("the scenario");
    let node: Node = serde_json::from_value(scenario.clone()).expect("a tree");
    digest_text(&node)
}

fn mission(scenarios: &[&str]) -> Value {
    let digests: serde_json::Map<_, _> =
        scenarios.iter().map(|name| ((*name).to_owned(), json!(digest_of(&config(), name)))).collect();
    json!({
        "version": 1, "id": "run-1", "scenarios": scenarios, "namespace": "shop", "duration": "1m", "seed": "s",
        "expires": "2026-12-01T10:00:00Z", "digests": digests,
    })
}

/// What alice and bob sign, as it travels, and how the proxy has been set up.
struct Case {
    config: Value,
    payload: Vec<u8>,
    payload_type: String,
    signers: Vec<(&'static str, u8)>,
    now_ms: u64,
    accepted: bool,
}

impl Case {
    fn good() -> Self {
        Self {
            config: config(),
            payload: mission(&["storm"]).to_string().into_bytes(),
            payload_type: MISSION_TYPE.to_owned(),
            signers: vec![("alice", ALICE), ("bob", BOB)],
            now_ms: NOW,
            accepted: false,
        }
    }

    fn of(mission: &Value) -> Self {
        Self { payload: mission.to_string().into_bytes(), ..Self::good() }
    }

    /// With the mission changed before it is signed.
    fn with(key: &str, value: Value) -> Self {
        let mut mission = mission(&["storm"]);
        mission[key] = value;
        Self::of(&mission)
    }

    fn without(key: &str) -> Self {
        let mut mission = mission(&["storm"]);
        mission.as_object_mut().expect("an object").remove(key);
        Self::of(&mission)
    }

    fn signed_by(self, signers: &[(&'static str, u8)]) -> Self {
        Self { signers: signers.to_vec(), ..self }
    }

    fn configured(mut self, pointer: &str, value: Value) -> Self {
        let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
        self.config.pointer_mut(parent).expect("its parent")[key] = value;
        self
    }

    fn unconfigured(mut self, key: &str) -> Self {
        self.config.as_object_mut().expect("an object").remove(key);
        self
    }

    fn at(self, now_ms: u64) -> Self {
        Self { now_ms, ..self }
    }

    fn envelope(&self) -> Value {
        let signed = pae(&self.payload_type, &self.payload);
        let signatures: Vec<Value> = self
            .signers
            .iter()
            .map(|(keyid, seed)| json!({"keyid": keyid, "sig": standard(&key(*seed).sign(&signed).to_bytes())}))
            .collect();
        json!({"payloadType": self.payload_type, "payload": standard(&self.payload), "signatures": signatures})
    }

    /// The envelope, as the configuration's mission.
    fn load(&self, envelope: &Value) -> Outcome {
        let mut config = self.config.clone();
        config["mission"] = envelope.clone();
        let mut report = Report::default();
        let loaded = load_plugin_on(
            config.to_string().as_bytes(),
            &mut Here { accepted: self.accepted },
            self.now_ms,
            &mut report,
        );
        (loaded, report.findings)
    }

    /// These bytes, as an order.
    fn order(&self, bytes: &[u8]) -> Outcome {
        let mut report = Report::default();
        let loaded = load_mission_on(
            self.config.to_string().as_bytes(),
            bytes,
            &mut Here { accepted: self.accepted },
            self.now_ms,
            &mut report,
        );
        (loaded, report.findings)
    }
}

type Outcome = (Option<Loaded>, Vec<Diagnostic>);

struct Here {
    accepted: bool,
}

impl Proxy for Here {
    fn namespace(&mut self) -> Option<String> {
        None
    }

    fn service(&mut self) -> Option<String> {
        None
    }

    fn label(&mut self, _: &str) -> Option<String> {
        None
    }

    fn has_accepted(&mut self, mission: &str, _: &[u8; 32]) -> bool {
        self.accepted && mission == "run-1"
    }
}

/// Base64 in the usual alphabet, with padding.
fn standard(bytes: &[u8]) -> String {
    let mut text = squall_policy::base64(bytes).replace('-', "+").replace('_', "/");
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}

/// The codes of all errors with their key paths.
fn told((_, findings): &Outcome) -> Vec<(Code, String)> {
    let errors = findings.iter().filter(|finding| finding.code.level() == Level::Error);
    errors.map(|finding| (finding.code, finding.path.clone())).collect()
}

/// Refused, with this code at this place and nothing else, and with a way out.
fn is_refused(outcome: &Outcome, code: Code, path: &str) -> bool {
    outcome.0.is_none()
        && told(outcome) == [(code, path.to_owned())]
        && outcome.1.iter().all(|finding| !finding.message.is_empty() && !finding.hint.is_empty())
}

/// Loaded without a finding, and approved by these.
fn is_approved((loaded, findings): &Outcome, by: &[&str]) -> bool {
    findings.is_empty() && loaded.as_ref().is_some_and(|l| l.plan.is_some() && l.approval.by == by)
}
