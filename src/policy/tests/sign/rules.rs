//! What may run: who has to sign, and what needs no signature.

use super::{
    ALICE, BOB, CAROL, Case, MINUTE, NOW, config, is_approved, is_refused, mission, public, standard, told,
};
use serde_json::{Value, json};
use squall_policy::{Code, Loaded, Report, load_plugin, wire::Severity};

#[track_caller]
fn passes(case: &Case, by: &[&str]) {
    let envelope = case.envelope();
    for outcome in [case.load(&envelope), case.order(envelope.to_string().as_bytes())] {
        assert!(is_approved(&outcome, by), "{:?}", outcome.1);
    }
}

#[test]
fn p6_a_mission_with_the_signatures_that_its_severity_asks_for_runs() {
    passes(&Case::good(), &["alice", "bob"]);
    passes(&Case::good().signed_by(&[("bob", BOB), ("alice", ALICE)]), &["bob", "alice"]);
    passes(&Case::of(&mission(&["hurricane", "calm"])), &["alice", "bob"]);
    passes(&Case::of(&mission(&["breeze"])).signed_by(&[("carol", CAROL)]), &["carol"]);
    passes(&Case::of(&mission(&["calm"])).signed_by(&[("carol", CAROL)]), &["carol"]);
}

#[test]
fn the_highest_severity_decides() {
    let case = Case::of(&mission(&["calm", "storm", "breeze"])).signed_by(&[("alice", ALICE)]);
    let outcome = case.load(&case.envelope());
    assert!(is_refused(&outcome, Code::SignatureNeeded, "mission.scenarios[1]"), "{:?}", told(&outcome));
    assert!(
        outcome.1[0].message.contains("needs 2 signatures, and only 1 signed"),
        "{}",
        outcome.1[0].message
    );
    let severity = |case: Case| case.load(&case.envelope()).0.and_then(|loaded| loaded.approval.severity);
    assert_eq!(severity(Case::of(&mission(&["calm", "storm", "breeze"]))), Some(Severity::High));
    assert_eq!(severity(Case::of(&mission(&["calm"]))), Some(Severity::Low));
}

/// In the configuration whoever may write it has the say; over the control listener an operator has to sign.
#[test]
fn p6_a_plain_mission_runs_where_its_severity_needs_no_signature() {
    let plain = |scenario: &str| {
        let mut plain = mission(&[scenario]);
        for key in ["expires", "digests"] {
            plain.as_object_mut().expect("an object").remove(key);
        }
        plain
    };
    let with = Case::good();
    assert!(is_approved(&with.load(&plain("calm")), &[]));
    let without = Case::good().unconfigured("operators");
    for scenario in ["calm", "breeze"] {
        assert!(is_approved(&without.load(&plain(scenario)), &[]));
        assert!(is_approved(&without.order(plain(scenario).to_string().as_bytes()), &[]));
    }
    let refused = |outcome| {
        assert!(is_refused(&outcome, Code::SignatureNeeded, "mission.scenarios[0]"), "{:?}", told(&outcome))
    };
    for scenario in ["breeze", "storm", "hurricane"] {
        refused(with.load(&plain(scenario)));
    }
    refused(with.order(plain("calm").to_string().as_bytes()));
    for scenario in ["storm", "hurricane"] {
        refused(without.load(&plain(scenario)));
        refused(without.order(plain(scenario).to_string().as_bytes()));
    }
}

