//! The link step itself, from bytes to bytes: guards over callbacks, unneeded exports and code dropped.

use std::fmt;

use walrus::{ExportItem, ImportKind, Module, ModuleConfig};

use crate::exports::{CONTROL, FILTER, GUARD_PREFIX, Kept, callback_of, guard_of, kept};
use crate::imports::refusal;

/// What kind of module comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The filter: every guarded callback must have its `squall_on_*`.
    Filter,
    /// Any SDK filter: only drops what is not in the filter's list; a `squall_on_*` export is refused.
    StripOnly,
    /// The control module: as the filter, with its own list.
    Control,
}

impl Mode {
    /// What survives.
    pub fn list(self) -> &'static [Kept] {
        match self {
            Mode::Filter | Mode::StripOnly => FILTER,
            Mode::Control => CONTROL,
        }
    }
}

/// What the link step did.
#[derive(Debug, PartialEq, Eq)]
pub struct Summary {
    /// Size of the module in bytes, before.
    pub before: usize,
    /// Size of the module in bytes, after.
    pub after: usize,
    /// Names of the exports of the linked module, in alphabetical order.
    pub kept: Vec<String>,
    /// Those among them that a guard has taken over.
    pub renamed: Vec<String>,
    /// Names of the exports that are gone.
    pub dropped: Vec<String>,
}

/// Why a module is refused.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    #[error("not a WebAssembly module: {0}")]
    Parse(String),
    #[error("the module lacks the export `{name}` ({reason})")]
    MissingExport { name: String, reason: &'static str },
    #[error("the export `{name}` must be a {expected}")]
    WrongKind { name: String, expected: &'static str },
    #[error(
        "the guard `{0}` stands for no callback that is kept; add it to the list in exports.rs or remove it"
    )]
    UnknownGuard(String),
    #[error("`{0}` is a guard, and --strip-only takes modules without guards")]
    UnexpectedGuard(String),
    #[error("{} the host does not offer:{}", plural(.0.len()), list(.0))]
    Imports(Vec<(String, &'static str)>),
}

/// Links `wasm` and says what was done. `names` keeps the name section, which doubles the size and
/// gives a trap's backtrace function names.
pub fn link(wasm: &[u8], mode: Mode, names: bool) -> Result<(Vec<u8>, Summary), LinkError> {
    let mut config = ModuleConfig::new();
    config.generate_dwarf(false).generate_name_section(names).generate_producers_section(false);
    let mut module = config.parse(wasm).map_err(|error| LinkError::Parse(format!("{error:#}")))?;

    let renamed = match mode {
        Mode::Filter | Mode::Control => rename_guards(&mut module, mode.list())?,
        Mode::StripOnly => refuse_guards(&module)?,
    };
    let dropped = drop_exports(&mut module, mode.list());
    check_exports(&module, mode.list())?;
    drop_custom_sections(&mut module);
    walrus::passes::gc::run(&mut module);
    check_imports(&module)?;

    let kept = sorted(module.exports.iter().map(|export| export.name.clone()));
    let linked = module.emit_wasm();
    let summary = Summary { before: wasm.len(), after: linked.len(), kept, renamed, dropped };
    Ok((linked, summary))
}

fn rename_guards(module: &mut Module, list: &'static [Kept]) -> Result<Vec<String>, LinkError> {
    let guards: Vec<_> = module
        .exports
        .iter()
        .filter(|export| export.name.starts_with(GUARD_PREFIX))
        .map(|export| (export.id(), export.name.clone()))
        .collect();
    let mut renamed = Vec::new();
    for (id, guard) in guards {
        let callback = callback_of(&guard).unwrap_or_default();
        if !kept(list, &callback).is_some_and(|kept| kept.guarded) {
            return Err(LinkError::UnknownGuard(guard));
        }
        let sdk = module.exports.iter().find(|export| export.name == callback).map(|export| export.id());
        if let Some(sdk) = sdk {
            module.exports.delete(sdk);
        }
        module.exports.get_mut(id).name = callback.clone();
        renamed.push(callback);
    }
    let unguarded = list.iter().find(|kept| kept.guarded && !renamed.iter().any(|name| name == kept.name));
    if let Some(callback) = unguarded {
        let name = guard_of(callback.name).unwrap_or_default();
        return Err(LinkError::MissingExport { name, reason: callback.reason });
    }
    Ok(sorted(renamed.into_iter()))
}

fn refuse_guards(module: &Module) -> Result<Vec<String>, LinkError> {
    match module.exports.iter().find(|export| export.name.starts_with(GUARD_PREFIX)) {
        Some(guard) => Err(LinkError::UnexpectedGuard(guard.name.clone())),
        None => Ok(Vec::new()),
    }
}

fn drop_exports(module: &mut Module, list: &'static [Kept]) -> Vec<String> {
    let unneeded: Vec<_> = module
        .exports
        .iter()
        .filter(|export| kept(list, &export.name).is_none())
        .map(|export| (export.id(), export.name.clone()))
        .collect();
    for (id, _) in &unneeded {
        module.exports.delete(*id);
    }
    sorted(unneeded.into_iter().map(|(_, name)| name))
}

fn check_exports(module: &Module, list: &[Kept]) -> Result<(), LinkError> {
    for entry in list {
        let found: Vec<_> = module
            .exports
            .iter()
            .filter(|export| export.name == entry.name || entry.alias == Some(export.name.as_str()))
            .collect();
        if entry.needed && found.is_empty() {
            return Err(LinkError::MissingExport { name: entry.name.into(), reason: entry.reason });
        }
        for export in found {
            let (right, expected) = match entry.name {
                "memory" => (matches!(export.item, ExportItem::Memory(_)), "memory"),
                _ => (matches!(export.item, ExportItem::Function(_)), "function"),
            };
            if !right {
                return Err(LinkError::WrongKind { name: export.name.clone(), expected });
            }
        }
    }
    Ok(())
}

/// Nothing at run time reads them: debug information, target features, build paths.
fn drop_custom_sections(module: &mut Module) {
    let sections: Vec<_> = module.customs.iter().map(|(id, _)| id).collect();
    for id in sections {
        module.customs.delete(id);
    }
}

fn check_imports(module: &Module) -> Result<(), LinkError> {
    let refused: Vec<_> = module
        .imports
        .iter()
        .filter_map(|import| {
            let is_function = matches!(import.kind, ImportKind::Function(_));
            let hint = refusal(&import.module, &import.name, is_function)?;
            Some((format!("{}.{}", import.module, import.name), hint))
        })
        .collect();
    if refused.is_empty() { Ok(()) } else { Err(LinkError::Imports(refused)) }
}

fn sorted(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    names
}

fn plural(count: usize) -> String {
    if count == 1 { "1 import".into() } else { format!("{count} imports") }
}

fn list(refused: &[(String, &'static str)]) -> String {
    refused.iter().map(|(name, hint)| format!("\n  {name}: {hint}")).collect()
}

impl fmt::Display for Summary {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "size     {} -> {} bytes", self.before, self.after)?;
        for (label, names) in [("kept", &self.kept), ("renamed", &self.renamed), ("dropped", &self.dropped)] {
            writeln!(out, "{label:8} {:2}  {}", names.len(), names.join(" "))?;
        }
        Ok(())
    }
}
