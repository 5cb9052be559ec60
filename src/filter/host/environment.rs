//! The environment of the VM, which Envoy fills from `vm_config.environment_variables`. The standard library has none on
//! wasm32-unknown-unknown.

use super::{Result, abi, check};

/// More than any environment that is meant.
const LARGEST: usize = 1024 * 1024;

/// An environment variable, `None` when there is none of this name.
pub fn variable(name: &str) -> Result<Option<String>> {
    let (mut count, mut size) = (0, 0);
    // SAFETY: the pointers are valid for the duration of the call.
    check(unsafe { abi::environ_sizes_get(&mut count, &mut size) })?;
    if count == 0 || count > LARGEST || size > LARGEST {
        return Ok(None);
    }
    let mut starts = vec![std::ptr::null_mut(); count];
    let mut buffer = vec![0; size];
    // SAFETY: both are as large as the host said they have to be.
    check(unsafe { abi::environ_get(starts.as_mut_ptr(), buffer.as_mut_ptr()) })?;
    let found = buffer.split(|byte| *byte == 0).find_map(|pair| {
        let value = pair.strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
        String::from_utf8(value.to_vec()).ok()
    });
    Ok(found)
}
