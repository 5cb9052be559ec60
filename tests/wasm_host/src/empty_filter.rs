//! Builds `bench/empty_filter`, the module that costs are compared with.

use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "wasm32-unknown-unknown";

/// Compiles the empty SDK filter (a few seconds the first time) and returns the path of the module; or
/// returns `$SQUALL_EMPTY_FILTER`, if that is set, and compiles nothing.
///
/// # Errors
/// Text that says what to do: cargo's own message, and how to add the wasm target if that is missing.
pub fn build_empty_filter() -> Result<PathBuf, String> {
    if let Some(path) = std::env::var_os("SQUALL_EMPTY_FILTER") {
        return Ok(path.into());
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../bench/empty_filter");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let target = folder.join("target");
    let output = Command::new(cargo)
        .current_dir(&folder)
        // Flags from outside are meant for native code, and would replace those of .cargo/config.toml.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .args(["build", "--locked", "--release", "--target", TARGET, "--target-dir"])
        .arg(&target)
        .output()
        .map_err(|error| format!("cargo could not be started: {error}"))?;
    if output.status.success() {
        return Ok(target.join(TARGET).join("release/empty_filter.wasm"));
    }
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    let hint = if message.contains("can't find crate for") || message.contains("may not be installed") {
        format!("\nthe wasm target is missing; run: rustup target add {TARGET}")
    } else {
        String::new()
    };
    Err(format!("bench/empty_filter does not build:\n{message}{hint}"))
}
