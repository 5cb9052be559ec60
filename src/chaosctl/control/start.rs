//! `start`: on all proxies, or on none where one of them refuses.

use super::act::{Order, word};
use super::client::{Answer, Client};
use super::mission::{Mission, Words};
use super::request::Signer;
use super::told::{self, Told};
use super::{all, block_on, clients};
use crate::Outcome;
use crate::arguments::{Output, Start};
use crate::terminal::{self, Paint, Style, complain, shown};
use anyhow::ensure;
use serde_json::Value;
use squall_policy::wire::Action;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a mission that was taken may need to come to a filter, which is what can stop it.
const ON_ITS_WAY: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// A proxy that has been looked at.
#[derive(Clone)]
pub struct Site {
    pub client: Client,
    pub status: Answer,
}

impl Site {
    pub fn text(&self, pointer: &str) -> Option<&str> {
        match &self.status {
            Answer::Done(status) => status.pointer(pointer)?.as_str(),
            Answer::Refused(_) | Answer::Failed(_) => None,
        }
    }
}

/// # Errors
/// When there is nothing to start, or nobody can be asked.
pub fn run(arguments: &Start, paints: (Paint, Paint)) -> anyhow::Result<Outcome> {
    let clients = clients(&arguments.proxies)?;
    let signer = Signer::read(&arguments.signer)?;
    let given = match file(&arguments.words, arguments.file.as_ref()) {
        Some(path) => match Mission::read(&path, paints.1)? {
            Some(mission) => Ok(mission),
            None => return Ok(Outcome::Finding),
        },
        None => Err(Words::read(&arguments.words)?),
    };
    block_on(start(arguments, clients, given, signer, paints))?
}

/// A word without `=` is a file.
pub fn file(words: &[String], file: Option<&PathBuf>) -> Option<PathBuf> {
    match words {
        [word] if !word.contains('=') => Some(PathBuf::from(word)),
        _ => file.cloned(),
    }
}

async fn start(
    arguments: &Start,
    clients: Vec<Client>,
    given: Result<Mission, Words>,
    signer: Signer,
    paints: (Paint, Paint),
) -> anyhow::Result<Outcome> {
    let sites = all(clients, |client| async move {
        let status = client.get("/v1/status").await;
        Site { client, status }
    })
    .await;
    let missing = |site: &&Site| !matches!(site.status, Answer::Done(_));
    if sites.iter().any(|site| missing(&site)) && !arguments.allow_partial {
        return nothing(&sites, arguments.proxies.output, paints);
    }
    let mission = match given {
        Ok(mission) => mission,
        Err(words) => words.mission(&namespace(&words, &sites)?)?,
    };
    if mission.is_signed && !signer.has_key() && sites.len() > 1 && !arguments.allow_partial {
        complain("note: without `--key` it cannot be taken back where one of the proxies refuses it\n");
    }
    let mut told = if arguments.allow_partial {
        post(sites.iter().filter(|site| !missing(site)), &mission).await
    } else {
        on_all_or_none(&sites, &mission, signer).await?
    };
    told.extend(
        sites.iter().filter(missing).map(|site| Told::new(&site.client.address, site.status.clone())),
    );
    told.sort_by_key(|told| sites.iter().position(|site| site.client.address.to_string() == told.proxy));
    let outcome = told::print(&told, arguments.proxies.output, mission.source.as_ref(), paints, started)?;
    if arguments.proxies.output == Output::Text {
        conclude(&told, &mission.id, paints.1)?;
    }
    Ok(outcome)
}

/// Starts it everywhere; where one does not take it, what the others have begun is taken back.
///
/// # Errors
/// When no proxy could read the request that takes it back.
pub async fn on_all_or_none(sites: &[Site], mission: &Mission, signer: Signer) -> anyhow::Result<Vec<Told>> {
    let told = post(sites.iter(), mission).await;
    if told.iter().all(|told| matches!(told.answer, Answer::Done(_))) {
        return Ok(told);
    }
    let reason = "another proxy did not take it";
    let order = Order::new(Action::Stop, Some(&mission.id), Some(reason), signer)?;
    Ok(take_back(told, sites, &mission.id, order).await)
}

/// Where one does not even tell its status, no proxy is bothered.
fn nothing(sites: &[Site], output: Output, paints: (Paint, Paint)) -> anyhow::Result<Outcome> {
    let silent = sites.iter().filter(|site| !matches!(site.status, Answer::Done(_)));
    let told: Vec<Told> = silent.map(|site| Told::new(&site.client.address, site.status.clone())).collect();
    let outcome = told::print(&told, output, None, paints, |_| String::new())?;
    complain("nothing was started; `--allow-partial` starts it on the others\n");
    Ok(outcome)
}

