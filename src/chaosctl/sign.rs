//! `sign` and `approve`: what a mission does, told in words, and a signature under it.

use crate::arguments::{Approve, Sign, SignInputs};
use crate::envelope::{sealed, text};
use crate::inputs::{Identity, Inputs};
use crate::key_file::{KeyFile, ensure_name};
use crate::terminal::{self, Paint, Style, complain, shown};
use crate::{Outcome, show, words};
use anyhow::{Context, bail, ensure};
use squall_policy::wire::{self, EnvelopeSignature, Severity};
use squall_policy::{Entry, LONGEST_EXPIRY_MS, MISSION_TYPE, Node, Value, digest_text, pae};
use std::io::{BufRead, IsTerminal, Write};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long proxies may take a mission that does not say it.
const USUAL_EXPIRY: Duration = Duration::from_secs(24 * 3600);

/// # Errors
/// When a file cannot be read, written or signed.
pub fn run(arguments: &Sign, paint: Paint) -> anyhow::Result<Outcome> {
    let inputs = &arguments.inputs;
    let (key, name) = signer(inputs)?;
    let Some(loaded) = load(inputs, paint)? else { return Ok(Outcome::Finding) };
    ensure!(
        loaded.sealed.is_none(),
        "this mission is signed already: add your signature with `chaosctl approve`, or sign the plain file anew"
    );
    let (Some(mission), Some(node)) = (&loaded.mission, &loaded.mission_node) else {
        bail!("there is no mission")
    };
    let expires = expiry(arguments.expires, mission)?;
    let digests = digests(&loaded, mission);
    let payload = serde_json::to_vec(&with_bonds(node, expires, digests.clone()))?;
    let told = told(&loaded, mission, expires, &digests, &[], paint);
    seal(inputs, &payload, &[], (&key, &name), &told)
}

/// # Errors
/// When a file cannot be read, written or signed, or the key has signed already.
pub fn approve(arguments: &Approve, paint: Paint) -> anyhow::Result<Outcome> {
    let inputs = &arguments.inputs;
    let (key, name) = signer(inputs)?;
    let Some(loaded) = load(inputs, paint)? else { return Ok(Outcome::Finding) };
    let Some(there) = loaded.sealed.as_ref().map(|sealed| &sealed.envelope) else {
        bail!("nobody has signed this mission yet: begin with `chaosctl sign`");
    };
    let signed = pae(MISSION_TYPE, &there.payload.0);
    let own = key.key.verifying_key();
    for signature in &there.signatures {
        let same_key = ed25519_dalek::Signature::from_slice(&signature.sig.0)
            .is_ok_and(|signature| own.verify_strict(&signed, &signature).is_ok());
        ensure!(
            !same_key,
            "this key has signed the mission already, as {}: somebody else has to approve",
            signature.keyid.0
        );
        ensure!(
            signature.keyid.0 != name,
            "{name} has signed the mission already: somebody else has to approve"
        );
    }
    let Some(mission) = &loaded.mission else { bail!("there is no mission") };
    let Some(wire::Timestamp(expires)) = mission.expires else {
        bail!("the signed mission does not say when it expires")
    };
    ensure!(expires > now_ms()?, "the mission has expired: it has to be signed anew");
    let digests = digests(&loaded, mission);
    let told = told(&loaded, mission, expires, &digests, &there.signatures, paint);
    seal(inputs, &there.payload.0, &there.signatures, (&key, &name), &told)
}

fn signer(inputs: &SignInputs) -> anyhow::Result<(KeyFile, String)> {
    let key = KeyFile::read(&inputs.key)?;
    let name = inputs.name.clone().or_else(|| key.name.clone()).or_else(crate::settings::usual_operator);
    let name = name.context("the key file does not say whose it is: give `--as NAME`")?;
    ensure_name(&name)?;
    Ok((key, name))
}

fn load(inputs: &SignInputs, paint: Paint) -> anyhow::Result<Option<Inputs>> {
    Inputs::load(&inputs.catalog, Some(&inputs.mission), &Identity::default(), paint)
}

fn now_ms() -> anyhow::Result<u64> {
    Ok(u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?)
}

