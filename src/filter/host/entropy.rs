//! Entropy for `getrandom`, which knows no source of its own on wasm32-unknown-unknown.

use super::abi;

/// The error code that `getrandom` reports when the host has no entropy.
const HOST_HAS_NONE: u16 = 1;

/// Called by `getrandom` (custom backend, see `.cargo/config.toml`).
#[unsafe(no_mangle)]
unsafe extern "Rust" fn __getrandom_v03_custom(
    dest: *mut u8,
    len: usize,
) -> std::result::Result<(), getrandom::Error> {
    // SAFETY: `dest` is valid for `len` bytes by getrandom's contract; the host fills all of them or fails.
    match unsafe { abi::random_get(dest, len) } {
        0 => Ok(()),
        _ => Err(getrandom::Error::new_custom(HOST_HAS_NONE)),
    }
}
