//! Any bytes as a catalog or mission file. The reader is chaosctl's own source: a program has no library to link.
#![no_main]

#[path = "../../src/chaosctl/reader.rs"]
mod reader;
#[path = "../../src/chaosctl/scalar.rs"]
mod scalar;
#[path = "../yaml.rs"]
mod yaml;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    yaml::check(input);
});
