//! The compiled modules that are compared.

use std::path::{Path, PathBuf};
use std::process::Command;

use squall_envoy_tests::{repo_root, squall_wasm};
use tempfile::TempDir;

use crate::error::{Error, Result};

const EMPTY: &str = "wasm32-unknown-unknown/release/empty_filter.wasm";

/// The files; the stripped one lives as long as this value.
#[derive(Debug)]
pub struct Modules {
    /// Squall, after the link step.
    pub squall: PathBuf,
    /// A filter that does nothing, as the SDK leaves it.
    pub empty: PathBuf,
    /// The same without the exports that nothing needs; none when the link step is not built.
    pub stripped: Option<PathBuf>,
    _folder: TempDir,
}

impl Modules {
    /// Finds the modules and strips the empty one.
    ///
    /// # Errors
    /// [`Error::Missing`] and [`Error::Link`].
    pub fn find() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let empty = empty_filter()?;
        let stripped = strip(&empty, folder.path())?;
        Ok(Self { squall: squall_wasm()?, empty, stripped, _folder: folder })
    }
}

/// Where cargo put it: the target directory of the environment counts first, as it does for cargo.
fn empty_filter() -> Result<PathBuf> {
    let own = repo_root().join("bench/empty_filter/target").join(EMPTY);
    let chosen = std::env::var_os("CARGO_TARGET_DIR").map(|folder| PathBuf::from(folder).join(EMPTY));
    chosen.into_iter().chain([own.clone()]).find(|path| path.is_file()).ok_or(Error::Missing { path: own })
}

fn strip(module: &Path, folder: &Path) -> Result<Option<PathBuf>> {
    let beside = std::env::current_exe()?.with_file_name("wasm-link");
    let linker =
        [beside, repo_root().join("target/release/wasm-link")].into_iter().find(|path| path.is_file());
    let Some(linker) = linker else { return Ok(None) };
    let stripped = folder.join("empty_stripped.wasm");
    let output = Command::new(linker).arg("--strip-only").arg(module).arg(&stripped).output()?;
    if output.status.success() {
        Ok(Some(stripped))
    } else {
        Err(Error::Link(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
    }
}
