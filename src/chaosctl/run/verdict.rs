//! The verdict of a run: a function of the last status of each proxy, of what Prometheus said, and of why it ended.

use super::decide::Ending;
use super::numbers::{self, Rule};
use super::standing::Standing;
use crate::journal::{Fate, Judged, Verdict, Word};
use crate::terminal::shown;
use serde_json::{Value, json};
use squall_policy::health::{Trials, of_rate};

/// One proxy, at the end.
pub struct Last<'a> {
    pub proxy: &'a str,
    pub status: Option<&'a Value>,
    pub standing: &'a Standing,
    pub is_lost: bool,
    /// It injected something after the end.
    pub injects_still: bool,
}

/// What became of a PromQL signal while faults were injected.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    pub name: String,
    pub expected: String,
    pub worst: Option<f64>,
    pub asked: u32,
    pub failed: u32,
}

pub struct Facts<'a> {
    pub mission: &'a str,
    pub ending: &'a Ending,
    pub proxies: &'a [Last<'a>],
    pub promql: &'a [Tally],
    /// As in [`numbers::quiet`].
    pub inbound: Option<&'a [String]>,
    /// What else has to be said.
    pub notes: Vec<String>,
}

const ALL: &str = "all proxies";

pub fn judge(facts: Facts<'_>) -> Verdict {
    let Facts { mission, ending, proxies, promql, inbound, mut notes } = facts;
    let fates: Vec<Fate> = proxies.iter().map(fate).collect();
    let injected: u64 = fates.iter().map(|fate| fate.injected).sum();
    let single: Vec<Judged> = proxies.iter().flat_map(signals).collect();
    let mut whole = together(&single, proxies, &fates);
    whole.extend(promql.iter().map(|tally| of_tally(tally, injected)));
    let mut violated: Vec<String> = Vec::new();
    let mut open: Vec<String> = Vec::new();
    for signal in &whole {
        let told =
            format!("{} {} {} is {}", signal.scenario, signal.signal, signal.expected, signal.verdict.text());
        match signal.verdict {
            Word::Held => {}
            Word::Violated => violated.push(told.trim().to_owned()),
            Word::Inconclusive => open.push(told.trim().to_owned()),
        }
    }
    for last in proxies {
        let numbers::Quiet { beyond, open } = recovery(last, inbound);
        violated.extend(beyond.iter().map(|told| format!("{} has not recovered: {told}", last.proxy)));
        notes.extend(open.iter().map(|why| format!("the recovery of {} is not judged: {why}", last.proxy)));
    }
    let is_guardrail =
        matches!(ending, Ending::Halted { by_guardrail: true, .. } | Ending::Guardrail(_)) && injected > 0;
    if is_guardrail {
        violated.push(ending.told());
    } else if *ending != Ending::Done {
        open.insert(0, ending.told());
    }
    if injected == 0 {
        open.push("nothing was injected".to_owned());
    } else if whole.is_empty() {
        open.push("nothing was expected: the scenarios have no `signals`".to_owned());
    }
    let still = proxies.iter().filter(|last| last.injects_still);
    open.extend(still.map(|last| format!("{} injected faults after the end", last.proxy)));
    let verdict = match (violated.is_empty(), open.is_empty()) {
        (false, _) => Word::Violated,
        (true, false) => Word::Inconclusive,
        (true, true) => Word::Held,
    };
    Verdict {
        verdict,
        reasons: violated.into_iter().chain(open).chain(notes).collect(),
        signals: single.into_iter().chain(whole).collect(),
        halts: proxies.iter().filter_map(halt).collect(),
        seed: proxies
            .iter()
            .find_map(|last| Some(last.status?.pointer("/mission/seed")?.as_str()?.to_owned())),
        proxies: fates,
        mission_id: mission.to_owned(),
    }
}

fn fate(last: &Last<'_>) -> Fate {
    let (injected, matched) = last.status.map(numbers::injected).unwrap_or_default();
    let state =
        last.status.and_then(|status| status.get("state")).and_then(Value::as_str).unwrap_or_default();
    let how = match last.standing {
        Standing::Over { how, .. } => how.clone(),
        Standing::Halted(_) => "halted".to_owned(),
        _ => String::new(),
    };
    let state = if last.is_lost { "lost".to_owned() } else { shown(state) };
    Fate { proxy: last.proxy.to_owned(), state, injected, matched, how }
}

fn halt(last: &Last<'_>) -> Option<Value> {
    let mut halt = last.status?.get("halt").filter(|halt| halt.is_object())?.clone();
    halt["proxy"] = json!(last.proxy);
    Some(halt)
}

