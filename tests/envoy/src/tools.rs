//! Where Envoy, Chromium, Prometheus and the compiled modules are found, and what to run when they are not.

use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// The root of the repository.
pub fn repo_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .expect("the crate lies two folders below the root")
}

/// The Envoy executable that tests run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvoyBinary(PathBuf);

impl EnvoyBinary {
    /// Finds Envoy: `$ENVOY` (a path, or a name in `PATH`), else `envoy` in `PATH`, else what `make setup` put into `.cache/envoy`.
    ///
    /// # Errors
    /// [`Error::Missing`], which names `make setup`; also when `$ENVOY` is set but names no file.
    pub fn find() -> Result<Self> {
        if let Some(chosen) = std::env::var_os("ENVOY").filter(|value| !value.is_empty()) {
            let chosen = PathBuf::from(chosen);
            let found = if chosen.is_file() { Some(chosen.clone()) } else { in_path(&chosen) };
            return found.map(Self).ok_or_else(|| missing_envoy(&format!("ENVOY={}", chosen.display())));
        }
        in_path(Path::new("envoy"))
            .or_else(|| in_cache(&repo_root().join(".cache/envoy"), 8))
            .map(Self)
            .ok_or_else(|| missing_envoy("`envoy` (looked for in $ENVOY, PATH and .cache/envoy)"))
    }

    /// The path of the executable.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

/// The browser that the tests of the cockpit run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChromiumBinary(PathBuf);

impl ChromiumBinary {
    /// Finds Chromium: `$CHROMIUM` (a path, or a name in `PATH`), else `chromium`, `chromium-browser` or `google-chrome` in `PATH`.
    ///
    /// # Errors
    /// [`Error::Missing`], which names the command that brings it; also when `$CHROMIUM` is set but names no file.
    pub fn find() -> Result<Self> {
        let missing = |what: String| Error::Missing { what, command: "tools/setup/chromium.sh" };
        if let Some(chosen) = std::env::var_os("CHROMIUM").filter(|value| !value.is_empty()) {
            let chosen = PathBuf::from(chosen);
            let found = if chosen.is_file() { Some(chosen.clone()) } else { in_path(&chosen) };
            return found.map(Self).ok_or_else(|| missing(format!("CHROMIUM={}", chosen.display())));
        }
        let names = ["chromium", "chromium-browser", "google-chrome"];
        let found = names.iter().find_map(|name| in_path(Path::new(name)));
        found.map(Self).ok_or_else(|| missing("`chromium` (looked for in $CHROMIUM and PATH)".to_owned()))
    }

    /// The path of the executable.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

/// What the tests of metrics, rules and the dashboard run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrometheusTools {
    pub prometheus: PathBuf,
    pub promtool: PathBuf,
}

impl PrometheusTools {
    /// Finds both: `$PROMETHEUS` and `$PROMTOOL` (a path, or a name in `PATH`), else `prometheus` and `promtool` in `PATH`.
    ///
    /// # Errors
    /// [`Error::Missing`], which names the command that brings them; also when a variable is set but names no file.
    pub fn find() -> Result<Self> {
        let one = |variable: &str, name: &str| {
            let given = std::env::var_os(variable).filter(|value| !value.is_empty());
            let chosen = given.map_or_else(|| PathBuf::from(name), PathBuf::from);
            let found = if chosen.is_file() { Some(chosen.clone()) } else { in_path(&chosen) };
            let what = || format!("`{}` (looked for in ${variable} and PATH)", chosen.display());
            found.ok_or_else(|| Error::Missing { what: what(), command: "tools/setup/prometheus.sh" })
        };
        Ok(Self { prometheus: one("PROMETHEUS", "prometheus")?, promtool: one("PROMTOOL", "promtool")? })
    }
}

/// The compiled filter, `target/squall.wasm`.
///
/// # Errors
/// [`Error::Missing`], which names `make build`.
pub fn squall_wasm() -> Result<PathBuf> {
    module("target/squall.wasm")
}

/// The compiled control module, `target/squall-control.wasm`.
///
/// # Errors
/// [`Error::Missing`], which names `make build`.
pub fn control_wasm() -> Result<PathBuf> {
    module("target/squall-control.wasm")
}

fn module(path: &str) -> Result<PathBuf> {
    let module = repo_root().join(path);
    if module.is_file() {
        Ok(module)
    } else {
        Err(Error::Missing { what: module.display().to_string(), command: "make build" })
    }
}

fn missing_envoy(what: &str) -> Error {
    Error::Missing { what: what.to_owned(), command: "make setup" }
}

fn in_path(program: &Path) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
}

/// The Python package keeps the executable as `.../envoy/_bin/envoy`.
fn in_cache(folder: &Path, depth: usize) -> Option<PathBuf> {
    if depth == 0 {
        return None;
    }
    let candidate = folder.join("_bin/envoy");
    if candidate.is_file() {
        return Some(candidate);
    }
    let mut folders: Vec<PathBuf> = std::fs::read_dir(folder)
        .ok()?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_dir() && !path.is_symlink())
        .collect();
    folders.sort();
    folders.iter().find_map(|inner| in_cache(inner, depth - 1))
}
