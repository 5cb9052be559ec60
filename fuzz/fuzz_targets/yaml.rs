//! Any bytes as a catalog or mission file. The reader is chaosctl's own source: a program has no library to link.
#![no_main]

#[allow(dead_code, reason = "the reader uses one function of it")]
#[path = "../../src/chaosctl/excerpt.rs"]
mod excerpt;
#[path = "../../src/chaosctl/reader.rs"]
mod reader;
#[path = "../../src/chaosctl/scalar.rs"]
mod scalar;
#[allow(dead_code, reason = "`excerpt` uses two functions of it")]
#[path = "../../src/chaosctl/terminal.rs"]
mod terminal;
#[path = "../yaml.rs"]
mod yaml;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    yaml::check(input);
});
