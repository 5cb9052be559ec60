//! What can go wrong between a test and the module.

/// Why a module could not be loaded, started or called.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The file could not be read or is no valid module.
    #[error("{path}: {reason}")]
    Load {
        /// The file, or `bytes`.
        path: String,
        /// The cause.
        reason: String,
    },
    /// The module asks for functions that the host does not have.
    #[error("imports that this host does not offer: {}", .0.join(", "))]
    UnknownImports(Vec<String>),
    /// The module exports no memory, or no function to allocate in it.
    #[error("the module does not export {0}")]
    MissingExport(&'static str),
    /// The module could not be instantiated, for example because an import has another signature.
    #[error("instantiation: {0}")]
    Instantiate(String),
    /// The module trapped; the VM is dead from now on.
    #[error("{callback} trapped: {reason}")]
    Trap {
        /// The callback that the host had entered.
        callback: String,
        /// The trap, and the names of the functions if the module has a name section.
        reason: String,
    },
    /// The VM trapped earlier.
    #[error("the VM is dead since {0} trapped")]
    Dead(String),
    /// `proxy_on_vm_start` or `proxy_on_configure` returned false.
    #[error("{0} returned false")]
    Refused(&'static str),
    /// The stream or root context is unknown or already deleted.
    #[error("no context {0}")]
    NoContext(u32),
}
