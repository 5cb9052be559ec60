//! What the pages say of a run.

use super::{Form, assert_golden, page, run_of, text};
use crate::report::compare::Comparison;
use crate::report::pages::comparison;

#[test]
fn the_markdown_of_a_run() {
    assert_golden("run.md", &page(&run_of(&text()), Form::Markdown));
}

#[test]
fn the_page_of_a_run() {
    assert_golden("run.html", &page(&run_of(&text()), Form::Html));
}

#[test]
fn a_page_needs_nothing_from_outside_and_its_plots_have_titles() {
    let html = page(&run_of(&text()), Form::Html);
    for outside in ["<script", "src=", "href=", "@import", "url(", "<link"] {
        assert!(!html.contains(outside), "{outside}");
    }
    let plots = html.matches("<svg class=\"plot\"").count();
    assert_eq!((plots, html.matches("<desc id=\"plot-").count()), (5, 5));
    assert_eq!(html.matches("<g class=\"halt\"><title>halt at 2:30").count(), 5);
    assert_eq!(html.matches("<g class=\"phase\"><title>stage at 50 % from 1:20").count(), 5);
}

#[test]
fn numbers_are_those_of_all_proxies_together() {
    let summary = run_of(&text()).summary;
    assert_eq!((summary.verdict, summary.is_complete, summary.proxies.len()), (Some("violated"), true, 3));
    let ledger = &summary.ledger[0];
    let of_proxies: u64 = summary.proxies.iter().map(|proxy| proxy.matched).sum();
    assert!(ledger.matched > 10_000 && of_proxies > 10_000, "{} {of_proxies}", ledger.matched);
    let (low, high) = (ledger.low_percent.expect("a bound"), ledger.high_percent.expect("a bound"));
    let observed = ledger.observed_percent.expect("a rate");
    assert!(
        low < observed && observed < high && ledger.is_as_declared == Some(true),
        "{low} {observed} {high}"
    );
    // Over all proxies, and not that of the worst.
    let errors = summary.hypothesis.iter().find(|part| part.signal == "error_rate").expect("a signal");
    assert_eq!((errors.verdict.as_str(), errors.value, errors.sources.len()), ("violated", Some(0.93), 4));
    let guard = &summary.guardrails[0];
    assert_eq!(
        (guard.standing, guard.proxy.as_str(), guard.value),
        ("tripped", "http://10.0.0.6:9902", Some(2140.0))
    );
    let halts: Vec<(u64, &str)> = summary.halts.iter().map(|halt| (halt.t_ms, halt.proxy.as_str())).collect();
    assert_eq!(halts, [(150_300, "http://10.0.0.6:9902")]);
    assert_eq!((summary.promql[0].asked, summary.promql[0].failed), (11, 1));
    let stages: Vec<Option<f64>> =
        summary.phases.iter().filter_map(|p| p.intensity_percent).map(Some).collect();
    assert_eq!(stages, [Some(10.0), Some(50.0), Some(100.0)]);
    let injected: u64 = summary.phases.iter().map(|phase| phase.injected).sum();
    assert_eq!(injected, summary.injected);
    assert!(
        summary
            .phases
            .iter()
            .filter(|phase| phase.intensity_percent.is_none())
            .all(|phase| phase.injected == 0)
    );
}

#[test]
fn a_journal_that_breaks_off_gives_a_report_that_says_so() {
    let whole = text();
    let cut = whole.len() / 2;
    let broken = &whole[..cut];
    let run = run_of(broken);
    assert_eq!((run.summary.verdict, run.summary.is_complete), (None, false));
    assert!(
        run.summary.missing[0].contains("the journal ends in phase injecting and has no verdict"),
        "{:?}",
        run.summary.missing
    );
    // What the proxies said last stands in for it.
    assert!(run.summary.hypothesis.iter().all(|part| part.verdict != "unknown"));
    for form in [Form::Html, Form::Markdown] {
        let page = page(&run, form);
        assert!(page.contains("No verdict: the run did not come to its end"), "{page}");
        assert!(page.contains("left unfinished"), "{page}");
    }
    // The first line alone is a journal too.
    let first = whole.lines().next().expect("a line");
    for form in [Form::Html, Form::Markdown] {
        assert!(page(&run_of(first), form).contains("before its first phase"));
    }
}

