//! A catalog and a mission, read together and checked as the filter would check them.

use crate::envelope::Sealed;
use crate::findings;
use crate::source::Source;
use crate::suspicion;
use crate::terminal::{Paint, complain};
use squall_policy::{
    Code, Entry, Level, Node, Position, Report, Value, check_catalog, check_mission, load_plugin, wire,
};
use std::path::Path;

/// Two files without mistakes.
pub struct Inputs {
    pub catalog: wire::Catalog,
    pub catalog_node: Node,
    pub mission: Option<wire::Mission>,
    pub mission_node: Option<Node>,
    /// The envelope of a signed mission.
    pub sealed: Option<Sealed>,
}

/// Who the proxy is, as the command line says it.
#[derive(Default)]
pub struct Identity<'a> {
    pub namespace: Option<&'a str>,
    pub service: Option<&'a str>,
    pub keys: Keys,
    pub sign_off: SignOff,
}

/// Who has to have signed.
#[derive(Default)]
pub enum SignOff {
    /// Whoever asks wants to know what a mission would do, not whether it may.
    #[default]
    Elsewhere,
    /// The keys of a plugin configuration that say it, where there are any.
    Given(Vec<Entry>),
}

/// The keys of callers.
#[derive(Default)]
pub enum Keys {
    /// Whoever asks makes no plugin configuration, which has to have them.
    #[default]
    Elsewhere,
    /// `caller_keys`, when there are any.
    Given(Option<Node>),
}

impl Inputs {
    /// Reads both files. `None` when there is a mistake; all of them stand on standard error then.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn load(
        catalog: &Path,
        mission: Option<&Path>,
        identity: &Identity<'_>,
        paint: Paint,
    ) -> anyhow::Result<Option<Self>> {
        if catalog.as_os_str() == "-" && mission.is_some_and(|m| m.as_os_str() == "-") {
            anyhow::bail!("standard input can be the catalog or the mission, not both");
        }
        let mut catalog = Source::open(catalog)?;
        let mut mission = mission.map(Source::open).transpose()?;
        let sealed = mission.as_mut().and_then(Source::unseal);
        let read = check_pair(&mut catalog, mission.as_mut());
        let mut arguments = Source::nothing("command line");
        if let (Some(_), Some(node)) = (&read, &catalog.node) {
            let carried = sealed.as_ref().map(|sealed| &sealed.node);
            let plugin = assemble(node, carried.or(mission.as_ref().and_then(|m| m.node.as_ref())), identity);
            cross_check(&plugin, &mut catalog, mission.as_mut(), &mut arguments)?;
            if let (SignOff::Elsewhere, Some(mission)) = (&identity.sign_off, &mut mission) {
                mission.findings.retain(|finding| !is_about_signers(finding.code));
            }
            if matches!(identity.keys, Keys::Elsewhere) {
                arguments.findings.retain(|finding| finding.code != Code::UnknownCaller);
            }
        }
        let sources: Vec<&Source> =
            [Some(&catalog), mission.as_ref(), Some(&arguments)].into_iter().flatten().collect();
        for source in &sources {
            complain(&findings::text(source, paint));
        }
        let errors: usize = sources.iter().map(|s| s.count(Level::Error)).sum();
        if errors > 0 {
            let warnings = sources.iter().map(|s| s.count(Level::Warning)).sum();
            complain(&format!("{}; docs/errors.md explains each code\n", findings::tally(errors, warnings)));
            return Ok(None);
        }
        let Some((read_catalog, read_mission)) = read else { return Ok(None) };
        Ok(catalog.node.map(|catalog_node| Self {
            catalog: read_catalog,
            catalog_node,
            mission: read_mission,
            mission_node: mission.and_then(|m| m.node),
            sealed,
        }))
    }
}

/// What only somebody with the operators' keys can tell.
pub fn is_about_signers(code: Code) -> bool {
    matches!(code, Code::SignatureNeeded | Code::UnknownOperator)
}

