//! `run`: a mission from its checks to its verdict, on one proxy or many. docs/run.md tells of it.

mod baseline;
mod begin;
mod condition;
mod conduct;
mod decide;
mod document;
mod fleet;
mod inputs;
mod interrupts;
mod log;
mod numbers;
mod preflight;
mod prometheus;
mod screen;
mod standing;
mod stop;
mod tasks;
mod told;
mod verdict;
mod watch;

use crate::Outcome;
use crate::arguments::{Output, Run};
use crate::control::block_on;
use crate::emit;
use crate::journal::{Entry, Verdict, Word};
use crate::terminal::{self, Paint, complain, shown};
use conduct::{Conductor, Ended};
use inputs::Inputs;
use interrupts::Interrupts;
use log::Log;
use serde_json::json;
use std::cell::RefCell;
use std::rc::Rc;
use verdict::{Facts, Last};

/// What has to be said of a run that is left at once.
type Left = Rc<RefCell<Option<(Log, String)>>>;

/// # Errors
/// When there is nothing to run, or nobody can be asked.
pub fn run(arguments: &Run, paints: (Paint, Paint)) -> anyhow::Result<Outcome> {
    let Some(inputs) = Inputs::read(arguments, paints.1)? else { return Ok(Outcome::Finding) };
    block_on(async {
        let interrupts = Interrupts::listen()?;
        let left = Left::default();
        let mut again = interrupts.clone();
        tokio::select! {
            biased;
            by = again.reach(2) => Ok(leave(&left, by)),
            outcome = go(arguments, inputs, interrupts, Rc::clone(&left), paints) => outcome,
        }
    })?
}

/// At the second interrupt.
fn leave(left: &Left, by: &str) -> Outcome {
    match left.borrow().as_ref() {
        None => complain("left at once; nothing was started\n"),
        Some((log, remains)) => {
            log.write(Entry::Interrupted(crate::journal::Interrupted { by: by.to_owned(), count: 2 }));
            complain(&format!("left at once, without a verdict. {remains}\n"));
        }
    }
    Outcome::Unable
}

async fn go(
    arguments: &Run,
    inputs: Inputs,
    interrupts: Interrupts,
    left: Left,
    paints: (Paint, Paint),
) -> anyhow::Result<Outcome> {
    let mut early = interrupts.clone();
    let ready = tokio::select! {
        biased;
        _ = early.reach(1) => {
            complain("interrupted; nothing was started\n");
            return Ok(Outcome::Unable);
        }
        ready = begin::prepare(arguments, inputs, paints) => ready?,
    };
    // From here on the first interrupt is a stop of what was started.
    let running = match ready {
        Ok(ready) => begin::begin(arguments, ready, interrupts, &left, paints).await?,
        Err(outcome) => return Ok(outcome),
    };
    let begin::Running { mut conductor, tell, asking } = match running {
        Ok(running) => running,
        Err(outcome) => return Ok(outcome),
    };
    let ended = conductor.run(tell).await?;
    drop(asking);
    let verdict = judge(&conductor, &ended);
    conductor.log.write(Entry::Verdict(verdict.clone()));
    let journal = conductor.log.path();
    let output = arguments.proxies.output;
    if output == Output::Text {
        terminal::print(&told::verdict(&verdict, journal.as_deref(), paints.0))?;
    } else {
        let mut record = serde_json::to_value(&verdict)?;
        record["journal"] = json!(journal);
        terminal::print(&emit::structured(&record, output)?)?;
    }
    Ok(if verdict.verdict == Word::Held { Outcome::Fine } else { Outcome::Finding })
}

fn judge(conductor: &Conductor<'_>, ended: &Ended) -> Verdict {
    let last: Vec<Last<'_>> = conductor
        .sites
        .iter()
        .map(|site| Last {
            proxy: &site.name,
            status: site.status.as_ref(),
            standing: &site.standing,
            is_lost: site.lost_for().is_some(),
            injects_still: ended.still.contains(&site.name),
        })
        .collect();
    let lost: Vec<String> = last.iter().filter(|last| last.is_lost).map(|last| shown(last.proxy)).collect();
    let mut notes: Vec<String> = conductor.log.failed().into_iter().collect();
    if !lost.is_empty() {
        notes.push(format!("lost: {}. {}", lost.join(", "), begin::remains(&conductor.document)));
    }
    verdict::judge(Facts {
        mission: &conductor.expected.id,
        ending: &ended.ending,
        proxies: &last,
        promql: &conductor.watch.tallies(),
        inbound: conductor.inbound.as_deref(),
        notes,
    })
}
