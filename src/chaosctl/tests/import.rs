//! `import`: what comes over from every format, and that nothing is passed over in silence.

mod run;

use run::{assert_golden, run, run_with};
use std::collections::BTreeSet;
use std::fs;

const FOLDER: &str = "src/chaosctl/tests/import";
const GOOD: [(&str, &str); 6] = [
    ("istio-bookinfo.yaml", "istio"),
    ("envoy-alone.json", "envoy"),
    ("envoy-listener.yaml", "envoy"),
    ("chaos-mesh.yaml", "chaos-mesh"),
    ("toxiproxy.json", "toxiproxy"),
    ("minimal.yaml", "minimal"),
];
const LOST: [(&str, &str); 5] = [
    ("istio-lost.yaml", "istio"),
    ("envoy-lost.yaml", "envoy"),
    ("chaos-mesh-lost.yaml", "chaos-mesh"),
    ("toxiproxy-lost.json", "toxiproxy"),
    ("minimal-lost.yaml", "minimal"),
];

fn told(ran: &run::Ran) -> Vec<serde_json::Value> {
    serde_json::from_str(&ran.err).unwrap_or_else(|error| panic!("{error}: {}", ran.err))
}

#[test]
fn every_format_comes_over_as_a_catalog_that_validates() {
    for (file, format) in GOOD {
        let path = format!("{FOLDER}/{file}");
        let ran = run(&["import", &path]);
        assert_eq!(ran.code, 0, "{file}: {}", ran.err);
        assert_golden(&format!("import/{file}.catalog.yaml"), &ran.out);
        assert_golden(&format!("import/{file}.told.txt"), &ran.err);
        let valid = run_with(&["validate", "--deny-warnings", "-"], ran.out.as_bytes());
        assert_eq!(valid.code, 0, "{file}: {}", valid.out);
        assert_eq!(run(&["import", "--from", format, &path]).out, ran.out, "{file} is recognized");
    }
}

#[test]
fn what_is_lost_is_told_with_its_place_and_a_way_out() {
    for (file, format) in LOST {
        let ran = run(&["import", "--from", format, &format!("{FOLDER}/{file}")]);
        assert_golden(&format!("import/{file}.told.txt"), &ran.err);
        if !ran.out.is_empty() {
            let valid = run_with(&["validate", "--deny-warnings", "-"], ran.out.as_bytes());
            assert_eq!(valid.code, 0, "{file}: {}", valid.out);
        }
        let json = told(&run(&["import", "--output", "json", "--from", format, &format!("{FOLDER}/{file}")]));
        assert!(json.len() > 4, "{json:?}");
        for finding in json {
            for key in ["file", "code", "level", "key", "message", "hint"] {
                assert!(finding[key].is_string(), "{key}: {finding}");
            }
            assert!(finding["line"].as_u64() > Some(0) && finding["column"].as_u64() > Some(0), "{finding}");
        }
    }
}

/// Every key path of a file: one more key anywhere must not pass in silence.
#[test]
fn no_key_is_passed_over_in_silence_wherever_it_stands() {
    for (file, format) in GOOD.into_iter().filter(|(file, _)| *file != "envoy-listener.yaml") {
        let text = fs::read_to_string(run::root().join(FOLDER).join(file)).expect("a file");
        let documents: Vec<serde_json::Value> = text
            .split("\n---\n")
            .map(|part| {
                let plain = run_with(&["import", "--from", format, "-"], part.as_bytes());
                assert_ne!(plain.code, 2, "{}", plain.err);
                yaml(part)
            })
            .collect();
        for document in documents {
            let mut places = Vec::new();
            objects(&document, String::new(), &mut places);
            assert!(places.len() > 3, "{places:?}");
            for place in places {
                let mut changed = document.clone();
                let object = changed
                    .pointer_mut(&place)
                    .and_then(serde_json::Value::as_object_mut)
                    .expect("an object");
                object.insert("zz_unheard_of".to_owned(), serde_json::json!("x"));
                let ran = run_with(&["import", "--from", format, "-"], changed.to_string().as_bytes());
                let heard = ran.err.contains("zz_unheard_of") || ran.out.contains("zz_unheard_of");
                assert!(heard, "{file} {place}: {}", ran.err);
            }
        }
    }
}