/// A journal may have no points in time; then percentiles are those of the mission until then, which the plot says.
#[test]
fn without_a_series_percentiles_are_told_as_what_they_are() {
    let bare: String = text()
        .lines()
        .map(|line| {
            let mut record: serde_json::Value = serde_json::from_str(line).expect("JSON");
            if let Some(health) =
                record.pointer_mut("/status/health").and_then(serde_json::Value::as_object_mut)
            {
                health.remove("series");
            }
            format!("{record}\n")
        })
        .collect();
    let html = page(&run_of(&bare), Form::Html);
    assert!(html.contains("Latency p95, of the mission until then"), "the title says it");
    assert!(html.matches("<circle").count() > 100);
    assert!(!page(&run_of(&text()), Form::Html).contains("until then"));
}

#[test]
fn two_runs_side_by_side_with_what_is_different() {
    let later = text();
    let earlier = later
        .replace("8842190371", "1111111111")
        .replace("2026-12-01-db-latency", "2026-11-30-db-latency")
        .replace("\"verdict\":\"violated\"", "\"verdict\":\"held\"");
    let (earlier, later) = (run_of(&earlier), run_of(&later));
    let compared = Comparison::of(&earlier, &later);
    assert_eq!(compared.differs, ["seed: 1111111111 before, 8842190371 after"]);
    let errors = compared.signals.iter().find(|row| row.what.contains("error_rate")).expect("a row");
    assert_eq!(
        (errors.earlier.verdict.as_deref(), errors.later.verdict.as_deref()),
        (Some("held"), Some("violated"))
    );
    assert_eq!((errors.difference, errors.is_clear), (Some(0.0), Some(false)));
    assert_golden("compare.md", &comparison([&earlier, &later], &compared, Form::Markdown).expect("a page"));
    let html = comparison([&earlier, &later], &compared, Form::Html).expect("a page");
    assert_eq!(html.matches("<svg class=\"plot\"").count(), 10);
    assert!(html.contains("within chance"));
}

/// What is told to run again can be read by those who run it.
#[test]
fn the_configuration_is_a_mission_with_the_seed_and_another_id() {
    let replay = crate::report::replay::Replay::of(&run_of(&text())).expect("YAML");
    assert!(replay.mission.contains("id: \"2026-12-01-db-latency-again\"\n"), "{}", replay.mission);
    assert!(replay.mission.contains("seed: \"8842190371\"\n"), "{}", replay.mission);
    let mut report = squall_policy::Report::default();
    let mission = crate::reader::read(&replay.mission, &mut report).expect("YAML");
    let catalog =
        crate::reader::read(replay.catalog.as_deref().expect("a catalog"), &mut report).expect("YAML");
    squall_policy::check_mission(&mission, Some(&catalog), &mut report).expect("a mission");
    squall_policy::check_catalog(&catalog, &mut report).expect("a catalog");
    assert!(!report.has_errors(), "{:?}", report.findings);
    let wanted = "chaosctl run mission.yaml \\\n  --catalog catalog.yaml \\\n  --proxy http://10.0.0.5:9902";
    assert!(replay.commands.starts_with(wanted), "{}", replay.commands);
    assert!(
        replay.commands.contains("--guardrail 'carts: sum(rate(carts_total[1m])) >= 2'"),
        "{}",
        replay.commands
    );
    assert!(!replay.commands.contains("no-lease"), "{}", replay.commands);
}

/// A journal with these lines after its first one.
fn with(started: impl FnOnce(&mut serde_json::Value), lines: &[serde_json::Value]) -> String {
    let mut first: serde_json::Value =
        serde_json::from_str(text().lines().next().expect("a line")).expect("JSON");
    started(&mut first);
    let lines = lines.iter().map(ToString::to_string);
    std::iter::once(first.to_string()).chain(lines).map(|line| line + "\n").collect()
}

fn at(second: u64, mut line: serde_json::Value) -> serde_json::Value {
    line["at"] = serde_json::json!(format!("2026-12-01T09:00:{second:02}.000Z"));
    line["t_ms"] = serde_json::json!(second * 1000);
    line
}

