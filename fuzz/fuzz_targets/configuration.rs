//! Any bytes as a plugin configuration with a request behind it.
#![no_main]

#[path = "../configuration.rs"]
mod configuration;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    configuration::check(input);
});