fn objects(value: &serde_json::Value, path: String, places: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(map) => {
            places.push(path.clone());
            for (key, inner) in map {
                objects(inner, format!("{path}/{}", key.replace('~', "~0").replace('/', "~1")), places);
            }
        }
        serde_json::Value::Array(items) => {
            items.iter().enumerate().for_each(|(n, inner)| objects(inner, format!("{path}/{n}"), places));
        }
        _ => {}
    }
}

/// YAML as JSON, by way of `validate`'s own reader: what a plugin configuration with it in a free place prints.
fn yaml(text: &str) -> serde_json::Value {
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text).expect("JSON");
    }
    let indented: String = text.lines().map(|line| format!("          {line}\n")).collect();
    let catalog = format!(
        "version: 1\nscenarios:\n- name: a\n  faults:\n  - mutate:\n      response:\n        body:\n         merge:\n{indented}"
    );
    let shown = run_with(&["show", "a", "--catalog", "-", "--output", "json"], catalog.as_bytes());
    let scenario: serde_json::Value =
        serde_json::from_str(&shown.out).unwrap_or_else(|e| panic!("{e}: {}", shown.err));
    scenario["faults"][0]["mutate"]["response"]["body"]["merge"].clone()
}

#[test]
fn a_mission_is_written_beside_the_catalog_and_runs_with_it() {
    for (file, wanted) in [
        (
            "minimal.yaml",
            &[
                "scenarios:\n- downstream-db-latency",
                "namespace: chaos-testing",
                "duration: \"15m\"",
                "enable: true",
            ][..],
        ),
        ("chaos-mesh.yaml", &["namespace: shop", "duration: \"2m\""]),
        ("istio-bookinfo.yaml", &["namespace: shop", "duration: \"15m\""]),
        ("toxiproxy.json", &["composition: independent"]),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let [catalog, mission] =
            ["c.yaml", "m.yaml"].map(|name| folder.path().join(name).display().to_string());
        let path = format!("{FOLDER}/{file}");
        let arguments = ["import", &path, "--out", &catalog, "--mission-out", &mission];
        let ran = run(&arguments);
        assert_eq!((ran.code, ran.out.as_str()), (0, ""), "{file}: {}", ran.err);
        assert!(ran.err.contains(&format!("chaosctl validate {catalog} {mission}")), "{}", ran.err);
        let text = fs::read_to_string(&mission).expect("a mission");
        for wanted in wanted {
            assert!(text.contains(wanted), "{file} lacks {wanted}: {text}");
        }
        let valid = run(&["validate", &catalog, &mission]);
        // A scenario that ends everything needs signatures, which an import cannot give.
        let signed = valid.out.contains("signature-needed");
        assert_eq!(valid.code, i32::from(signed), "{file}: {}", valid.out);
        let again = run(&arguments);
        assert_eq!(again.code, 2);
        assert!(again.err.contains("is there already; `--force`"), "{}", again.err);
        assert_eq!(run(&[&arguments[..], &["--force"]].concat()).code, 0);
    }
}

#[test]
fn strict_makes_a_loss_a_finding_and_a_mistake_always_is_one() {
    let bookinfo = format!("{FOLDER}/istio-bookinfo.yaml");
    let whole = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: a}\nspec:\n  hosts: [a]\n  \
        http: [{fault: {delay: {percentage: {value: 5}, fixedDelay: 1s}}, route: [{destination: {host: a}}]}]\n";
    assert_eq!(run(&["import", &bookinfo]).code, 0);
    for (text, codes) in [
        (whole.to_owned(), [0, 0]),
        (whole.replace("fixedDelay: 1s", "fixedDelay: 1s, shape: odd"), [0, 1]),
        (whole.replace("fixedDelay: 1s", "fixedDelay: 1.0005s"), [0, 1]),
        (whole.replace("fixedDelay: 1s", "fixedDelay: 1"), [1, 1]),
        (whole.replace("value: 5", "value: 0"), [1, 1]),
    ] {
        let plain = run_with(&["import", "-"], text.as_bytes());
        let strict = run_with(&["import", "--strict", "-"], text.as_bytes());
        assert_eq!([plain.code, strict.code], codes, "{text}{}", plain.err);
    }
}

