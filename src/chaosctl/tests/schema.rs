//! `schema` prints what every file of this repository follows.

mod run;

use jsonschema::Validator;
use run::{root, run};
use serde_json::Value;
use std::path::{Path, PathBuf};

fn schema(file: &str) -> Validator {
    let ran = run(&["schema", file]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let schema: Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    jsonschema::draft202012::new(&schema).expect("a JSON Schema")
}

/// The folders that hold a catalog and a mission.
fn pairs(folder: &Path, found: &mut Vec<PathBuf>) {
    if ["catalog.yaml", "mission.yaml"].iter().all(|file| folder.join(file).is_file()) {
        found.push(folder.to_owned());
    }
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let skipped = |path: &Path| {
        path.ends_with("target")
            || path.ends_with("bad")
            || path.file_name().is_some_and(|n| n.to_string_lossy().starts_with('.'))
    };
    for inner in entries.filter(|path| path.is_dir() && !skipped(path)) {
        pairs(&inner, found);
    }
}

fn assert_valid(schema: &Validator, file: &Value, what: &str) {
    let refused: Vec<String> =
        schema.iter_errors(file).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(refused.is_empty(), "{what}: {refused:#?}");
}

#[test]
fn every_catalog_and_mission_of_the_repository_is_valid() {
    let (catalog, mission, plugin) = (schema("catalog"), schema("mission"), schema("plugin"));
    let mut folders = Vec::new();
    pairs(&root(), &mut folders);
    assert!(folders.len() >= 3, "{folders:?}");
    for folder in folders {
        let file = |name: &str| folder.join(name).display().to_string();
        // The trees as the files have them, in the form that a validator reads.
        let ran = run(&[
            "render",
            "plugin",
            "--catalog",
            &file("catalog.yaml"),
            "--mission",
            &file("mission.yaml"),
            // For the scenario that takes requests for faults.
            "--caller-key",
            "demo=env:DEMO_KEY",
        ]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        let tree: Value = serde_json::from_str(&ran.out).expect("JSON");
        assert_valid(&plugin, &tree, &file(""));
        assert_valid(&catalog, &tree["catalog"], &file("catalog.yaml"));
        assert_valid(&mission, &tree["mission"], &file("mission.yaml"));
        // A mission is no catalog, nor the other way round.
        assert!(!catalog.is_valid(&tree["mission"]) && !mission.is_valid(&tree["catalog"]));
    }
    let example = std::fs::read_to_string(root().join("src/policy/bin/example.json")).expect("the example");
    assert_valid(&plugin, &serde_json::from_str(&example).expect("JSON"), "example.json");
}

#[test]
fn every_key_is_described() {
    for file in ["catalog", "mission", "plugin"] {
        let schema: Value = serde_json::from_str(&run(&["schema", file]).out).expect("JSON");
        let definitions = schema["$defs"].as_object().expect("definitions");
        for (name, definition) in definitions {
            assert_eq!(definition["additionalProperties"], false, "{name}");
            for (key, property) in definition["properties"].as_object().expect("properties") {
                let described = property["description"].as_str().is_some_and(|text| text.len() > 5);
                let constrained = ["$ref", "type", "anyOf", "enum", "const"]
                    .iter()
                    .any(|word| property.get(word).is_some());
                assert!(described && constrained, "{file}: {name}.{key}: {property}");
            }
        }
    }
}
