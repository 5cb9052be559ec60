//! Missions that nobody may run here. Each is tried in the plugin configuration and as an order over the control listener.

use super::{
    ALICE, BOB, CAROL, Case, DAVE, MALLORY, MINUTE, NOW, config, digest_of, is_refused, mission, public,
    standard, told,
};
use serde_json::{Value, json};
use squall_policy::{Code, MISSION_TYPE, REQUEST_TYPE};

struct Attack {
    name: &'static str,
    code: Code,
    path: &'static str,
    case: Case,
    /// What happens to the envelope after it was signed.
    after: fn(&mut Value),
}

fn attack(name: &'static str, code: Code, path: &'static str, case: Case) -> Attack {
    Attack { name, code, path, case, after: |_| {} }
}

/// An attack on an envelope that alice and bob have signed.
fn tampered(name: &'static str, code: Code, path: &'static str, after: fn(&mut Value)) -> Attack {
    Attack { name, code, path, case: Case::good(), after }
}

#[track_caller]
fn check(attacks: &[Attack]) {
    let mut wrong = Vec::new();
    for attack in attacks {
        let mut envelope = attack.case.envelope();
        (attack.after)(&mut envelope);
        let ways = [attack.case.load(&envelope), attack.case.order(envelope.to_string().as_bytes())];
        for (way, outcome) in ["configuration", "order"].iter().zip(ways) {
            if !is_refused(&outcome, attack.code, attack.path) {
                let (code, path) = (attack.code.slug(), attack.path);
                wrong.push(format!(
                    "{} ({way}): {:?}, expected {code} at {path}",
                    attack.name,
                    told(&outcome)
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} are not refused right:\n{}",
        wrong.len(),
        attacks.len(),
        wrong.join("\n")
    );
}

fn payload_of(mission: &Value) -> Value {
    json!(standard(mission.to_string().as_bytes()))
}

#[test]
fn p6_signatures_that_do_not_count() {
    use Code::{BadSignature, SignatureNeeded, SignedTwice, UnknownOperator};
    let first = "mission.signatures[0]";
    let second = "mission.signatures[1]";
    check(&[
        attack(
            "a foreign key under a name that is known",
            BadSignature,
            first,
            Case::good().signed_by(&[("alice", MALLORY), ("bob", BOB)]),
        ),
        attack(
            "an operator under the name of another",
            BadSignature,
            second,
            Case::good().signed_by(&[("alice", ALICE), ("bob", ALICE)]),
        ),
        attack(
            "a stranger",
            UnknownOperator,
            second,
            Case::good().signed_by(&[("alice", ALICE), ("mallory", MALLORY)]),
        ),
        attack(
            "a stranger beside enough operators",
            UnknownOperator,
            "mission.signatures[2]",
            Case::good().signed_by(&[("alice", ALICE), ("bob", BOB), ("mallory", MALLORY)]),
        ),
        attack(
            "one person twice",
            SignedTwice,
            second,
            Case::good().signed_by(&[("alice", ALICE), ("alice", ALICE)]),
        ),
        attack(
            "one person twice beside another",
            SignedTwice,
            "mission.signatures[2]",
            Case::good().signed_by(&[("alice", ALICE), ("bob", BOB), ("alice", ALICE)]),
        ),
        attack(
            "one signature where two are needed",
            SignatureNeeded,
            "mission.scenarios[0]",
            Case::good().signed_by(&[("alice", ALICE)]),
        ),
        attack(
            "an envelope where no operators are configured",
            UnknownOperator,
            first,
            Case::of(&mission(&["calm"])).signed_by(&[("alice", ALICE)]).unconfigured("operators"),
        ),
        tampered("the signatures of two people swapped", BadSignature, first, |e| {
            let sig = e["signatures"][0]["sig"].take();
            e["signatures"][0]["sig"] = e["signatures"][1]["sig"].take();
            e["signatures"][1]["sig"] = sig;
            // The second does not verify either: one finding is enough to see here.
            e["signatures"].as_array_mut().expect("a list").truncate(1);
        }),
        tampered("a signature of zeros", BadSignature, first, |e| {
            e["signatures"][0]["sig"] = json!(standard(&[0; 64]));
        }),
        tampered("a changed byte of a signature", BadSignature, second, |e| {
            let sig = e["signatures"][1]["sig"].as_str().expect("text");
            let other = if sig.starts_with('A') { "B" } else { "A" };
            e["signatures"][1]["sig"] = json!(format!("{other}{}", &sig[1..]));
        }),
    ]);
}

#[test]
fn p6_payloads_that_were_changed() {
    use Code::{BadSignature, WrongPayloadType};
    let changed = |name, after| Attack {
        name,
        code: BadSignature,
        path: "mission.signatures[0]",
        case: Case::of(&mission(&["breeze"])).signed_by(&[("alice", ALICE)]),
        after,
    };
    check(&[
        changed("a longer duration", |e| {
            let mut mission = mission(&["breeze"]);
            mission["duration"] = json!("1h");
            e["payload"] = payload_of(&mission);
        }),
        changed("another mission under the signature", |e| {
            let mut mission = mission(&["breeze"]);
            mission["id"] = json!("run-2");
            e["payload"] = payload_of(&mission);
        }),
        changed("another scenario", |e| e["payload"] = payload_of(&mission(&["calm"]))),
        changed("the keys in another order", |e| {
            let mission = mission(&["breeze"]);
            let mut members: Vec<_> = mission.as_object().expect("an object").iter().collect();
            members.reverse();
            let text: Vec<String> = members.iter().map(|(key, value)| format!("{key:?}: {value}")).collect();
            e["payload"] = json!(standard(format!("{{{}}}", text.join(",")).as_bytes()));
        }),
        changed("a blank more", |e| {
            e["payload"] = json!(standard(format!("{} ", mission(&["breeze"])).as_bytes()))
        }),
        tampered("the type of a request", WrongPayloadType, "mission.payloadType", |e| {
            e["payloadType"] = json!(REQUEST_TYPE)
        }),
        tampered("the type in upper case", WrongPayloadType, "mission.payloadType", |e| {
            e["payloadType"] = json!(MISSION_TYPE.to_uppercase());
        }),
    ]);
}

#[test]
fn p6_signatures_over_something_else() {
    let signed_as = |name, signed: fn(&Case) -> Vec<u8>| {
        let case = Case::of(&mission(&["breeze"]));
        let mut envelope = case.envelope();
        let signature = ed25519_dalek::Signer::sign(&super::key(ALICE), &signed(&case));
        envelope["signatures"] = json!([{"keyid": "alice", "sig": standard(&signature.to_bytes())}]);
        let outcome = case.load(&envelope);
        assert!(
            is_refused(&outcome, Code::BadSignature, "mission.signatures[0]"),
            "{name}: {:?}",
            told(&outcome)
        );
    };
    signed_as("the payload alone", |case| case.payload.clone());
    signed_as("the payload in base64", |case| standard(&case.payload).into_bytes());
    signed_as("another type", |case| squall_policy::pae(REQUEST_TYPE, &case.payload));
    signed_as("another length of the type", |case| {
        format!("DSSEv1 4 {MISSION_TYPE} {} {}", case.payload.len(), String::from_utf8_lossy(&case.payload))
            .into_bytes()
    });
}

#[test]
fn p6_envelopes_that_cannot_be_read() {
    use Code::{BadFormat, DuplicateKey, MissingKey, OutOfRange, Syntax, UnknownKey, WrongType};
    let raw = |payload: &[u8]| Case { payload: payload.to_vec(), ..Case::good() };
    let text = mission(&["storm"]).to_string();
    check(&[
        tampered("base64 with a blank in it", BadFormat, "mission.payload", |e| {
            e["payload"] = json!(format!(" {}", e["payload"].as_str().expect("text")));
        }),
        tampered("no base64", BadFormat, "mission.payload", |e| e["payload"] = json!("{}")),
        tampered("no payload", OutOfRange, "mission.payload", |e| e["payload"] = json!("")),
        tampered("a payload beside base64", WrongType, "mission.payload", |e| {
            e["payload"] = mission(&["storm"])
        }),
        tampered("a payload of megabytes", OutOfRange, "mission.payload", |e| {
            e["payload"] = json!(standard(&vec![b' '; 181 * 1024]));
        }),
        tampered("a signature of 63 bytes", OutOfRange, "mission.signatures[0].sig", |e| {
            e["signatures"][0]["sig"] = json!(standard(&[1; 63]));
        }),
        tampered("a signature of 65 bytes", OutOfRange, "mission.signatures[1].sig", |e| {
            e["signatures"][1]["sig"] = json!(standard(&[1; 65]));
        }),
        tampered("a signature without a key id", MissingKey, "mission.signatures[0].keyid", |e| {
            e["signatures"][0].as_object_mut().expect("an object").remove("keyid");
        }),
        tampered("an empty key id", BadFormat, "mission.signatures[0].keyid", |e| {
            e["signatures"][0]["keyid"] = json!("")
        }),
        tampered("a key id in upper case", BadFormat, "mission.signatures[0].keyid", |e| {
            e["signatures"][0]["keyid"] = json!("Alice");
        }),
        tampered("no signatures", OutOfRange, "mission.signatures", |e| e["signatures"] = json!([])),
        tampered("nine signatures", OutOfRange, "mission.signatures", |e| {
            e["signatures"] = Value::Array(vec![e["signatures"][0].clone(); 9]);
        }),
        tampered("a plain mission and a payload", UnknownKey, "mission.enable", |e| {
            e["enable"] = json!(false)
        }),
        tampered("a key beside those of an envelope", UnknownKey, "mission.signatures[0].cert", |e| {
            e["signatures"][0]["cert"] = json!("x");
        }),
        attack("a payload cut off", Syntax, "mission.payload", raw(&text.as_bytes()[..text.len() - 1])),
        attack(
            "two missions in one payload",
            Syntax,
            "mission.payload",
            raw(format!("{text}{text}").as_bytes()),
        ),
        attack("a byte order mark", Syntax, "mission.payload", raw(format!("\u{feff}{text}").as_bytes())),
        attack("no UTF-8", Syntax, "mission.payload", raw(b"{\"id\": \"\xff\"}")),
        attack(
            "a key that stands twice in the payload",
            DuplicateKey,
            "mission.duration",
            raw(text.replacen('{', "{\"duration\":\"1m\",", 1).as_bytes()),
        ),
        attack(
            "a scenario whose digest stands twice",
            DuplicateKey,
            "mission.digests.storm",
            raw(text
                .replacen(
                    "\"digests\":{",
                    &format!("\"digests\":{{\"storm\":\"{}\",", digest_of(&config(), "storm")),
                    1,
                )
                .as_bytes()),
        ),
    ]);
}

/// Findings of several keys: a mission that is none, and an envelope within an envelope.
#[test]
fn p6_payloads_that_are_no_mission() {
    for payload in
        [b"[]".to_vec(), b"null".to_vec(), b"7".to_vec(), Case::good().envelope().to_string().into_bytes()]
    {
        let case = Case { payload, ..Case::good() };
        for outcome in [case.load(&case.envelope()), case.order(case.envelope().to_string().as_bytes())] {
            assert!(
                outcome.0.is_none() && !told(&outcome).is_empty(),
                "{:?}",
                String::from_utf8_lossy(&case.payload)
            );
        }
    }
}

/// Bytes that only an order can have: the configuration around them would not be JSON.
#[test]
fn p6_orders_that_cannot_be_read() {
    let text = Case::good().envelope().to_string();
    let twice = text.replacen('{', &format!("{{\"payloadType\":\"{MISSION_TYPE}\","), 1);
    let rows: [(&str, Code, &str, Vec<u8>); 6] = [
        ("nothing", Code::Syntax, "mission", Vec::new()),
        ("the half of it", Code::Syntax, "mission", text.as_bytes()[..text.len() / 2].to_vec()),
        ("a byte behind it", Code::Syntax, "mission", format!("{text}x").into_bytes()),
        ("two envelopes", Code::Syntax, "mission", format!("{text}{text}").into_bytes()),
        ("more than is read", Code::TooLarge, "mission", vec![b' '; squall_policy::MISSION_LIMIT + 1]),
        (
            "a key that stands twice in the envelope",
            Code::DuplicateKey,
            "mission.payloadType",
            twice.into_bytes(),
        ),
    ];
    for (name, code, path, bytes) in rows {
        let outcome = Case::good().order(&bytes);
        assert!(is_refused(&outcome, code, path), "{name}: {:?}", told(&outcome));
    }
}

#[test]
fn p6_missions_for_somewhere_or_some_time_else() {
    use Code::{Conflict, DeniedNamespace, Expired, ExpiresLate, MissingKey, WrongNamespace};
    let denied = |namespace: &str| {
        Case::with("namespace", json!(namespace)).configured("/identity/namespace", json!(namespace))
    };
    check(&[
        attack(
            "another namespace",
            WrongNamespace,
            "mission.namespace",
            Case::with("namespace", json!("bank")),
        ),
        attack("a namespace that is denied", DeniedNamespace, "mission.namespace", denied("prod")),
        attack(
            "one that begins like those that are",
            DeniedNamespace,
            "mission.namespace",
            denied("live-eu"),
        ),
        attack(
            "somewhere that does not know where it is",
            WrongNamespace,
            "mission.namespace",
            Case::good().unconfigured("identity"),
        ),
        attack("one minute late", Expired, "mission.expires", Case::good().at(NOW + 61 * MINUTE)),
        attack("a millisecond late", Expired, "mission.expires", Case::good().at(NOW + 60 * MINUTE + 1)),
        attack("a clock that nobody knows", Expired, "mission.expires", Case::good().at(u64::MAX)),
        attack("without an expiry", MissingKey, "mission.expires", Case::without("expires")),
        attack(
            "good for a year",
            ExpiresLate,
            "mission.expires",
            Case::with("expires", json!("2027-12-01T09:00:00Z")),
        ),
        attack(
            "over before it starts",
            Conflict,
            "mission.expires",
            Case::with("start", json!("2026-12-01T10:00:01Z")),
        ),
    ]);
}

#[test]
fn p6_scenarios_that_were_not_signed() {
    use Code::{BadFormat, Conflict, DigestMismatch, MissingKey};
    let storm = digest_of(&config(), "storm");
    check(&[
        attack(
            "another recipe of the same name",
            DigestMismatch,
            "mission.digests.storm",
            Case::good().configured("/catalog/scenarios/2/faults/0/delay/fixed", json!("1m")),
        ),
        attack(
            "a severity that was lowered",
            DigestMismatch,
            "mission.digests.storm",
            Case::good().configured("/catalog/scenarios/2/severity", json!("low")),
        ),
        attack(
            "a wider scope",
            DigestMismatch,
            "mission.digests.storm",
            Case::good().configured("/catalog/scenarios/2/scope", json!({"direction": "any"})),
        ),
        attack("without digests", MissingKey, "mission.digests", Case::without("digests")),
        attack("with those of another scenario alone", MissingKey, "mission.digests.storm", {
            let mut mission = mission(&["storm", "calm"]);
            mission["digests"].as_object_mut().expect("an object").remove("storm");
            Case::of(&mission)
        }),
        attack("with one too many", Conflict, "mission.digests.calm", {
            Case::with("digests", json!({"storm": storm, "calm": digest_of(&config(), "calm")}))
        }),
        attack(
            "a digest cut off",
            BadFormat,
            "mission.digests.storm",
            Case::with("digests", json!({"storm": &storm[..70]})),
        ),
        attack(
            "a digest in upper case",
            BadFormat,
            "mission.digests.storm",
            Case::with("digests", json!({"storm": storm.to_uppercase()})),
        ),
    ]);
}

#[test]
fn p6_operators_who_may_not() {
    use Code::NotAllowed;
    check(&[
        attack(
            "above what an operator may",
            NotAllowed,
            "mission.signatures[1]",
            Case::good().signed_by(&[("alice", ALICE), ("carol", CAROL)]),
        ),
        attack(
            "by one who may stop alone",
            NotAllowed,
            "mission.signatures[0]",
            Case::of(&mission(&["calm"])).signed_by(&[("dave", DAVE), ("alice", ALICE)]),
        ),
        attack(
            "by those who may approve alone",
            NotAllowed,
            "mission.signatures",
            Case::of(&mission(&["breeze"])).signed_by(&[("bob", BOB)]),
        ),
    ]);
}

/// Keys that stand for nobody, or for two.
#[test]
fn p6_operators_that_are_refused() {
    use Code::{BadFormat, Conflict, DuplicateName, OutOfRange, SharedKey, WeakKey};
    let rows = [
        ("the key of another", "/operators/1/key", json!(public(ALICE)), SharedKey, "operators[1]"),
        ("the name of another", "/operators/1/name", json!("alice"), DuplicateName, "operators[1]"),
        ("a key of 31 bytes", "/operators/0/key", json!(standard(&[1; 31])), BadFormat, "operators[0].key"),
        ("no point of the curve", "/operators/0/key", json!(standard(&[2; 32])), WeakKey, "operators[0].key"),
        ("the neutral point", "/operators/0/key", json!(standard(&neutral())), WeakKey, "operators[0].key"),
        ("a point of order 4", "/operators/0/key", json!(standard(&[0; 32])), WeakKey, "operators[0].key"),
        ("one signature for high", "/sign_off", json!({"high": 1}), OutOfRange, "sign_off.high"),
        ("none for medium", "/sign_off", json!({"medium": 0}), OutOfRange, "sign_off.medium"),
        ("one for critical", "/sign_off", json!({"critical": 1}), OutOfRange, "sign_off.critical"),
        ("every namespace denied", "/deny_namespaces", json!(["*"]), BadFormat, "deny_namespaces[0]"),
    ];
    for (name, pointer, value, code, path) in rows {
        let mut case = Case::good().configured(pointer, value);
        case.config.as_object_mut().expect("an object").remove("mission");
        let mut report = squall_policy::Report::default();
        let text = case.config.to_string();
        let loaded = squall_policy::load_plugin_on(
            text.as_bytes(),
            &mut super::Here { accepted: false },
            NOW,
            &mut report,
        );
        let outcome = (loaded, report.findings);
        assert!(is_refused(&outcome, code, path), "{name}: {:?}", told(&outcome));
    }
    let case =
        Case::of(&mission(&["calm"])).configured("/sign_off", json!({"low": 1})).unconfigured("operators");
    let outcome = case.load(&serde_json::from_slice(&case.payload).expect("a mission"));
    assert!(is_refused(&outcome, Conflict, "sign_off"), "a rule for nobody: {:?}", told(&outcome));
    let many: Vec<Value> = (0..65)
        .map(|n| json!({"name": format!("o{n}"), "key": public(n), "may": ["stop"], "up_to": "low"}))
        .collect();
    let outcome = Case::good().configured("/operators", json!(many)).load(&mission(&["calm"]));
    assert!(is_refused(&outcome, OutOfRange, "operators"), "65 operators: {:?}", told(&outcome));
}

fn neutral() -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[0] = 1;
    bytes
}
