//! The committed JSON Schema (schemas/plugin.json) beside the reader: it refuses nothing that the reader takes.

use crate::{good, put};
use jsonschema::Validator;
use serde_json::Value;
use std::sync::LazyLock;

const PLUGIN: &str = include_str!("../../../../schemas/plugin.json");

pub fn plugin() -> &'static Validator {
    static VALIDATOR: LazyLock<Validator> = LazyLock::new(|| {
        let schema: Value = serde_json::from_str(PLUGIN).expect("schemas/plugin.json is JSON");
        assert!(jsonschema::meta::is_valid(&schema), "schemas/plugin.json is no JSON Schema");
        jsonschema::draft202012::new(&schema).expect("its expressions compile")
    });
    &VALIDATOR
}

#[test]
fn what_the_reader_takes_is_valid() {
    let fixed = "/catalog/scenarios/0/faults/0/delay/fixed";
    let faults = "/catalog/scenarios/0/faults";
    for (at, value) in [
        ("/version", "1.0"),
        (fixed, "\"1m 30s\""),
        (fixed, "\" 2 minutes 5us \""),
        (fixed, "\"1h\""),
        (fixed, "\"7ms3us\""),
        (faults, r#"[{"delay": {"uniform": {"min": "0", "max": "1ms"}}}]"#),
        (faults, r#"[{"delay": {"percentiles": {"p50": "1ms", "p999": "2s"}, "phase": "response"}}]"#),
        (faults, r#"[{"throttle": {"response": "64KiB/s", "request": "1.5 MB/s"}}]"#),
        (
            faults,
            r#"[{"drop": {"mode": "truncate", "after": "0B"}}, {"mutate": {"response": {"body": {"merge": {"a": null}}}}}]"#,
        ),
        (
            faults,
            r#"[{"abort": {"grpc_status": 99, "headers": {"x-empty": "", "x-two": "a, b"}, "percent": 0.0001}}]"#,
        ),
        ("/catalog/scenarios/0/description", "\"two\\nlines and a \\u00fc\""),
        ("/catalog/scenarios/0/scope/sample/by", "\"request\""),
        ("/catalog/scenarios/0/scope/match/0/path", r#"{"template": "/users/{id}/orders"}"#),
        ("/catalog/scenarios/0/scope/match/0/path", r#"{"regex": "/a+|\\s"}"#),
        ("/mission/start", "\"2026-12-01T09:00:00.250Z\""),
        ("/mission/id", "\"A.b_c-9\""),
        ("/mission", ""),
        ("/identity", ""),
    ] {
        let mut configuration = good();
        put(&mut configuration, at, value);
        let (loaded, findings) = crate::load(configuration.to_string().as_bytes());
        assert!(loaded.is_some(), "{at} = {value}: {findings:?}");
        let refused: Vec<String> = plugin().iter_errors(&configuration).map(|e| e.to_string()).collect();
        assert!(refused.is_empty(), "{at} = {value}: {refused:?}");
    }
}