/// That of the command line, or the one that all proxies are in.
pub fn namespace(words: &Words, sites: &[Site]) -> anyhow::Result<String> {
    if let Some(namespace) = &words.namespace {
        return Ok(namespace.clone());
    }
    let theirs: BTreeSet<&str> = sites.iter().filter_map(|site| site.text("/proxy/namespace")).collect();
    let listed = theirs.iter().map(|name| shown(name)).collect::<Vec<_>>().join(", ");
    ensure!(theirs.len() < 2, "the proxies are in several namespaces ({listed}): add namespace=NAME");
    Ok(theirs.first().copied().unwrap_or("default").to_owned())
}

async fn post(sites: impl Iterator<Item = &Site>, mission: &Mission) -> Vec<Told> {
    all(sites, |site| {
        let (client, body) = (site.client.clone(), mission.body.clone());
        async move { Told::new(&client.address, client.post("/v1/missions", body).await) }
    })
    .await
}

/// Stops it where it was started, and where it may have been.
async fn take_back(told: Vec<Told>, sites: &[Site], id: &str, order: Order) -> Vec<Told> {
    let order = Arc::new(order);
    all(told, |mut told| {
        let site = sites.iter().find(|site| site.client.address.to_string() == told.proxy);
        let proxy = site.and_then(|site| site.text("/proxy/id")).map(ToOwned::to_owned);
        let (client, order, id) = (site.map(|site| site.client.clone()), Arc::clone(&order), id.to_owned());
        async move {
            let is_sure = match &told.answer {
                Answer::Done(_) => true,
                Answer::Failed(failure) if failure.sent => false,
                Answer::Failed(_) | Answer::Refused(_) => return told,
            };
            if let Some(client) = client {
                let stopped = stop(&client, &order, &id, proxy.as_deref(), is_sure).await;
                told.taken_back = Some(stopped);
            }
            told
        }
    })
    .await
}

/// Why a mission may still run.
pub struct Kept {
    pub why: String,
    /// The proxy has the mission and does not stop it for this request.
    pub is_refused: bool,
}

/// Stops a mission that was started there, also one that is on its way. `is_sure`: it was taken.
///
/// # Errors
/// With why it may still run.
pub async fn stop(
    client: &Client,
    order: &Order,
    id: &str,
    proxy: Option<&str>,
    is_sure: bool,
) -> Result<(), Kept> {
    let begun = Instant::now();
    loop {
        match order.post(client, &format!("/v1/missions/{id}/stop"), Some(id), proxy).await {
            Answer::Done(_) => return Ok(()),
            Answer::Refused(problem) => match problem.code.as_str() {
                "mission-ended" => return Ok(()),
                "unknown-mission" if begun.elapsed() < ON_ITS_WAY => {}
                // It never came.
                "unknown-mission" if !is_sure => return Ok(()),
                code => {
                    return Err(Kept { why: problem.line(), is_refused: code != "unknown-mission" });
                }
            },
            Answer::Failed(failure) => return Err(Kept { why: failure.why, is_refused: false }),
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

pub fn started(answer: &Value) -> String {
    let list = |key: &str| answer.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let names = |key: &str| {
        let names = list(key).iter().filter_map(Value::as_str).map(shown);
        names.collect::<Vec<_>>().join(", ")
    };
    let seconds = answer.get("duration_s").and_then(Value::as_u64).unwrap_or_default();
    let mut line = format!(
        "started {} ({}) for {}",
        word(answer, "mission"),
        names("scenarios"),
        humantime::format_duration(Duration::from_secs(seconds))
    );
    let signers = names("approved_by");
    if !signers.is_empty() {
        line += &format!(", signed by {signers}");
    }
    for dormant in list("dormant") {
        line += &format!("\n  {} is dormant there: {}", word(dormant, "scenario"), word(dormant, "because"));
    }
    for warning in list("warnings").iter().filter_map(Value::as_str) {
        line += &format!("\n  warning: {}", shown(warning));
    }
    line
}

/// What became of it in the end, and what to do next.
pub fn conclude(told: &[Told], id: &str, paint: Paint) -> anyhow::Result<()> {
    for told in told {
        let proxy = shown(&told.proxy);
        match &told.taken_back {
            None => {}
            Some(Ok(())) => terminal::print(&format!("{proxy}  taken back: {id} is stopped\n"))?,
            Some(Err(kept)) if told.is_halted => complain(&format!(
                "{proxy} halted, as it refuses the stop: {}; `chaosctl release --proxy {proxy}` lets missions start again\n",
                shown(&kept.why)
            )),
            Some(Err(kept)) => complain(&format!(
                "{}: {proxy} may still run {id}, which was not taken back: {}\n  = help: `chaosctl stop {id} --proxy {proxy} \
                 --key FILE` stops it; `chaosctl halt --proxy {proxy}` needs no key\n\n",
                paint.paint(Style::Error, "not taken back"),
                shown(&kept.why)
            )),
        }
    }
    if told.iter().all(|told| matches!(told.answer, Answer::Done(_))) {
        complain(
            "`chaosctl status` shows it, `chaosctl stop` ends it, `chaosctl halt` ends it whoever you are\n",
        );
    }
    Ok(())
}