#[test]
fn sign_off_can_be_raised_and_a_severity_never_needs_fewer_than_a_lower_one() {
    let raised = |rule: Value, scenario: &str, signers: &[(&'static str, u8)]| {
        let case = Case::of(&mission(&[scenario])).configured("/sign_off", rule).signed_by(signers);
        let outcome = case.load(&case.envelope());
        assert!(
            outcome.0.is_some() || is_refused(&outcome, Code::SignatureNeeded, "mission.scenarios[0]"),
            "{:?}",
            outcome.1
        );
        outcome.0.is_some()
    };
    let (one, two): (&[_], &[_]) = (&[("alice", ALICE)], &[("alice", ALICE), ("bob", BOB)]);
    assert!(raised(json!({"low": 1}), "calm", one) && !raised(json!({"low": 2}), "calm", one));
    assert!(!raised(json!({"low": 2}), "breeze", one) && raised(json!({"low": 2}), "breeze", two));
    assert!(
        raised(json!({"critical": 3}), "storm", two) && !raised(json!({"critical": 3}), "hurricane", two)
    );
    assert!(!raised(json!({"high": 3}), "hurricane", two));
}

#[test]
fn p6_a_mission_that_runs_goes_on_after_its_expiry_and_no_other_does() {
    let late = |accepted| Case { accepted, ..Case::good().at(NOW + 61 * MINUTE) };
    passes(&late(true), &["alice", "bob"]);
    let outcome = late(false).load(&late(false).envelope());
    assert!(is_refused(&outcome, Code::Expired, "mission.expires"));
    let mut other = mission(&["storm"]);
    other["id"] = json!("run-2");
    let other = Case { accepted: true, ..Case::of(&other).at(NOW + 61 * MINUTE) };
    assert!(is_refused(&other.load(&other.envelope()), Code::Expired, "mission.expires"));
    // Up to the last millisecond, 30 days ahead, and with a clock five minutes behind the signer's.
    passes(&Case::good().at(NOW + 60 * MINUTE), &["alice", "bob"]);
    passes(&Case::with("expires", json!("2026-12-31T09:05:00Z")), &["alice", "bob"]);
    let outcome = Case::with("expires", json!("2026-12-31T09:05:00.001Z"));
    assert!(is_refused(&outcome.load(&outcome.envelope()), Code::ExpiresLate, "mission.expires"));
}

/// Expiry and digests bind a plain mission too, where it has them.
#[test]
fn a_plain_mission_may_expire_and_name_digests() {
    let case = Case::good().at(NOW + 61 * MINUTE);
    assert!(is_refused(&case.load(&mission(&["calm"])), Code::Expired, "mission.expires"));
    let case = Case::good().configured("/catalog/scenarios/0/faults/0/delay/fixed", json!("2s"));
    assert!(is_refused(&case.load(&mission(&["calm"])), Code::DigestMismatch, "mission.digests.calm"));
}

/// Whoever writes the configuration may always stop what runs.
#[test]
fn a_disabled_mission_needs_no_signature() {
    let mut disabled = mission(&["storm"]);
    disabled["enable"] = json!(false);
    disabled["expires"] = json!("2020-01-01T00:00:00Z");
    let (loaded, findings) = Case::good().load(&disabled);
    assert_eq!(findings, []);
    let loaded = loaded.expect("it is loaded");
    assert!(!loaded.mission.expect("a mission").enable && loaded.approval.by.is_empty());
    let mut elsewhere = disabled.clone();
    elsewhere["namespace"] = json!("bank");
    assert!(is_refused(&Case::good().load(&elsewhere), Code::WrongNamespace, "mission.namespace"));
}

#[test]
fn base64_comes_in_either_alphabet_with_or_without_padding() {
    // Bytes that are written differently in the two alphabets.
    let case = Case::with("seed", json!("???>>>~~~ÿÿ"));
    let mut envelope = case.envelope();
    let payload = envelope["payload"].as_str().expect("text").to_owned();
    assert!(payload.contains(['+', '/']), "{payload}");
    let url = |text: &str| json!(text.replace('+', "-").replace('/', "_").trim_end_matches('='));
    envelope["payload"] = url(&payload);
    envelope["signatures"][0]["sig"] = url(envelope["signatures"][0]["sig"].as_str().expect("text"));
    assert!(is_approved(&case.load(&envelope), &["alice", "bob"]));
    // The signature is one of the bytes, not of how they are written.
    assert_eq!(standard(&case.payload), payload);
}

/// Who signed matters to events; which mission it is does not depend on them.
#[test]
fn the_digest_is_the_missions_own() {
    let digest = |loaded: Option<Loaded>| loaded.expect("it is loaded").approval.digest;
    let case = Case::of(&mission(&["breeze"]));
    let signed = digest(case.load(&case.envelope()).0);
    let other = Case::of(&mission(&["breeze"])).signed_by(&[("carol", CAROL)]);
    assert_eq!(digest(other.order(other.envelope().to_string().as_bytes()).0), signed);
    assert_eq!(digest(case.unconfigured("operators").load(&mission(&["breeze"])).0), signed);
    assert_ne!(digest(Case::good().load(&mission(&["calm"])).0), signed);
}

/// `chaosctl` reads configurations without a clock: everything is checked but the time.
#[test]
fn without_a_clock_nothing_expires_and_all_else_is_checked() {
    let case = Case::with("expires", json!("2020-01-01T00:00:00Z"));
    let mut config = case.config.clone();
    config["mission"] = case.envelope();
    let mut report = Report::default();
    let loaded = load_plugin(config.to_string().as_bytes(), None, &mut report).expect("it is loaded");
    assert_eq!(loaded.approval.by, ["alice", "bob"]);
    config["mission"]["signatures"] = json!([config["mission"]["signatures"][0].clone()]);
    assert!(load_plugin(config.to_string().as_bytes(), None, &mut report).is_none());
}

#[test]
fn operators_tell_who_they_are() {
    let loaded = Case::good().load(&mission(&["calm"])).0.expect("it is loaded");
    let alice = loaded.operators.get("alice").expect("an operator");
    assert_eq!(squall_policy::base64(alice.key.0.as_bytes()), public(ALICE));
    assert!(loaded.operators.get("mallory").is_none() && !loaded.operators.is_empty());
    assert_eq!(loaded.operators.names(), "alice, bob, carol, dave");
    let needs = |s| loaded.operators.needed(s);
    let severities = [Severity::Low, Severity::Medium, Severity::High, Severity::Critical];
    assert_eq!(severities.map(needs), [0, 1, 2, 2]);
    let none =
        Case::of(&mission(&["calm"])).unconfigured("operators").load(&mission(&["calm"])).0.expect("loaded");
    assert_eq!(severities.map(|s| none.operators.needed(s)), [0, 0, 2, 2]);
    assert!(config().get("sign_off").is_none());
}

/// Where no namespace is denied, a proxy that does not know its own takes a mission of any: it could not run one otherwise.
#[test]
fn a_proxy_that_does_not_know_its_namespace_takes_a_mission_where_none_is_denied() {
    let lost = || Case::good().unconfigured("identity");
    assert_eq!(lost().unconfigured("deny_namespaces").load(&lost().envelope()).1, []);
    let (loaded, findings) = lost().load(&lost().envelope());
    assert!(loaded.is_none() && findings.len() == 1, "{findings:?}");
    assert!(findings[0].hint.contains("identity.namespace"), "{findings:?}");
    assert_eq!(Case::good().load(&lost().envelope()).1, [], "it does know");
}
