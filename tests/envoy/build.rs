//! Compiles the clock that tests set in an Envoy (`clock/stepped.rs`) with the compiler that is there anyway.

use std::path::Path;
use std::process::Command;

fn main() {
    let get = |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("cargo sets {name}"));
    let library = Path::new(&get("OUT_DIR")).join("libstepped_clock.so");
    let compiled = Command::new(get("RUSTC"))
        .args(["--edition", "2024", "--crate-type", "cdylib", "--crate-name", "stepped_clock", "-O"])
        .args(["--target", &get("TARGET"), "-C", "strip=symbols", "clock/stepped.rs", "-o"])
        .arg(&library)
        .status();
    assert!(compiled.is_ok_and(|status| status.success()), "clock/stepped.rs does not compile");
    println!("cargo::rustc-env=STEPPED_CLOCK={}", library.display());
    println!("cargo::rerun-if-changed=clock/stepped.rs");
}