#[test]
fn what_narrows_a_fault_and_is_lost_takes_the_fault_along() {
    let json = |text: &str, format: &str| {
        let ran = run_with(&["import", "--output", "json", "--from", format, "-"], text.as_bytes());
        let codes: BTreeSet<String> = told(&ran)
            .iter()
            .map(|finding| finding["code"].as_str().unwrap_or_default().to_owned())
            .collect();
        (ran.out, codes)
    };
    let envoy = |header: &str| {
        format!(
            "{{\"abort\": {{\"http_status\": 503, \"percentage\": {{\"numerator\": 1}}}}, \"headers\": [{{\"name\": \"x-a\", {header}}}]}}"
        )
    };
    for (header, kept) in [
        ("\"string_match\": {\"exact\": \"b\"}", true),
        ("\"range_match\": {\"start\": 1, \"end\": 2}", false),
        ("\"string_match\": {\"custom\": 1}", false),
        ("\"string_match\": {\"safe_regex\": {\"regex\": \"(?P<x>\\\\p{Greek})\"}}", false),
    ] {
        let (out, codes) = json(&envoy(header), "envoy");
        assert_eq!(!out.is_empty(), kept, "{header}: {codes:?} {out}");
        assert_eq!(codes.is_empty(), kept, "{header}: {codes:?}");
    }
    // A route that an earlier one leaves nothing to, and one that it leaves some to.
    let istio = |first: &str| {
        format!(
            "kind: VirtualService\nspec:\n  hosts: [a]\n  http:\n  - {{{first}route: [{{destination: {{host: a}}}}]}}\n  \
             - {{fault: {{abort: {{percentage: {{value: 5}}, httpStatus: 500}}}}, route: [{{destination: {{host: a}}}}]}}\n"
        )
    };
    let (out, codes) = json(&istio(""), "istio");
    assert!(out.is_empty() && codes.contains("never-fires"), "{codes:?}{out}");
    let (out, _) = json(&istio("match: [{uri: {prefix: /api}, port: 80}], "), "istio");
    assert!(out.contains("protect:\n    - path:\n        prefix: /api\n"), "{out}");
    let (out, codes) = json(&istio("match: [{port: 80}], "), "istio");
    assert!(out.is_empty() && codes.contains("never-fires"), "{codes:?}{out}");
}

#[test]
fn names_are_made_fit_and_distinct() {
    let toxics = r#"[{"type": "latency", "attributes": {"latency": 5}}, {"type": "latency", "attributes": {"latency": 6}},
        {"name": "7 Of Nine!", "type": "latency", "attributes": {"latency": 7}}]"#;
    let ran = run_with(&["import", "-"], toxics.as_bytes());
    for name in ["- name: latency-downstream\n", "- name: latency-downstream-2\n", "- name: s-7-of-nine\n"] {
        assert!(ran.out.contains(name), "{name}: {}", ran.out);
    }
}

#[test]
fn what_cannot_be_read_or_is_unknown_is_told() {
    let unknown = run_with(&["import", "-"], b"a: 1\n");
    assert_eq!(unknown.code, 2);
    assert!(unknown.err.contains("<stdin>:1: what is this? say it with --from"), "{}", unknown.err);
    let broken = run_with(&["import", "-"], b"a: [1\n");
    assert_eq!(broken.code, 1);
    assert!(broken.err.contains("error[syntax]") && broken.out.is_empty(), "{}", broken.err);
    let twice = run(&["import", "-", "-"]);
    assert_eq!(twice.code, 2);
    assert_eq!(run(&["import", "/nonexistent.yaml"]).code, 2);
    let twins = run_with(
        &["import", "--from", "envoy", "-"],
        br#"{"abort": {"http_status": 500, "http_status": 501, "percentage": {"numerator": 1}}}"#,
    );
    assert_eq!(twins.code, 1);
    assert!(twins.err.contains("error[duplicate-key]"), "{}", twins.err);
}