/// Checks each file for itself, and the mission against the catalog.
fn check_pair(
    catalog: &mut Source,
    mission: Option<&mut Source>,
) -> Option<(wire::Catalog, Option<wire::Mission>)> {
    let read = catalog.check(check_catalog);
    if let Some(read) = &read {
        suspicion::check_catalog(read, catalog);
    }
    let Some(mission) = mission else { return read.map(|catalog| (catalog, None)) };
    let node = catalog.node.as_ref();
    let read_mission = mission.check(|m, report| check_mission(m, node, report));
    let (read, read_mission) = (read?, read_mission?);
    suspicion::check_catalog(&read, catalog);
    suspicion::check(&read, &read_mission, mission);
    Some((read, Some(read_mission)))
}

/// The plugin configuration as a tree.
pub fn assemble(catalog: &Node, mission: Option<&Node>, identity: &Identity<'_>) -> Node {
    let entry = |key: &str, value: Node| Entry { key: key.to_owned(), at: None, value };
    let text = |value: &str| Node::from(Value::Text(value.to_owned()));
    let mut entries = vec![
        entry("version", Value::Number(1.0).into()),
        entry("role", text("filter")),
        entry("catalog", catalog.clone()),
    ];
    entries.extend(mission.map(|m| entry("mission", m.clone())));
    let who: Vec<Entry> = [("service", identity.service), ("namespace", identity.namespace)]
        .into_iter()
        .filter_map(|(key, value)| value.map(|v| entry(key, text(v))))
        .collect();
    if let Keys::Given(Some(keys)) = &identity.keys {
        entries.push(entry("caller_keys", keys.clone()));
    }
    if let SignOff::Given(keys) = &identity.sign_off {
        entries.extend(keys.iter().cloned());
    }
    if !who.is_empty() {
        entries.push(entry("identity", Value::Object(who).into()));
    }
    Value::Object(entries).into()
}

/// Loads the plugin configuration as the filter does, and files what it finds beyond the files' own checks
/// under the file it comes from.
pub fn cross_check(
    plugin: &Node,
    catalog: &mut Source,
    mut mission: Option<&mut Source>,
    arguments: &mut Source,
) -> anyhow::Result<()> {
    let mut report = Report::default();
    load_plugin(&serde_json::to_vec(plugin)?, None, &mut report);
    for mut finding in report.findings {
        let (file, path) = match finding.path.split_once('.') {
            Some(("catalog", path)) => (&mut *catalog, path.to_owned()),
            Some(("mission", path)) => match mission.as_deref_mut() {
                Some(mission) => (mission, path.to_owned()),
                None => continue,
            },
            _ => (&mut *arguments, finding.path.clone()),
        };
        finding.at = file.node.as_ref().and_then(|node| locate(node, &path, finding.code));
        finding.path = path;
        if !file.findings.iter().any(|f| f.code == finding.code && f.path == finding.path) {
            file.findings.push(finding);
            file.findings.sort_by_key(|f| f.at);
        }
    }
    Ok(())
}

/// The place that a key path leads to, as near as the tree knows it.
pub fn locate(node: &Node, path: &str, code: Code) -> Option<Position> {
    let path = path.strip_prefix('.').unwrap_or(path);
    if path.is_empty() {
        return node.at;
    }
    match &node.value {
        Value::List(items) => {
            let (index, rest) = path.strip_prefix('[')?.split_once(']')?;
            locate(items.get(index.parse::<usize>().ok()?)?, rest, code)
        }
        Value::Object(entries) => {
            // A key may hold a dot itself, so the keys that are there are tried instead of cutting the path.
            let next = |rest: &str| rest.is_empty() || rest.starts_with(['.', '[']);
            let mut hits = entries.iter().filter_map(|e| {
                path.strip_prefix(e.key.as_str()).filter(|rest| next(rest)).map(|rest| (e, rest))
            });
            let of_key = matches!(code, Code::UnknownKey | Code::DuplicateKey);
            let hit = if code == Code::DuplicateKey { hits.next_back() } else { hits.next() };
            match hit {
                Some((entry, "")) if of_key => entry.at,
                Some((entry, rest)) => locate(&entry.value, rest, code),
                None => node.at,
            }
        }
        _ => node.at,
    }
}
