//! What the command line leaves open: the environment says it, else the context of the configuration file.

mod apply;
mod file;

pub use apply::{apply, settle, spoken};

use crate::findings;
use crate::terminal::{Paint, complain, shown};
use anyhow::bail;
use std::path::PathBuf;
use std::sync::OnceLock;

/// One context: where somebody works, and as whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    pub proxies: Vec<String>,
    pub key: Option<String>,
    pub operator: Option<String>,
    pub prometheus: Option<String>,
    pub timeout: Option<String>,
    pub namespace: Option<String>,
    pub catalog: Option<String>,
}

/// All that is known before the command line is read.
#[derive(Default)]
pub struct Settings {
    /// The file, whether it is there or not.
    pub path: Option<PathBuf>,
    pub exists: bool,
    pub contexts: Vec<(String, Context)>,
    /// The name of the context that counts.
    pub current: Option<String>,
}

static PROXIES: OnceLock<Vec<String>> = OnceLock::new();
static OPERATOR: OnceLock<Option<String>> = OnceLock::new();

/// The proxies of the environment or the context, where the command line names none.
pub fn usual_proxies() -> &'static [String] {
    PROXIES.get().map(Vec::as_slice).unwrap_or_default()
}

/// Who asks, where neither the command line nor the key file says it.
pub fn usual_operator() -> Option<String> {
    OPERATOR.get().cloned().flatten()
}

/// An environment variable that says something.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The value of an option that has to be known before the others: `--name VALUE` or `--name=VALUE`.
fn option(words: &[String], name: &str) -> Option<String> {
    let mut words = words.iter().take_while(|word| *word != "--");
    while let Some(word) = words.next() {
        match word.strip_prefix(name) {
            Some("") => return words.next().cloned(),
            Some(rest) if rest.starts_with('=') => return rest.get(1..).map(ToOwned::to_owned),
            _ => {}
        }
    }
    None
}

/// `~/.config/chaosctl/config.toml`, as the XDG base directories have it.
fn usual_path() -> Option<PathBuf> {
    let folder = variable("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = folder.or_else(|| Some(PathBuf::from(variable("HOME")?).join(".config")))?;
    Some(folder.join("chaosctl/config.toml"))
}

impl Settings {
    /// Reads the file that the command line or the environment names, else the usual one where it is there.
    ///
    /// # Errors
    /// When the file has mistakes, or the context that is asked for is not in it.
    pub fn load(words: &[String], paint: Paint) -> anyhow::Result<Self> {
        let named = option(words, "--config").or_else(|| variable("CHAOSCTL_CONFIG")).map(PathBuf::from);
        let explicit = named.is_some();
        let Some(path) = named.or_else(usual_path) else { return Ok(Self::default()) };
        let wanted = option(words, "--context").or_else(|| variable("CHAOSCTL_CONTEXT"));
        if !explicit && !path.exists() {
            if let Some(name) = wanted {
                bail!(
                    "there is no context {name:?}: {} is not there; docs/chaosctl.md tells what it holds",
                    shown(&path.display().to_string())
                );
            }
            return Ok(Self { path: Some(path), ..Self::default() });
        }
        let (source, file) = file::read(&path)?;
        if !source.findings.is_empty() {
            complain(&findings::text(&source, paint));
            bail!(
                "the configuration file has mistakes; docs/chaosctl.md has its keys, `--config FILE` takes another one"
            );
        }
        let current = wanted.clone().or(file.current);
        if let Some(name) = wanted.filter(|name| !file.contexts.iter().any(|(known, _)| known == name)) {
            let names: Vec<&str> = file.contexts.iter().map(|(name, _)| name.as_str()).collect();
            bail!(
                "there is no context {name:?}; `chaosctl context list` shows those that there are: {}",
                names.join(", ")
            );
        }
        Ok(Self { path: Some(path), exists: true, contexts: file.contexts, current })
    }

    /// The context that counts, with what the environment says in place of it.
    pub fn effective(&self) -> Context {
        let named = |name: &String| self.contexts.iter().find(|(known, _)| known == name);
        let mut context =
            self.current.as_ref().and_then(named).map(|(_, context)| context.clone()).unwrap_or_default();
        for (name, value) in [
            ("CHAOSCTL_KEY", &mut context.key),
            ("CHAOSCTL_OPERATOR", &mut context.operator),
            ("CHAOSCTL_PROMETHEUS", &mut context.prometheus),
            ("CHAOSCTL_TIMEOUT", &mut context.timeout),
            ("CHAOSCTL_NAMESPACE", &mut context.namespace),
            ("CHAOSCTL_CATALOG", &mut context.catalog),
        ] {
            if let Some(found) = variable(name) {
                *value = Some(found);
            }
        }
        if let Some(proxies) = variable("CHAOSCTL_PROXY") {
            context.proxies = proxies.split(',').map(ToOwned::to_owned).collect();
        }
        context
    }
}
