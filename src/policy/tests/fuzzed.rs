//! The fuzz target over the configuration (fuzz/configuration.rs), for a bounded number of rounds from a fixed seed.

#[path = "../../../fuzz/configuration.rs"]
mod configuration;
#[path = "../../../fuzz/mutate.rs"]
mod mutate;

use mutate::Numbers;
use serde_json::{Value, json};

const ROUNDS: usize = 10_000;
const REQUEST: &[u8] = b"\0/users/42?a=b\nPOST\nb.shop\n\xff\xfe\na\n\nuser-1\ndelay=1ms;abort=503\nv1.team-a.99.AAAA\nchaos=%3d,chaos-token=x";

fn seeds() -> Vec<Vec<u8>> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/configuration");
    let entries = std::fs::read_dir(folder).expect("the seeds").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<_> = entries.collect();
    files.sort();
    files.into_iter().map(|file| std::fs::read(file).expect("a seed")).collect()
}

fn with_request(configuration: &[u8]) -> Vec<u8> {
    [configuration, REQUEST].concat()
}

#[test]
fn mutated_bytes() {
    let mut numbers = Numbers(8842);
    let seeds = seeds();
    assert!(seeds.len() >= 2 && seeds.iter().all(|seed| configuration::check(&with_request(seed))));
    let mut loaded = 0;
    for round in 0..ROUNDS {
        let mutated = mutate::mutate(&seeds[round % seeds.len()], &mut numbers);
        loaded += usize::from(configuration::check(&with_request(&mutated)));
    }
    // Both sides of the border are tried.
    assert!((ROUNDS / 20..ROUNDS * 19 / 20).contains(&loaded), "{loaded} of {ROUNDS} loaded");
}

/// Every place of the tree in turn gets values of every type: most of them are refused, deep inside.
#[test]
fn mutated_trees() {
    let values = [
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(1),
        json!(50),
        json!(99.5),
        json!(1e300),
        json!(""),
        json!("a"),
        json!("/"),
        json!("/a/{b}"),
        json!("1ms"),
        json!("1h"),
        json!("8d"),
        json!("64KiB/s"),
        json!("(a|b)*"),
        json!("\u{0}"),
        json!("A".repeat(5_000)),
        json!([]),
        json!(["a"]),
        json!({}),
        json!({"fixed": "1ms"}),
        json!({"exact": "/a"}),
        json!({"header": "x-user"}),
        json!([{"delay": {"fixed": "1ms"}}]),
    ];
    let mut numbers = Numbers(1);
    let (mut loaded, mut tried) = (0, 0);
    for seed in seeds() {
        let tree: Value = serde_json::from_slice(&seed).expect("a seed is JSON");
        let places = places(&tree);
        for place in &places {
            for value in &values {
                let mut mutated = tree.clone();
                *mutated.pointer_mut(place).expect("a place of this tree") = value.clone();
                // A second change, so that mistakes meet each other.
                let other = &places[numbers.below(places.len())];
                if numbers.below(3) == 0
                    && let Some(other) = mutated.pointer_mut(other)
                {
                    *other = values[numbers.below(values.len())].clone();
                }
                loaded += usize::from(configuration::check(&with_request(mutated.to_string().as_bytes())));
                tried += 1;
            }
        }
    }
    assert!(tried > 3_000 && (tried / 50..tried * 9 / 10).contains(&loaded), "{loaded} of {tried} loaded");
}

fn places(tree: &Value) -> Vec<String> {
    fn walk(tree: &Value, path: &str, found: &mut Vec<String>) {
        found.push(path.to_owned());
        match tree {
            Value::Object(entries) => {
                for (key, value) in entries {
                    walk(value, &format!("{path}/{}", key.replace('~', "~0").replace('/', "~1")), found);
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    walk(item, &format!("{path}/{index}"), found);
                }
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(tree, "", &mut found);
    found
}
