//! What one request costs, counted: host calls by name and wasm instructions, beside the empty SDK filter.
//! The table is docs/counts.md; `make counts` compares, `make counts-update` rewrites it.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::{Value, json};
use squall_wasm_host::{
    Action, Counts, Module, Proxy, Request, Shared, Vm, build_empty_filter, catalog, plugin,
};

const BEGIN: &str = "<!-- counts begin -->";
const END: &str = "<!-- counts end -->";

/// Another compiler or optimiser lays the same code out differently: instructions may differ by so many percent.
const TOLERANCE_PERCENT: u64 = 5;

/// Each KiB costs every Envoy half a millisecond of its start.
const LARGEST_MODULE: u64 = 640 << 10;

struct Row {
    name: &'static str,
    counts: Counts,
}

fn scenario(name: &str, path: &str, faults: Value) -> Value {
    json!({"name": name, "scope": {"match": [{"path": {"exact": path}}]}, "faults": faults})
}

fn elsewhere(count: usize) -> Vec<Value> {
    let faults = json!([{"abort": {"status": 503}}]);
    (0..count).map(|n| scenario(&format!("s{n}"), &format!("/elsewhere/{n}"), faults.clone())).collect()
}

/// A request from its first header to its deletion.
fn whole_request(proxy: &mut Proxy, more: &[(&str, &str)]) {
    let stream = proxy.vm.stream(proxy.root).unwrap();
    proxy.vm.set_property(stream, &["response", "code"], &200_u64.to_le_bytes()).unwrap();
    if proxy.send(stream, Request { more, ..Request::default() }) == Action::Pause
        && proxy.vm.held(stream).is_some()
    {
        proxy.advance_ms(20);
    }
    if proxy.respond(stream, "200") == Action::Pause {
        proxy.advance_ms(20);
    }
    assert!(proxy.vm.held(stream).is_none());
    proxy.finish(stream);
}

/// The hundredth request, so that no map grows and every metric is known; two runs must agree.
fn measure(name: &'static str, configuration: &str, more: &[(&str, &str)]) -> Row {
    let run = || {
        let mut proxy = Proxy::new(configuration);
        for _ in 0..99 {
            whole_request(&mut proxy, more);
        }
        let before = proxy.vm.counts();
        whole_request(&mut proxy, more);
        assert!(proxy.vm.violations().is_empty(), "{:?}", proxy.vm.violations());
        proxy.vm.counts().since(&before)
    };
    let counts = run();
    assert_eq!(counts, run(), "{name}: two runs differ");
    Row { name, counts }
}

fn empty_filter() -> Row {
    let path = build_empty_filter().unwrap_or_else(|message| panic!("{message}"));
    let mut vm = Vm::new(&Module::load(path).unwrap(), &Shared::new()).unwrap();
    let root = vm.start_root("{}", "empty").unwrap();
    let mut proxy = Proxy { shared: vm.shared(), vm, root };
    for _ in 0..99 {
        whole_request(&mut proxy, &[]);
    }
    let before = proxy.vm.counts();
    whole_request(&mut proxy, &[]);
    Row { name: "empty SDK filter", counts: proxy.vm.counts().since(&before) }
}

/// A mission that is over, with its VM still running.
fn after_the_mission() -> Row {
    let mut proxy = Proxy::new(&plugin("m", &elsewhere(1), |mission| mission["duration"] = json!("10s")));
    proxy.advance_ms(10_000);
    for _ in 0..99 {
        whole_request(&mut proxy, &[]);
    }
    let before = proxy.vm.counts();
    whole_request(&mut proxy, &[]);
    Row { name: "mission over", counts: proxy.vm.counts().since(&before) }
}

fn rows() -> Vec<Row> {
    let here = |faults: Value| plugin("m", &[scenario("db", "/profiles/7", faults)], |_| {});
    let delay = |phase: &str| json!({"delay": {"fixed": "20ms", "phase": phase}});
    let abort = json!({"abort": {"status": 503}});
    let grpc = json!({"abort": {"grpc_status": "UNAVAILABLE"}});
    let by_header = json!({"name": "db", "faults": [abort.clone()],
        "scope": {"match": [{"headers": [{"name": "x-chaos", "exact": "on"}]}]}});
    let control = json!({"name": "db", "faults": [abort.clone()],
        "scope": {"match": [{"path": {"exact": "/profiles/7"}}], "sample": {"percent": 0.0001}}});
    let capped = |safety: Value| {
        let mut scenario = scenario("db", "/profiles/7", json!([{"abort": {"status": 503}}]));
        scenario["safety"] = safety;
        plugin("m", &[scenario], |_| {})
    };
    let marking = |scenarios: Vec<Value>| plugin("m", &scenarios, |m| m["mark"] = json!("headers"));
    let all_caps = json!({"max_total": 1_000, "max_concurrent": 10, "max_per_second": 1_000});
    let without_mission = json!({"version": 1, "catalog": catalog(&elsewhere(1))}).to_string();
    vec![
        empty_filter(),
        measure("idle: no mission", &without_mission, &[]),
        measure("idle: `enable: false`", &plugin("m", &elsewhere(1), |m| m["enable"] = json!(false)), &[]),
        after_the_mission(),
        measure("1 scenario, no match by path", &plugin("m", &elsewhere(1), |_| {}), &[]),
        measure("1,000 scenarios, no match by path", &plugin("m", &elsewhere(1_000), |_| {}), &[]),
        measure("1 scenario, header absent", &plugin("m", &[by_header], |_| {}), &[]),
        measure("control group (matched, not sampled)", &plugin("m", &[control], |_| {}), &[]),
        measure("abort", &here(json!([abort])), &[]),
        measure("abort of gRPC", &here(json!([grpc])), &[("content-type", "application/grpc")]),
        measure("request delay", &here(json!([delay("request")])), &[]),
        measure("response delay", &here(json!([delay("response")])), &[]),
        measure("abort with `max_total`", &capped(json!({"max_total": 1_000})), &[]),
        measure("abort with all caps", &capped(all_caps), &[]),
        measure("no match, `mark: headers`", &marking(elsewhere(1)), &[]),
        measure(
            "request delay, `mark: headers`",
            &marking(vec![scenario("db", "/profiles/7", json!([delay("request")]))]),
            &[],
        ),
        measure("request delay, then abort", &here(json!([delay("request"), abort])), &[]),
    ]
}