/// What one proxy says of its signals.
fn signals(last: &Last<'_>) -> Vec<Judged> {
    let all = last.status.and_then(|status| status.get("signals")).and_then(Value::as_array);
    let one = |signal: &Value| {
        let rule = Rule::of(signal);
        let number = |key: &str| signal.get(key).and_then(Value::as_f64);
        let verdict = match signal.get("verdict").and_then(Value::as_str) {
            Some("held") => Word::Held,
            Some("violated") => Word::Violated,
            _ => Word::Inconclusive,
        };
        Judged {
            scenario: rule.scenario,
            signal: rule.signal,
            expected: rule.expected,
            verdict,
            value: number("value"),
            low: number("low"),
            high: number("high"),
            source: last.proxy.to_owned(),
        }
    };
    all.into_iter().flatten().map(one).collect()
}

/// Each signal over all proxies: violated where one violates it, held where all that injected something hold it.
fn together(single: &[Judged], proxies: &[Last<'_>], fates: &[Fate]) -> Vec<Judged> {
    let injects =
        |judged: &&Judged| fates.iter().any(|fate| fate.proxy == judged.source && fate.injected > 0);
    let mut whole: Vec<Judged> = Vec::new();
    for first in single {
        let is_same = |other: &&Judged| {
            (&other.scenario, &other.signal, &other.expected)
                == (&first.scenario, &first.signal, &first.expected)
        };
        if whole.iter().any(|judged| is_same(&judged)) {
            continue;
        }
        let all: Vec<&Judged> = single.iter().filter(is_same).filter(injects).collect();
        let any = |word: Word| all.iter().any(|judged| judged.verdict == word);
        let verdict = if any(Word::Violated) {
            Word::Violated
        } else if all.is_empty() || any(Word::Inconclusive) {
            Word::Inconclusive
        } else {
            Word::Held
        };
        let worst = all.iter().copied().filter(|judged| judged.value.is_some());
        let worst = worst.max_by(|a, b| a.value.unwrap_or_default().total_cmp(&b.value.unwrap_or_default()));
        let mut judged = Judged {
            verdict,
            value: worst.and_then(|judged| judged.value),
            low: worst.and_then(|judged| judged.low),
            high: worst.and_then(|judged| judged.high),
            source: ALL.to_owned(),
            ..first.clone()
        };
        if let Some((value, low, high)) = pooled(&judged, single, proxies, all.len()) {
            (judged.value, judged.low, judged.high) = (Some(value), Some(low), Some(high));
            judged.verdict = match (verdict, limit(&judged)) {
                (Word::Inconclusive, Some(limit)) if high <= limit => Word::Held,
                (Word::Inconclusive, Some(limit)) if low > limit => Word::Violated,
                _ => verdict,
            };
        }
        whole.push(judged);
    }
    whole
}

fn limit(judged: &Judged) -> Option<f64> {
    judged.expected.strip_prefix("<=")?.trim().strip_suffix('%')?.trim().parse().ok()
}

/// Several proxies with too few requests each may have enough together. That is so for a rate, where the only scenario with
/// signals is the mission's only one: its group is the mission's then.
fn pooled(
    whole: &Judged,
    single: &[Judged],
    proxies: &[Last<'_>],
    injecting: usize,
) -> Option<(f64, f64, f64)> {
    let statuses = || proxies.iter().filter_map(|last| last.status);
    let scenarios = |status: &Value| status.get("ledger").and_then(Value::as_array).map_or(0, Vec::len);
    let is_alone = single.iter().all(|judged| judged.scenario == whole.scenario)
        && statuses().all(|status| scenarios(status) <= 1 && numbers::group(status, "inbound").requests == 0);
    if whole.signal != "error_rate" || injecting < 2 || !is_alone {
        return None;
    }
    let groups = statuses().map(|status| numbers::group(status, "treatment"));
    let (requests, hits) = groups.fold((0, 0), |sum, group| (sum.0 + group.requests, sum.1 + group.errors));
    let (low, high) = of_rate(Trials { requests, hits });
    (requests > 0).then(|| (hits as f64 * 100.0 / requests as f64, low * 100.0, high * 100.0))
}

/// The limits of the hypothesis hold for the recovery too.
fn recovery(last: &Last<'_>, inbound: Option<&[String]>) -> numbers::Quiet {
    let seen = last.status.filter(|status| numbers::group(status, "recovery").requests > 0);
    seen.map(|status| numbers::quiet(status, "recovery", inbound)).unwrap_or_default()
}

fn of_tally(tally: &Tally, injected: u64) -> Judged {
    let verdict = match (tally.asked, tally.failed) {
        _ if injected == 0 => Word::Inconclusive,
        (0, _) => Word::Inconclusive,
        (_, 0) => Word::Held,
        _ => Word::Violated,
    };
    Judged {
        scenario: String::new(),
        signal: tally.name.clone(),
        expected: tally.expected.clone(),
        verdict,
        value: tally.worst.filter(|worst| worst.is_finite()),
        low: None,
        high: None,
        source: "promql".to_owned(),
    }
}

#[cfg(test)]
mod tests;
