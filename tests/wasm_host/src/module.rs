//! A compiled module, ready to be started in any number of VMs.

use std::path::Path;

use wasmtime::{Config, Engine, InstancePre};

use crate::error::HostError;
use crate::imports::{HOST_FUNCTIONS, link};
use crate::state::State;

/// A module compiled to machine code, with its imports resolved. Clones are cheap.
#[derive(Clone)]
pub struct Module {
    pub(crate) engine: Engine,
    pub(crate) prepared: InstancePre<State>,
}

impl Module {
    /// Compiles the file; takes about a second per megabyte.
    ///
    /// # Errors
    /// [`HostError::Load`] for what is no module, [`HostError::UnknownImports`] with all names.
    pub fn load(path: impl AsRef<Path>) -> Result<Module, HostError> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(|error| load(path, &error))?;
        compile(path, &bytes)
    }

    /// The same for a module in memory.
    ///
    /// # Errors
    /// As [`Module::load`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Module, HostError> {
        compile(Path::new("bytes"), bytes)
    }

    /// Names of the host functions that it imports.
    pub fn imports(&self) -> Vec<String> {
        self.prepared.module().imports().map(|import| import.name().to_owned()).collect()
    }
}

fn compile(path: &Path, bytes: &[u8]) -> Result<Module, HostError> {
    let mut config = Config::new();
    config.consume_fuel(true);
    let engine = Engine::new(&config).map_err(|error| load(path, &error))?;
    let module = wasmtime::Module::new(&engine, bytes).map_err(|error| HostError::Load {
        path: path.display().to_string(),
        reason: format!("{error:?}"),
    })?;
    let unknown: Vec<_> = module
        .imports()
        .filter(|import| {
            !HOST_FUNCTIONS.iter().any(|f| (f.module, f.name) == (import.module(), import.name()))
        })
        .map(|import| format!("{}.{}", import.module(), import.name()))
        .collect();
    if !unknown.is_empty() {
        return Err(HostError::UnknownImports(unknown));
    }
    let prepared = link(&engine)
        .and_then(|linker| linker.instantiate_pre(&module))
        .map_err(|error| HostError::Instantiate(format!("{error:?}")))?;
    Ok(Module { engine, prepared })
}

fn load(path: &Path, reason: &dyn std::fmt::Display) -> HostError {
    HostError::Load { path: path.display().to_string(), reason: reason.to_string() }
}