fn host_calls(counts: &Counts) -> String {
    let calls: Vec<_> = counts
        .host_calls
        .iter()
        .map(|(name, count)| {
            let name = name.strip_prefix("proxy_").unwrap_or(name);
            if *count == 1 { format!("`{name}`") } else { format!("{count} `{name}`") }
        })
        .collect();
    if calls.is_empty() { "none".into() } else { calls.join(", ") }
}

fn table(rows: &[Row]) -> String {
    let mut text =
        String::from("| path of a request | instructions | host calls | which |\n|---|---|---|---|\n");
    for Row { name, counts } in rows {
        let (total, calls) = (counts.host_calls_total(), host_calls(counts));
        let _ = writeln!(text, "| {name} | {} | {total} | {calls} |", counts.instructions);
    }
    text
}

fn document() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/counts.md"))
}

/// The cells of each row of the table in the document.
fn committed(text: &str) -> Vec<Vec<String>> {
    let inside = text.split(BEGIN).nth(1).and_then(|rest| rest.split(END).next()).unwrap_or_default();
    let rows = inside.lines().filter(|line| line.starts_with("| ")).skip(1);
    rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

fn rewrite(rows: &[Row]) {
    let text = std::fs::read_to_string(document()).expect("docs/counts.md");
    let (before, rest) = text.split_once(BEGIN).expect("the marker of the beginning");
    let (_, after) = rest.split_once(END).expect("the marker of the end");
    let text = format!("{before}{BEGIN}\n{}{END}{after}", table(rows));
    std::fs::write(document(), text).expect("docs/counts.md is writable");
}

#[test]
fn the_committed_table_says_what_requests_cost() {
    let rows = rows();
    if std::env::var_os("SQUALL_UPDATE_COUNTS").is_some() {
        rewrite(&rows);
    }
    let text = std::fs::read_to_string(document()).expect("docs/counts.md");
    let committed = committed(&text);
    let advice = format!("docs/counts.md differs; look why, then: make counts-update\n{}", table(&rows));
    assert_eq!(committed.len(), rows.len(), "{advice}");
    for (cells, Row { name, counts }) in committed.iter().zip(&rows) {
        let total = counts.host_calls_total().to_string();
        assert_eq!(
            (cells[0].as_str(), &cells[2], &cells[3]),
            (*name, &total, &host_calls(counts)),
            "{advice}"
        );
        let instructions: u64 = cells[1].parse().expect("a number of instructions");
        let off = instructions.abs_diff(counts.instructions) * 100;
        assert!(
            off <= instructions * TOLERANCE_PERCENT,
            "{name}: {} instructions\n{advice}",
            counts.instructions
        );
    }
}

/// Where there is no wasm-opt, the module is a tenth larger, and says nothing about the budget.
#[test]
fn the_module_is_small() {
    let target = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target"));
    let size = |path: &str| std::fs::metadata(target.join(path)).map(|file| file.len()).expect(path);
    let (module, linked) = (size("squall.wasm"), size("wasm32-unknown-unknown/wasm/squall.linked.wasm"));
    let limit = if module < linked { LARGEST_MODULE } else { LARGEST_MODULE / 100 * 112 };
    assert!(module <= limit, "target/squall.wasm has {module} bytes, more than {limit}");
}

#[test]
fn the_budgets_hold() {
    let rows = rows();
    let row = |name: &str| {
        let row = rows.iter().find(|row| row.name.starts_with(name));
        &row.unwrap_or_else(|| panic!("no row {name}")).counts
    };
    let empty = row("empty SDK filter");
    for idle in ["idle: no mission", "idle: `enable", "mission over"] {
        assert_eq!(row(idle).host_calls_total(), 0, "{idle}: {:?}", row(idle).host_calls);
        assert!(
            row(idle).instructions < empty.instructions,
            "{idle}: {} instructions",
            row(idle).instructions
        );
    }
    for armed in ["1 scenario, no match", "1,000 scenarios", "1 scenario, header"] {
        assert_eq!(host_calls(row(armed)), "`get_header_map_value`", "{armed}");
    }
    let (one, thousand) = (row("1 scenario, no match").instructions, row("1,000 scenarios").instructions);
    assert!(thousand * 10 <= one * 11, "1,000 scenarios: {thousand} instructions, 1: {one}");
}
