//! Requests to stop, renew and release: plain, or signed by an operator.

use crate::arguments::Signer as Arguments;
use crate::envelope::{object, sealed, text};
use crate::key_file::{KeyFile, ensure_name};
use anyhow::{Context, anyhow, ensure};
use squall_policy::wire::{Action, Decode, Request};
use squall_policy::{Node, REQUEST_TYPE, Report, Value, base64};
use std::sync::Arc;
use std::time::SystemTime;

/// Random bytes of a nonce.
const NONCE: usize = 24;

/// Who asks.
#[derive(Clone)]
pub struct Signer(Option<Arc<(KeyFile, String)>>);

/// What is asked for.
pub struct Wanted<'a> {
    pub action: Action,
    pub mission: Option<&'a str>,
    /// Id of the proxy: another one does not take the request.
    pub proxy: Option<&'a str>,
    pub reason: Option<&'a str>,
}

impl Signer {
    /// # Errors
    /// When the key cannot be read, or it is not known whose it is.
    pub fn read(arguments: &Arguments) -> anyhow::Result<Self> {
        let Some(path) = &arguments.key else {
            let alone = arguments.operator.is_some();
            ensure!(!alone, "an operator signs with a key: give `--key FILE`, as `chaosctl keygen` wrote it");
            return Ok(Self(None));
        };
        let key = KeyFile::read(path)?;
        // Whoever changes keys is not held for the operator of a context.
        let name = arguments.operator.clone().or_else(|| key.name.clone());
        let name = name.or_else(crate::settings::usual_operator);
        let name = name.context("the key file does not say whose it is: give `--operator NAME`")?;
        ensure_name(&name)?;
        Ok(Self(Some(Arc::new((key, name)))))
    }

    pub fn has_key(&self) -> bool {
        self.0.is_some()
    }

    /// A new request, made now.
    ///
    /// # Errors
    /// When the system has no entropy, or no proxy could read it.
    pub fn request(&self, wanted: &Wanted<'_>) -> anyhow::Result<Vec<u8>> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|error| anyhow!("the system has no entropy: {error}"))?;
        let request = object([
            ("version", Value::Number(1.0).into()),
            ("action", text(wanted.action.word())),
            ("mission", or_absent(wanted.mission)),
            ("proxy", or_absent(wanted.proxy)),
            ("time", text(&humantime::format_rfc3339_millis(SystemTime::now()).to_string())),
            ("nonce", text(&base64(&nonce))),
            ("reason", or_absent(wanted.reason)),
        ]);
        let request = without_absent(request);
        let mut report = Report::default();
        Request::decode(&request, &mut report);
        ensure_fine(&report)?;
        let payload = serde_json::to_vec(&request)?;
        Ok(match self.0.as_deref() {
            Some((key, name)) => serde_json::to_vec(&sealed(REQUEST_TYPE, &payload, &[], key, name))?,
            None => payload,
        })
    }
}

pub fn or_absent(value: Option<&str>) -> Node {
    value.map_or_else(|| Value::Null.into(), text)
}

pub fn without_absent(node: Node) -> Node {
    match node.value {
        Value::Object(mut entries) => {
            entries.retain(|entry| !matches!(entry.value.value, Value::Null));
            Value::Object(entries).into()
        }
        _ => node,
    }
}

/// # Errors
/// With all that is wrong with what the command line says.
pub fn ensure_fine(report: &Report) -> anyhow::Result<()> {
    let wrong: Vec<String> = report
        .findings
        .iter()
        .map(|found| format!("--{}: {}; {}", found.path, found.message, found.hint))
        .collect();
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}
