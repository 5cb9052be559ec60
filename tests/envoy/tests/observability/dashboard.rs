//! dashboards/chaos-cockpit.json as far as it can be judged without a Grafana: its structure, and its expressions for
//! [`super::prometheus`].

use std::collections::BTreeSet;

use serde_json::Value;
use squall_envoy_tests::repo_root;

pub fn dashboard() -> Value {
    let text = std::fs::read_to_string(repo_root().join("dashboards/chaos-cockpit.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

/// The expressions of panels, variables and annotations, with where they stand; variables stand for everything.
pub fn expressions() -> Vec<(String, String)> {
    let dashboard = dashboard();
    let mut all = Vec::new();
    for panel in list(&dashboard, "panels") {
        for target in list(panel, "targets") {
            all.push((format!("panel {}", panel["title"]), target["expr"].clone()));
        }
    }
    for annotation in list(&dashboard["annotations"], "list").iter().filter(|a| a["expr"].is_string()) {
        all.push((format!("annotation {}", annotation["name"]), annotation["expr"].clone()));
    }
    for variable in list(&dashboard["templating"], "list").iter().filter(|v| v["type"] == "query") {
        // `label_values(selector, label)`
        let query = variable["query"].as_str().unwrap();
        let inside = query.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')')).unwrap();
        let (selector, label) = inside.rsplit_once(", ").unwrap();
        let expr = format!("count by ({label}) ({selector})");
        all.push((format!("variable {}", variable["name"]), Value::from(expr)));
    }
    // What a panel shows where there is nothing is no data.
    let plain = |text: &str| {
        let variables = ["$namespace", "$service", "$scenario"];
        variables.iter().fold(text.replace(" or vector(0)", ""), |t, v| t.replace(v, ".*"))
    };
    all.into_iter().map(|(place, expr)| (place, plain(expr.as_str().unwrap()))).collect()
}

#[test]
fn panels_have_their_own_ids_and_places() {
    let dashboard = dashboard();
    let panels = list(&dashboard, "panels");
    let ids: BTreeSet<u64> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len());
    assert!(panels.len() > 25);
    let mut taken = BTreeSet::new();
    for panel in panels {
        let [x, y, w, h] = ["x", "y", "w", "h"].map(|key| panel["gridPos"][key].as_u64().unwrap());
        assert!(w > 0 && h > 0 && x + w <= 24, "{}", panel["title"]);
        for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            assert!(taken.insert(cell), "{} overlaps another panel at {cell:?}", panel["title"]);
        }
    }
    let titles: BTreeSet<&str> = panels.iter().filter_map(|panel| panel["title"].as_str()).collect();
    assert_eq!(titles.len(), panels.len(), "a title stands twice");
}

#[test]
fn every_query_has_an_expression_and_the_data_source_of_the_variable() {
    let dashboard = dashboard();
    let source = "${datasource}";
    let variables = list(&dashboard["templating"], "list");
    assert_eq!((&variables[0]["name"], &variables[0]["type"]), (&"datasource".into(), &"datasource".into()));
    let names: Vec<&str> = variables.iter().filter_map(|variable| variable["name"].as_str()).collect();
    assert_eq!(names, ["datasource", "namespace", "service", "scenario"]);
    for variable in &variables[1..] {
        assert_eq!(variable["datasource"]["uid"], source);
    }
    for panel in list(&dashboard, "panels").iter().filter(|panel| panel["type"] != "row") {
        let targets = list(panel, "targets");
        assert!(!targets.is_empty(), "{} asks for nothing", panel["title"]);
        assert!(panel["description"].as_str().is_some_and(|text| text.len() > 15), "{}", panel["title"]);
        let references: BTreeSet<&str> =
            targets.iter().filter_map(|target| target["refId"].as_str()).collect();
        assert_eq!(references.len(), targets.len(), "{}", panel["title"]);
        assert_eq!(panel["datasource"]["uid"], source, "{}", panel["title"]);
        for target in targets {
            assert_eq!(target["datasource"]["uid"], source, "{}", panel["title"]);
            assert!(!target["expr"].as_str().unwrap_or_default().is_empty(), "{}", panel["title"]);
        }
    }
    for key in ["title", "uid", "schemaVersion", "time", "refresh"] {
        assert!(!dashboard[key].is_null(), "{key}");
    }
}