fn expiry(given: Option<humantime::Duration>, mission: &wire::Mission) -> anyhow::Result<u64> {
    let now = now_ms()?;
    let given = given.map(|given| u64::try_from(given.as_millis())).transpose()?;
    let own = mission.expires.map(|expires| expires.0);
    // Whole seconds: they are for people to read.
    let at = |span: u64| now.saturating_add(span) / 1000 * 1000;
    let expires = match (given, own) {
        (Some(span), _) => at(span),
        (None, Some(own)) => own,
        (None, None) => at(u64::try_from(USUAL_EXPIRY.as_millis())?),
    };
    ensure!(
        expires > now,
        "the mission has expired by its own `expires`: change it there, or give `--expires 24h`"
    );
    ensure!(expires - now <= LONGEST_EXPIRY_MS, "proxies take no mission that expires in more than 30 days");
    if mission.start.is_some_and(|start| start.0 > expires) {
        bail!("the mission expires before its `start`: give a longer `--expires`, or sign it later");
    }
    Ok(expires)
}

/// The scenarios of the mission with their digests, in its order.
fn digests(inputs: &Inputs, mission: &wire::Mission) -> Vec<(String, String)> {
    let scenarios = match inputs.catalog_node.get("scenarios").map(|n| &n.value) {
        Some(Value::List(items)) => items.as_slice(),
        _ => &[],
    };
    let named = mission.scenarios.iter().filter_map(|name| {
        let scenario =
            scenarios.iter().find(|s| s.get("name").and_then(Node::text) == Some(name.0.as_str()))?;
        Some((name.0.clone(), digest_text(scenario)))
    });
    named.collect()
}

/// The mission with what binds its signatures.
fn with_bonds(mission: &Node, expires: u64, digests: Vec<(String, String)>) -> Node {
    let Value::Object(entries) = &mission.value else { return mission.clone() };
    let own = entries.iter().filter(|entry| !matches!(entry.key.as_str(), "expires" | "digests")).cloned();
    let entry = |key: &str, value| Entry { key: key.to_owned(), at: None, value };
    let digests = digests.into_iter().map(|(name, digest)| entry(&name, text(&digest))).collect();
    let bonds = [entry("expires", text(&moment(expires))), entry("digests", Value::Object(digests).into())];
    Value::Object(own.chain(bonds).collect()).into()
}

fn moment(ms: u64) -> String {
    humantime::format_rfc3339(UNIX_EPOCH + Duration::from_millis(ms)).to_string()
}

/// What is signed, for the person who signs.
fn told(
    inputs: &Inputs,
    mission: &wire::Mission,
    expires: u64,
    digests: &[(String, String)],
    there: &[EnvelopeSignature],
    paint: Paint,
) -> String {
    let of_mission = |name: &str| inputs.catalog.scenarios.iter().find(|s| s.name.0 == name);
    let severity = mission.scenarios.iter().filter_map(|name| of_mission(&name.0)).map(|s| s.severity).max();
    let severity = severity.unwrap_or(Severity::Low);
    let line = |key: &str, value: &str| format!("{key:11}{}\n", shown(value));
    let start = match mission.start {
        Some(start) => format!("from {}", moment(start.0)),
        None => "from the moment a proxy first sees it".to_owned(),
    };
    let needs = match severity {
        Severity::Low => "no operator has to sign, unless proxies ask for more",
        Severity::Medium => "one operator has to sign, unless proxies ask for more",
        Severity::High | Severity::Critical => "two operators have to sign, unless proxies ask for more",
    };
    let mut out = line("mission", &mission.id.0);
    out += &line("namespace", &mission.namespace.0);
    out += &line("runs", &format!("for {}, {start}", words::span(mission.duration.0)));
    out += &conditions(mission);
    out += &line("expires", &format!("{}; no proxy takes it for the first time after that", moment(expires)));
    out += &line("severity", &format!("{}: {needs}", severity.word()));
    let signers: Vec<&str> = there.iter().map(|signature| signature.keyid.0.as_str()).collect();
    if !signers.is_empty() {
        out += &line("signed by", &format!("{} (`chaosctl verify` checks it)", signers.join(", ")));
    }
    if !mission.enable {
        out += &line("note", "`enable: false`: it runs nothing");
    }
    for (name, digest) in digests {
        let Some(scenario) = of_mission(name) else { continue };
        out += &format!("\n{} ({})\n", paint.paint(Style::Strong, name), scenario.severity.word());
        out += &show::lines(scenario);
        out += &line("limits", &words::caps(scenario));
        for guardrail in guardrails(&inputs.catalog_node, name) {
            out += &line("halts when", &guardrail);
        }
        out += &line("digest", digest);
    }
    out
}

