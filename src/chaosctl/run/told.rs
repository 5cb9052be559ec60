//! The checks and the verdict, for a person.

use crate::journal::{Judged, Preflight, Verdict, Word};
use crate::table;
use crate::terminal::{Paint, Style, shown};
use std::path::Path;

/// Each check once where all proxies pass it, and each proxy that does not.
pub fn checks(all: &[Preflight], paint: Paint) -> String {
    let mut out = String::new();
    let mut told: Vec<&str> = Vec::new();
    for check in all {
        if told.contains(&check.check.as_str()) {
            continue;
        }
        told.push(&check.check);
        let same = || all.iter().filter(|other| other.check == check.check);
        let mut details: Vec<&str> = Vec::new();
        for fine in same().filter(|check| check.ok == Some(true)) {
            if !details.contains(&fine.detail.as_str()) {
                details.push(&fine.detail);
            }
        }
        if !details.is_empty() {
            let ok = paint.paint(Style::Good, "ok    ");
            out += &format!("{ok}  {}: {}\n", shown(&check.check), shown(&details.join("; ")));
        }
        for open in same().filter(|check| check.ok.is_none()) {
            let note = paint.paint(Style::Warning, "note  ");
            out += &format!("{note}  {}: {}\n", shown(&open.check), shown(&open.detail));
        }
        for failed in same().filter(|check| check.fails()) {
            let word = paint.paint(Style::Error, "failed");
            let proxy =
                failed.proxy.as_deref().map_or_else(String::new, |proxy| format!(" {}", shown(proxy)));
            out += &format!("{word}  {}{proxy}: {}\n", shown(&failed.check), shown(&failed.detail));
        }
    }
    out
}

pub fn verdict(verdict: &Verdict, journal: Option<&Path>, paint: Paint) -> String {
    let style = match verdict.verdict {
        Word::Held => Style::Good,
        Word::Violated => Style::Error,
        Word::Inconclusive => Style::Warning,
    };
    let word = paint.paint(style, verdict.verdict.text());
    let mut out = format!("{word}  {}\n", shown(&verdict.mission_id));
    for reason in &verdict.reasons {
        out += &format!("  {}\n", shown(reason));
    }
    if !verdict.signals.is_empty() {
        let rows: Vec<[String; 5]> = verdict.signals.iter().map(row).collect();
        out += &format!("\n{}", table::text(&["SIGNAL", "VERDICT", "VALUE", "95 %", "OF"], &rows, paint));
    }
    let rows: Vec<[String; 5]> = verdict
        .proxies
        .iter()
        .map(|fate| {
            let how = if fate.how.is_empty() { "-" } else { &fate.how };
            [
                shown(&fate.proxy),
                fate.state.clone(),
                how.to_owned(),
                fate.injected.to_string(),
                fate.matched.to_string(),
            ]
        })
        .collect();
    out += &format!("\n{}", table::text(&["PROXY", "STATE", "ENDED", "INJECTED", "MATCHED"], &rows, paint));
    if let Some(journal) = journal {
        out += &format!("\njournal {}\n", shown(&journal.display().to_string()));
    }
    out
}

fn row(judged: &Judged) -> [String; 5] {
    let number = |number: Option<f64>| number.map_or_else(|| "-".to_owned(), |number| format!("{number:.3}"));
    let range = match (judged.low, judged.high) {
        (None, None) => "-".to_owned(),
        (low, high) => format!("{} to {}", number(low), number(high)),
    };
    [
        shown(format!("{} {} {}", judged.scenario, judged.signal, judged.expected).trim()),
        judged.verdict.text().to_owned(),
        number(judged.value),
        range,
        shown(&judged.source),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::Color;

    fn check(check: &str, proxy: &str, ok: bool, detail: &str) -> Preflight {
        Preflight {
            check: check.to_owned(),
            proxy: Some(proxy.to_owned()),
            ok: Some(ok),
            detail: detail.to_owned(),
        }
    }

    #[test]
    fn a_check_that_all_pass_is_one_line_and_one_that_fails_a_line_for_each() {
        let paint = Paint::new(Color::Never, &std::io::stdout());
        let all = [
            check("idle", "a", true, "no mission"),
            check("idle", "b", true, "no mission"),
            check("clock", "a", false, "late\u{1b}[2J"),
            check("clock", "b", true, "+1 ms"),
            Preflight { ok: None, proxy: None, ..check("traffic", "", true, "told later") },
        ];
        assert_eq!(
            checks(&all, paint),
            "ok      idle: no mission\nok      clock: +1 ms\nfailed  clock a: late\u{fffd}[2J\nnote    traffic: told later\n"
        );
    }
}
