//! What makes a module one that a proxy-wasm host can load. Each module says it once, in its own crate.

/// The exports that the host needs before any callback (ABI 0.2.1): its name, its start and the allocator.
#[macro_export]
macro_rules! module {
    () => {
        /// The host picks the ABI by the name of this export.
        #[unsafe(no_mangle)]
        extern "C" fn proxy_abi_version_0_2_1() {}

        /// Called once, before anything else.
        #[unsafe(no_mangle)]
        extern "C" fn _initialize() {
            $crate::host::install_logger();
        }

        /// Memory for a value that the host hands over; whoever receives it owns it. Its capacity is its size.
        #[unsafe(export_name = "malloc")]
        extern "C" fn allocate(size: usize) -> *mut u8 {
            Box::into_raw(Box::<[u8]>::new_uninit_slice(size)).cast()
        }
    };
}
