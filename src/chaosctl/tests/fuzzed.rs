//! The fuzz target over files (fuzz/yaml.rs), for a bounded number of rounds from a fixed seed.

#[allow(dead_code, reason = "the reader uses one function of it")]
#[path = "../excerpt.rs"]
mod excerpt;
#[path = "../../../fuzz/mutate.rs"]
mod mutate;
#[allow(dead_code, reason = "the target reads one document")]
#[path = "../reader.rs"]
mod reader;
#[path = "../scalar.rs"]
mod scalar;
#[allow(dead_code, reason = "`excerpt` uses two functions of it")]
#[path = "../terminal.rs"]
mod terminal;
#[path = "../../../fuzz/yaml.rs"]
mod yaml;

use mutate::Numbers;

const ROUNDS: usize = 10_000;

#[test]
fn mutated_files() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/yaml");
    let entries = std::fs::read_dir(folder).expect("the seeds").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<_> = entries.collect();
    files.sort();
    let seeds: Vec<_> = files.iter().map(|file| std::fs::read(file).expect("a seed")).collect();
    let mut numbers = Numbers(8842);
    let mut good = 0;
    for round in 0..ROUNDS {
        good += usize::from(yaml::check(&mutate::mutate(&seeds[round % seeds.len()], &mut numbers)));
    }
    // Both sides of the border are tried.
    assert!((ROUNDS / 20..ROUNDS * 19 / 20).contains(&good), "{good} of {ROUNDS} are good");
}