/// As they are written, key by key.
fn guardrails(catalog: &Node, name: &str) -> Vec<String> {
    let scenarios = catalog.get("scenarios").and_then(Node::list).unwrap_or_default();
    let scenario = scenarios.iter().find(|s| s.get("name").and_then(Node::text) == Some(name));
    let all = scenario.and_then(|s| s.get("safety")?.get("halt_when")?.list()).unwrap_or_default();
    let one = |guardrail: &Node| {
        let written = serde_json::to_string(guardrail).unwrap_or_default();
        written.replace(['{', '}', '"'], "").replace(':', " ").replace(',', ", ")
    };
    all.iter().map(one).collect()
}

/// What all scenarios may do together.
fn caps(mission: &wire::Mission) -> String {
    let Some(safety) = &mission.safety else { return "no limit beside those of each scenario".to_owned() };
    let count = |count: Option<wire::Count>, of: &str| count.map(|count| format!("{} {of}", count.0));
    let counts = [
        count(safety.max_total, "in all"),
        count(safety.max_concurrent, "at a time"),
        count(safety.max_per_second, "per second"),
    ];
    let counts: Vec<String> = counts.into_iter().flatten().collect();
    format!("requests with faults: at most {}", counts.join(", "))
}

/// What else of the mission is signed, with what counts where it says nothing.
fn conditions(mission: &wire::Mission) -> String {
    let line = |key: &str, value: &str| format!("{key:11}{}\n", shown(value));
    let span = |span: Option<Duration>| span.map_or_else(|| "none".to_owned(), words::span);
    let mut out = line("baseline", &span(mission.baseline.map(|span| span.0)));
    let stages: Vec<String> = mission
        .stages
        .iter()
        .flatten()
        .map(|stage| {
            let lasts = stage
                .lasts
                .map_or_else(|| "to the end".to_owned(), |lasts| format!("for {}", words::span(lasts.0)));
            format!("{} {lasts}", words::percent(stage.intensity.0))
        })
        .collect();
    out +=
        &line("stages", &if stages.is_empty() { "one, at 100%".to_owned() } else { stages.join(", then ") });
    out += &line("recovery", &span(mission.recovery.map(|span| span.0)));
    out += &line(
        "lease",
        &match mission.lease {
            Some(lease) => format!("{}; it ends then where nobody renews it", words::span(lease.0)),
            None => "none: it runs to its end without anybody".to_owned(),
        },
    );
    out += &line(
        "combines",
        match mission.composition {
            wire::CompositionWord::FirstMatch => "a request gets the faults of one scenario (first_match)",
            wire::CompositionWord::Independent => {
                "a request may get the faults of several scenarios (independent)"
            }
        },
    );
    out += &line("seed", mission.seed.as_ref().map_or("each proxy draws its own", |seed| seed.0.as_str()));
    out += &line("in all", &caps(mission));
    out
}

/// Shows what is signed, asks, signs and writes.
fn seal(
    inputs: &SignInputs,
    payload: &[u8],
    there: &[EnvelopeSignature],
    (key, name): (&KeyFile, &str),
    told: &str,
) -> anyhow::Result<Outcome> {
    complain(told);
    if !inputs.yes && !asked(name)? {
        complain("not signed\n");
        return Ok(Outcome::Finding);
    }
    let envelope = sealed(MISSION_TYPE, payload, there, key, name);
    let text = format!("{}\n", serde_json::to_string_pretty(&envelope)?);
    match &inputs.out {
        Some(path) => replace(path, &text)?,
        None => terminal::print(&text)?,
    }
    Ok(Outcome::Fine)
}

fn asked(name: &str) -> anyhow::Result<bool> {
    let stdin = std::io::stdin();
    ensure!(stdin.is_terminal(), "nobody can be asked here: give `--yes` to sign it all the same");
    complain(&format!("\nSign this as {name}? [y/N] "));
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer).context("cannot read the answer")?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// Writes beside the file and puts it in its place: one that is cut off would be no mission at all.
fn replace(path: &Path, text: &str) -> anyhow::Result<()> {
    let shown = path.display();
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let write = || {
        let mut file = std::fs::File::create(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&beside, path)
    };
    write().with_context(|| format!("{shown} cannot be written"))
}