#[test]
fn a_journal_without_an_end_tells_until_when_faults_may_go_on_and_no_more() {
    let action = |what: &str| serde_json::json!({"kind": "action", "what": what, "proxy": "http://10.0.0.5:9902", "ok": true, "detail": ""});
    let missing = |lease: bool| {
        let started = |first: &mut serde_json::Value| {
            let mission = first["mission"].as_object_mut().expect("a mission");
            mission.remove("start");
            mission.insert("duration".to_owned(), "10m".into());
            mission.remove("lease");
            if lease {
                mission.insert("lease".to_owned(), "30s".into());
            }
        };
        let journal = with(started, &[at(10, action("start")), at(40, action("renew"))]);
        run_of(&journal).summary.missing.join("\n")
    };
    let told = missing(true);
    assert!(told.contains("faults end at 2026-12-01T09:10:10Z at the latest"), "{told}");
    assert!(told.contains("by its lease at 2026-12-01T09:01:10Z at the latest"), "{told}");
    assert!(!told.contains("ended its faults"), "{told}");
    assert!(missing(false).contains("it has no lease"), "{}", missing(false));
}

#[test]
fn what_prometheus_did_not_know_is_not_told_as_holding_again() {
    let found = |ok: Option<bool>| serde_json::json!({"kind": "promql", "name": "errors", "role": "guardrail", "expression": "x", "value": null, "ok": ok, "detail": "d"});
    let lines: Vec<serde_json::Value> = [Some(true), Some(false), None, None, Some(true)]
        .into_iter()
        .zip(1..)
        .map(|(ok, second)| at(second, found(ok)))
        .collect();
    let told: Vec<String> = run_of(&with(|_| {}, &lines))
        .summary
        .timeline
        .into_iter()
        .filter(|moment| moment.kind == "promql")
        .map(|moment| moment.text)
        .collect();
    assert_eq!(told, ["errors does not hold: d", "errors is not known: d", "errors holds again: d"]);
}

#[test]
fn a_signed_mission_is_replayed_by_signing_it_anew() {
    let started = |first: &mut serde_json::Value| {
        first["mission"]["expires"] = "2026-12-02T00:00:00Z".into();
        first["mission"]["digests"] = serde_json::json!({"x": "sha256:1"});
    };
    let replay = crate::report::replay::Replay::of(&run_of(&with(started, &[]))).expect("a replay");
    assert!(!replay.mission.contains("expires") && !replay.mission.contains("digests"), "{}", replay.mission);
    let places = ["chaosctl sign ", "chaosctl approve ", "chaosctl run mission.signed.json"]
        .map(|word| replay.commands.find(word).expect(word));
    assert!(places.is_sorted(), "{}", replay.commands);
    let plain = crate::report::replay::Replay::of(&run_of(&text())).expect("a replay");
    assert!(plain.commands.starts_with("chaosctl run mission.yaml"), "{}", plain.commands);
}

#[test]
fn what_an_earlier_mission_did_there_is_no_part_of_a_run() {
    let mut lines = text();
    let sample = text().lines().rfind(|line| line.contains("\"sample\"")).expect("a sample").to_owned();
    let mut earlier: serde_json::Value = serde_json::from_str(&sample).expect("JSON");
    earlier["status"]["mission"]["id"] = "another".into();
    earlier["status"]["ledger"][0]["matched"] = 1_000_000_000.into();
    let verdict = lines.lines().last().expect("a line").to_owned();
    lines = lines.replace(&verdict, &format!("{earlier}\n{verdict}"));
    assert_eq!(run_of(&lines).summary.ledger[0].matched, run_of(&text()).summary.ledger[0].matched);
}

#[test]
fn a_comparison_says_in_what_the_two_were_not_the_same() {
    let later = |first: &mut serde_json::Value| {
        first["mission"]["namespace"] = "elsewhere".into();
        first["mission"]["baseline"] = "7s".into();
        first["mission"]["composition"] = "independent".into();
        first["proxies"] = serde_json::json!(["http://z:1"]);
    };
    let (earlier, later) = (run_of(&with(|_| {}, &[])), run_of(&with(later, &[])));
    let differs = Comparison::of(&earlier, &later).differs;
    for word in
        ["namespace: ", "proxies: ", "baseline: ", "composition: first_match before, independent after"]
    {
        assert!(differs.iter().any(|told| told.starts_with(word)), "{word}: {differs:?}");
    }
    assert_eq!(Comparison::of(&earlier, &earlier).differs, [""; 0]);
}
