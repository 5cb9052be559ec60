//! From the command line to a mission that runs: checks, the journal, and the start on all proxies or on none.

use super::conduct::Conductor;
use super::document::Document;
use super::fleet::Site;
use super::inputs::{self, Inputs};
use super::interrupts::Interrupts;
use super::log::Log;
use super::preflight::{self, Looked};
use super::screen::Screen;
use super::tasks::{self, Message};
use super::watch::Watch;
use super::{Left, told};
use crate::Outcome;
use crate::arguments::{Output, Run};
use crate::control::client::Answer;
use crate::control::start::{conclude, namespace, on_all_or_none, started};
use crate::control::told as answers;
use crate::control::{all, halt, start};
use crate::emit;
use crate::journal::{self, Entry, PhaseName, Preflight, What, Writer};
use crate::terminal::{self, Paint, complain, shown};
use anyhow::Context;
use serde_json::json;
use squall_policy::Node;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

/// All checks have passed.
pub struct Ready {
    looked: Vec<Looked>,
    document: Document,
    inputs: Inputs,
    log: Log,
}

/// Checks everything; nothing is changed anywhere but that a journal begins.
///
/// # Errors
/// When there is no mission, or the journal cannot be written.
pub async fn prepare(
    arguments: &Run,
    inputs: Inputs,
    paints: (Paint, Paint),
) -> anyhow::Result<Result<Ready, Outcome>> {
    let mut inputs = inputs;
    let looked = all(inputs.clients.clone(), preflight::look).await;
    let sites: Vec<start::Site> = looked.iter().map(|looked| looked.site.clone()).collect();
    let mission = match inputs.given {
        Ok(mission) => mission,
        Err(words) => words.mission(&namespace(&words, &sites)?)?,
    };
    // Where they differ between the proxies, or from the catalog that was given, preflight refuses.
    let digests = looked.first().map(preflight::Looked::digests).unwrap_or_default();
    let document = Document::of(mission, !arguments.no_lease, &digests)?;
    // What was given has become the document.
    inputs.given = Err(crate::control::mission::Words::default());
    let log = journal(arguments, &document, &inputs)?;
    let mut checks = preflight::reachable(&looked);
    checks.extend(preflight::checks(&looked, &document, inputs.catalog.as_ref(), inputs.signer.has_key()));
    checks.extend(prometheus(&inputs).await);
    log.write(Entry::Phase(journal::Phase { phase: PhaseName::Preflight, stage: None }));
    for check in &checks {
        log.write(Entry::Preflight(check.clone()));
    }
    complain(&told::checks(&checks, paints.1));
    let fails = |name: Option<bool>| {
        checks
            .iter()
            .any(|check| check.fails() && name.is_none_or(|reach| (check.check == "reachable") == reach))
    };
    if fails(None) || arguments.preflight_only {
        if arguments.proxies.output != Output::Text {
            let record = json!({"started": false, "preflight": checks});
            terminal::print(&emit::structured(&record, arguments.proxies.output)?)?;
        }
        let failed = checks.iter().filter(|check| check.fails()).count();
        if failed > 0 {
            complain(&format!("{failed} of {} checks failed, and nothing was started\n", checks.len()));
        }
        return Ok(Err(match (fails(Some(false)), fails(Some(true))) {
            (true, _) => Outcome::Finding,
            (false, true) => Outcome::Unable,
            (false, false) => Outcome::Fine,
        }));
    }
    for added in &document.added {
        complain(&format!("added {added}\n"));
    }
    if !arguments.yes && std::io::stdin().is_terminal() && !asked(&document, looked.len()).await? {
        complain("nothing was started\n");
        return Ok(Err(Outcome::Finding));
    }
    Ok(Ok(Ready { looked, document, inputs, log }))
}

