//! The dashboard against what Grafana takes, and Istio's access log against a standalone Envoy's.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use squall_envoy_tests::repo_root;

use super::dashboard::dashboard;

fn read(path: &str) -> String {
    std::fs::read_to_string(repo_root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What Grafana takes of a dashboard of schema version 39, as far as this one uses it: a key that is not here is a slip.
fn schema() -> Value {
    let text = json!({"type": "string"});
    let flag = json!({"type": "boolean"});
    let source = json!({"type": "object", "required": ["type", "uid"], "additionalProperties": false,
        "properties": {"type": text, "uid": text}});
    let place = json!({"type": "integer", "minimum": 0});
    let grid = json!({"type": "object", "required": ["h", "w", "x", "y"], "additionalProperties": false,
        "properties": {"h": place, "w": {"type": "integer", "minimum": 1, "maximum": 24}, "x": {"type": "integer", "minimum": 0, "maximum": 23}, "y": place}});
    let target = json!({"type": "object", "required": ["refId", "expr", "datasource"], "additionalProperties": false, "properties": {
        "refId": text, "expr": text, "datasource": source, "legendFormat": text, "range": flag, "instant": flag,
        "format": {"enum": ["time_series", "table", "heatmap"]}, "editorMode": {"enum": ["code", "builder"]}}});
    let step = json!({"type": "object", "required": ["color", "value"], "properties": {"color": text, "value": {"type": ["number", "null"]}}});
    let defaults = json!({"type": "object", "additionalProperties": false, "properties": {
        "unit": text, "min": {"type": "number"}, "max": {"type": "number"}, "decimals": place, "noValue": text, "color": {"type": "object"}, "custom": {"type": "object"},
        "mappings": {"type": "array", "items": {"type": "object", "required": ["type", "options"],
            "properties": {"type": {"enum": ["value", "range", "regex", "special"]}, "options": {"type": "object"}}}},
        "thresholds": {"type": "object", "required": ["mode", "steps"],
            "properties": {"mode": {"enum": ["absolute", "percentage"]}, "steps": {"type": "array", "items": step}}}}});
    let panel = json!({"type": "object", "required": ["id", "type", "title", "gridPos"], "additionalProperties": false, "properties": {
        "id": {"type": "integer"}, "type": {"enum": ["row", "stat", "timeseries", "table"]}, "title": text, "description": text, "gridPos": grid,
        "datasource": source, "targets": {"type": "array", "items": target}, "options": {"type": "object"}, "transformations": {"type": "array"},
        "fieldConfig": {"type": "object", "required": ["defaults", "overrides"], "properties": {"defaults": defaults, "overrides": {"type": "array"}}},
        "collapsed": flag, "panels": {"type": "array", "maxItems": 0}}});
    json!({"type": "object", "required": ["title", "uid", "schemaVersion", "panels", "templating", "annotations"],
        "properties": {"schemaVersion": {"const": 39}, "uid": {"type": "string", "maxLength": 40}, "graphTooltip": {"enum": [0, 1, 2]},
            "refresh": text, "time": {"type": "object", "required": ["from", "to"]}, "panels": {"type": "array", "items": panel}}})
}

fn mistakes(value: &Value) -> Vec<String> {
    let validator = jsonschema::options().build(&schema()).unwrap();
    validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[test]
fn the_dashboard_has_only_what_grafana_takes() {
    assert_eq!(mistakes(&dashboard()), Vec::<String>::new());
    for (place, wrong) in [
        ("/panels/1/gridPos/h", json!("tall")),
        ("/panels/1/type", json!("stats")),
        ("/panels/1/targets/0/expr", json!(1)),
    ] {
        let mut dashboard = dashboard();
        *dashboard.pointer_mut(place).unwrap() = wrong;
        assert_eq!(mistakes(&dashboard).len(), 1, "{place}");
    }
}

/// Name and format of each field of an access log.
fn fields<'t>(text: &'t str, from: &str, until: impl Fn(&str) -> bool) -> BTreeMap<&'t str, &'t str> {
    let (_, fields) = text.split_once(from).expect(from);
    let lines = fields.lines().skip(1).take_while(|line| !until(line));
    lines
        .filter_map(|line| line.trim().split_once(": "))
        .map(|(key, value)| (key, value.trim_matches('"')))
        .collect()
}

#[test]
fn the_access_log_of_istio_has_what_that_of_a_standalone_envoy_has() {
    let istio = read("istio/telemetry-mesh.yaml");
    let istio = fields(&istio, "labels:", |line| !line.starts_with("            "));
    let standalone = read("envoy/envoy.yaml");
    let indent = |line: &str| line.len() - line.trim_start().len();
    let (_, after) = standalone.split_once("json_format:").unwrap();
    let own = indent(after.lines().nth(1).unwrap());
    let standalone = fields(&standalone, "json_format:", |line| indent(line) < own);
    assert!(istio.len() >= 16, "{istio:#?}");
    // The headers of a standalone Envoy are those that its catalog asks for.
    let standalone: BTreeMap<_, _> =
        standalone.into_iter().filter(|(key, _)| !key.starts_with("headers.")).collect();
    let istio: BTreeMap<_, _> = istio.into_iter().filter(|(key, _)| *key != "trace_id").collect();
    assert_eq!(istio, standalone);
}
