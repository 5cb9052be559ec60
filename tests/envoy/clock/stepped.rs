//! A library that is loaded into Envoy before all others (`LD_PRELOAD`): its wall clock is so many seconds off as a file says.
//!
//! Time namespaces (`unshare -T`) offset the monotonic clock and never the wall clock, and setting the machine's clock would meet
//! everything else on it. Envoy takes `clock_gettime` from the C library, which it links dynamically, so this works, and needs
//! no package. The monotonic clock stays as it is.

use std::ffi::{CStr, c_char, c_int, c_long, c_void};
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicI64, AtomicPtr, Ordering};

#[repr(C)]
pub struct Moment {
    seconds: i64,
    nanoseconds: i64,
}

const WALL: c_int = 0;
const WALL_COARSE: c_int = 5;
#[cfg(target_arch = "x86_64")]
const CLOCK_GETTIME: c_long = 228;
#[cfg(target_arch = "aarch64")]
const CLOCK_GETTIME: c_long = 113;

const READ: c_int = 1;
const SHARED: c_int = 1;
/// The name of the file.
const VARIABLE: &CStr = c"SQUALL_TEST_CLOCK";

unsafe extern "C" {
    fn syscall(number: c_long, ...) -> c_long;
    fn getenv(name: *const c_char) -> *const c_char;
    fn open(path: *const c_char, flags: c_int, ...) -> c_int;
    fn mmap(at: *mut c_void, size: usize, may: c_int, flags: c_int, file: c_int, offset: i64) -> *mut c_void;
}

/// The number in the file, once it is mapped.
static STEP: AtomicPtr<AtomicI64> = AtomicPtr::new(null_mut());

/// In the place of the C library's.
///
/// # Safety
/// As there: `moment` is valid for writes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(clock: c_int, moment: *mut Moment) -> c_int {
    // SAFETY: the kernel checks both arguments.
    let result = unsafe { syscall(CLOCK_GETTIME, clock as c_long, moment) };
    if result == 0 && (clock == WALL || clock == WALL_COARSE) {
        // SAFETY: the kernel has written to it.
        unsafe { (*moment).seconds += step() };
    }
    result as c_int
}

fn step() -> i64 {
    let mut step = STEP.load(Ordering::Relaxed);
    if step.is_null() {
        step = map();
        STEP.store(step, Ordering::Relaxed);
    }
    // SAFETY: the mapping is never undone, and the file is never made shorter.
    unsafe { step.as_ref() }.map_or(0, |step| step.load(Ordering::Relaxed))
}

/// Two threads that come first both map it, which does no harm.
fn map() -> *mut AtomicI64 {
    // SAFETY: the name ends with a zero byte, and so does what the environment gives.
    unsafe {
        let path = getenv(VARIABLE.as_ptr());
        let file = if path == null() { -1 } else { open(path, 0) };
        let place = mmap(null_mut(), size_of::<i64>(), READ, SHARED, file, 0);
        if file < 0 || place as isize == -1 { null_mut() } else { place.cast() }
    }
}