async fn prometheus(inputs: &Inputs) -> Vec<Preflight> {
    let Some(prometheus) = &inputs.prometheus else { return Vec::new() };
    let all = prometheus.evaluate(&inputs.conditions).await;
    let one = |one: &super::prometheus::Evaluated| {
        let line = &one.line;
        let (ok, what) = match (one.is_answered, line.ok) {
            (false, _) => (false, format!("{}; is `--prometheus` right, and the query?", line.detail)),
            (true, None) => (
                false,
                "no data: a guardrail without data guards nothing; where nothing means 0 add `or vector(0)`"
                    .to_owned(),
            ),
            (true, Some(false)) => (false, "does not hold already, before any fault".to_owned()),
            (true, Some(true)) => (true, "holds".to_owned()),
        };
        let value = line.value.map_or_else(String::new, |value| format!(" ({value})"));
        Preflight {
            check: "prometheus".to_owned(),
            proxy: None,
            ok: Some(ok),
            detail: format!("{}{value}: {what}", line.name),
        }
    };
    all.iter().map(one).collect()
}

/// Asks the person at the terminal, who may also press Ctrl-C.
async fn asked(document: &Document, proxies: usize) -> anyhow::Result<bool> {
    let seconds = Duration::from_secs(document.expected().duration_s);
    complain(&format!(
        "Start {} for {} on {proxies} {}? [y/N] ",
        shown(&document.wire.id.0),
        humantime::format_duration(seconds),
        if proxies == 1 { "proxy" } else { "proxies" }
    ));
    let answer = tokio::task::spawn_blocking(|| {
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer).map(|_| answer)
    });
    let answer = answer.await?.context("cannot read the answer")?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

fn journal(arguments: &Run, document: &Document, inputs: &Inputs) -> anyhow::Result<Log> {
    if arguments.preflight_only && arguments.journal.is_none() {
        return Ok(Log::new(None));
    }
    let moment = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let moment: String = moment.chars().filter(char::is_ascii_alphanumeric).collect();
    let run = format!("{}-{}", document.wire.id.0, moment.to_ascii_lowercase());
    let path = arguments.journal.clone().unwrap_or_else(|| PathBuf::from(format!("chaos-{run}.jsonl")));
    let log = Log::new(Some(Writer::create(&path)?));
    let names: Vec<String> = document.wire.scenarios.iter().map(|name| name.0.clone()).collect();
    let scenarios: Vec<&Node> = inputs::scenarios(inputs.catalog.as_ref(), &names);
    log.write(Entry::Started(journal::Started {
        version: journal::VERSION,
        chaosctl: env!("CARGO_PKG_VERSION").to_owned(),
        run,
        mission: document.json.clone(),
        hypothesis: inputs::hypothesis(&scenarios, &inputs.conditions)?,
        scenarios: scenarios.into_iter().map(serde_json::to_value).collect::<Result<_, _>>()?,
        proxies: inputs.clients.iter().map(|client| client.address.to_string()).collect(),
        prometheus: arguments.prometheus.clone(),
        options: inputs::options(arguments),
    }));
    Ok(log)
}

/// A mission that runs, and what Prometheus is asked meanwhile.
pub struct Running<'a> {
    pub conductor: Conductor<'a>,
    pub tell: UnboundedSender<Message>,
    /// Ends when it is dropped.
    pub asking: JoinSet<()>,
}

/// Starts it on all proxies, or on none.
///
/// # Errors
/// When no proxy could read what takes it back.
pub async fn begin<'a>(
    arguments: &'a Run,
    ready: Ready,
    interrupts: Interrupts,
    left: &Left,
    paints: (Paint, Paint),
) -> anyhow::Result<Result<Running<'a>, Outcome>> {
    let Ready { looked, document, inputs, log } = ready;
    *left.borrow_mut() = Some((log.clone(), remains(&document)));
    let sites: Vec<start::Site> = looked.iter().map(|looked| looked.site.clone()).collect();
    let mut told = on_all_or_none(&sites, &document.mission, inputs.signer.clone()).await?;
    halt_what_stays(&mut told, &sites, &log).await?;
    written(&told, &log);
    if told.iter().any(|told| !matches!(told.answer, Answer::Done(_))) {
        if arguments.proxies.output == Output::Text {
            answers::complain_of(&told, document.mission.source.as_ref(), paints.1);
            conclude(&told, &document.mission.id, paints.1)?;
        } else {
            answers::print(&told, arguments.proxies.output, None, paints, started)?;
        }
        return Ok(Err(answers::outcome(&told)));
    }
    let (tell, messages) = unbounded_channel();
    let mut asking = JoinSet::new();
    if let Some(prometheus) = inputs.prometheus.clone().filter(|_| !inputs.conditions.is_empty()) {
        asking.spawn(tasks::ask(prometheus, inputs.conditions.clone(), tell.clone()));
    }
    let expected = document.expected();
    let names: Vec<String> = document.wire.scenarios.iter().map(|name| name.0.clone()).collect();
    let conductor = Conductor {
        options: arguments,
        screen: Screen::new(expected.duration_s),
        sites: looked.iter().map(Site::new).collect(),
        watch: Watch::new(inputs.conditions, arguments.guardrail_for),
        inbound: inputs
            .catalog
            .as_ref()
            .map(|catalog| inputs::inbound(&inputs::scenarios(Some(catalog), &names))),
        signer: inputs.signer,
        expected,
        document,
        log,
        interrupts,
        messages,
        reached: None,
        is_judged: false,
        unrenewed: Vec::new(),
    };
    Ok(Ok(Running { conductor, tell, asking }))
}

/// Where the mission began and the stop that takes it back is refused, a halt ends it: that needs no key.
async fn halt_what_stays(told: &mut [answers::Told], sites: &[start::Site], log: &Log) -> anyhow::Result<()> {
    let body = halt::body(Some("chaosctl run: another proxy did not take the mission"), None)?;
    let refuses = |told: &&mut answers::Told| matches!(&told.taken_back, Some(Err(kept)) if kept.is_refused);
    let asked = told.iter_mut().filter(refuses).filter_map(|told| {
        let client = &sites.iter().find(|site| site.client.address.to_string() == told.proxy)?.client;
        Some((told, client.clone(), body.clone()))
    });
    let asked: Vec<_> = asked.collect();
    let halts = all(
        asked.iter().map(|(_, client, body)| (client.clone(), body.clone())),
        |(client, body)| async move { client.post("/v1/halt", body).await },
    )
    .await;
    for ((told, ..), answer) in asked.into_iter().zip(halts) {
        let why = match answer {
            Answer::Done(_) => None,
            Answer::Refused(problem) => Some(problem.line()),
            Answer::Failed(failure) => Some(failure.why),
        };
        told.is_halted = why.is_none();
        log.action(What::Halt, &told.proxy, told.is_halted, &shown(&why.unwrap_or_default()));
    }
    Ok(())
}

/// What each proxy said of the start.
fn written(told: &[answers::Told], log: &Log) {
    for told in told {
        let (ok, detail) = match &told.answer {
            Answer::Done(answer) => (true, started(answer)),
            Answer::Refused(problem) => (false, problem.line()),
            Answer::Failed(failure) => (false, shown(&failure.why)),
        };
        log.action(What::Start, &told.proxy, ok, &detail);
        if let Some(back) = &told.taken_back {
            let why = back.as_ref().err().map(|kept| shown(&kept.why)).unwrap_or_default();
            log.action(What::Stop, &told.proxy, back.is_ok(), &why);
        }
        if ok {
            complain(&format!("{}  {detail}\n", shown(&told.proxy)));
        }
    }
}

/// What ends the mission where nobody stops it.
pub fn remains(document: &Document) -> String {
    let begins = document
        .wire
        .start
        .map_or_else(SystemTime::now, |start| std::time::UNIX_EPOCH + Duration::from_millis(start.0));
    let deadline =
        humantime::format_rfc3339_seconds(begins + Duration::from_secs(document.expected().duration_s));
    let lease = match document.lease_s() {
        Some(lease) => format!("and its lease, {lease} s after the last renewal, whichever is first"),
        None => "and no lease before that".to_owned(),
    };
    format!(
        "Where it was not stopped, each proxy ends the mission by itself: its deadline is {deadline}, {lease}."
    )
}
