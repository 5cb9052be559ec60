//! What `explain` and `validate` say about scope and trigger.

mod run;

use run::{Ran, run, run_with};
use serde_json::{Value, json};

/// A folder with a catalog of one scenario `a` (its keys in YAML flow style) and a mission that runs it.
struct Files {
    _folder: tempfile::TempDir,
    catalog: String,
    mission: String,
}

impl Files {
    fn new(keys: &str) -> Self {
        Self::started(keys, "")
    }

    /// The mission has this line too.
    fn started(keys: &str, line: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("written");
            path.display().to_string()
        };
        let faults = if keys.contains("faults:") { "" } else { "faults: [{abort: {status: 503}}], " };
        let scenario = format!("{{name: a, {faults}{keys}}}");
        let catalog = write("catalog.yaml", &format!("version: 1\nscenarios:\n- {scenario}\n"));
        let mission =
            format!("version: 1\nid: m\nnamespace: n\nscenarios: [a]\nduration: 1h\nseed: s\n{line}");
        let mission = write("mission.yaml", &mission);
        Self { _folder: folder, catalog, mission }
    }

    fn run(&self, verb: &[&str], more: &[&str]) -> Ran {
        run(&[verb, &["--catalog", &self.catalog, "--mission", &self.mission], more].concat())
    }

    /// The outcome of the scenario.
    fn outcome(&self, more: &[&str]) -> String {
        let ran = self.run(&["explain", "--output", "json"], more);
        let told: Value = serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {}", ran.err));
        told["scenarios"][0]["outcome"].as_str().unwrap_or_default().to_owned()
    }

    /// What `explain` prints for people.
    fn told(&self, more: &[&str]) -> String {
        let ran = self.run(&["explain"], more);
        assert_eq!(ran.code, 0, "{}", ran.err);
        ran.out
    }

    /// What `simulate` tells about a log.
    fn simulated(&self, log: &[u8]) -> Value {
        let files = ["--catalog", &self.catalog, "--mission", &self.mission];
        let ran = run_with(&[&["simulate", "--log", "-", "--output", "json"][..], &files].concat(), log);
        serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {}", ran.err))
    }

    /// The codes and places that `validate` finds.
    fn findings(&self) -> Vec<String> {
        let ran = run(&["validate", "--output", "json", &self.catalog, &self.mission]);
        let records: Value = serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {}", ran.err));
        let text = |record: &Value, key: &str| record[key].as_str().unwrap_or_default().to_owned();
        let told = |r: &Value| format!("{} {}", text(r, "code"), text(r, "key"));
        records.as_array().expect("an array").iter().map(told).collect()
    }
}

#[test]
fn p7_a_health_check_is_told_to_be_protected_and_by_what() {
    let files = Files::new("scope: {protect: [{path: {prefix: /admin}}]}");
    for (request, by) in [
        (vec!["--path", "/healthz"], "path /healthz"),
        (vec!["--path", "/users", "--header", "User-Agent: kube-probe/1.31"], "user-agent kube-probe/"),
        (vec!["--path", "/admin/x"], "scope.protect[0]"),
    ] {
        assert_eq!(files.outcome(&request), "protected");
        let told = files.told(&request);
        assert!(told.contains(&format!("it is protected ({by})")) && told.contains("no fault"), "{told}");
    }
    assert_eq!(files.outcome(&["--path", "/users"]), "faulted");
    let shown = run(&["show", "a", "--catalog", &files.catalog]).out;
    assert!(shown.contains("but        never: path /admin*"), "{shown}");
}

#[test]
fn queries_and_grpc_calls_are_matched_and_told() {
    let files = Files::new(
        "scope: {match: [{query: [{name: user id, exact: a/b}]}, {grpc: {service: shop.Users, method: Get}}]}",
    );
    assert_eq!(files.outcome(&["--path", "/x?user+id=a%2Fb"]), "faulted");
    let grpc = ["--header", "content-type: application/grpc", "--path"];
    assert_eq!(files.outcome(&[&grpc[..], &["/shop.Users/Get"]].concat()), "faulted");
    let told = files.told(&["--path", "/shop.Users/Get?user+id=c&user+id=%64"]);
    assert!(
        told.contains("query user id does not match \"c, d\"; header content-type does not match"),
        "{told}"
    );
    let shown = run(&["show", "a", "--catalog", &files.catalog]).out;
    assert!(shown.contains("query user id is \"a/b\"") && shown.contains("gRPC shop.Users/Get"), "{shown}");
}

#[test]
fn a_scenario_for_health_checks_alone_needs_to_say_so() {
    let rules = "match: [{path: {exact: /healthz}}]";
    let files = Files::new(&format!("scope: {{{rules}}}"));
    assert_eq!(files.findings(), ["only-protected scenarios[0].scope.match"]);
    assert!(Files::new(&format!("scope: {{{rules}, allow_protected: true}}")).findings().is_empty());
}

#[test]
fn whose_proxy_it_is_and_who_calls_can_be_said() {
    let files = Files::new(
        "scope: {service: users, labels: {app: a, tier: gold}, dependency: db, source: {principal: {suffix: /web}}}",
    );
    let request = ["--path", "/", "--cluster", "outbound|80||db.shop", "--principal", "spiffe://x/web"];
    let outcome = |more: &[&str]| files.outcome(&[&request[..], more].concat());
    assert_eq!(outcome(&[]), "faulted", "without a word about it, it is the right proxy");
    assert_eq!(outcome(&["--service", "users", "--label", "app=a", "--label", "tier=gold"]), "faulted");
    assert_eq!(outcome(&["--service", "orders"]), "dormant");
    assert_eq!(outcome(&["--label", "app=a"]), "dormant");
    let told = files.told(&[&request[..], &["--service", "orders"]].concat());
    assert!(told.contains("dormant in this proxy: service is \"orders\" here, not \"users\""), "{told}");
    assert_eq!(files.outcome(&["--path", "/", "--cluster", "db"]), "not_matched");
    assert_eq!(files.run(&["explain"], &["--path", "/", "--label", "app"]).code, 2);
    let shown = run(&["show", "a", "--catalog", &files.catalog]).out;
    let words = "in proxies of users, labelled app=a, labelled tier=gold, to db, from */web: all requests";
    assert!(shown.contains(words), "{shown}");
}

#[test]
fn another_try_is_told() {
    let files = Files::new("scope: {attempts: [1, 3]}");
    let try_of =
        |count: &str| files.outcome(&["--path", "/", "--header", &format!("x-envoy-attempt-count: {count}")]);
    assert_eq!(["1", "2", "3", "4"].map(try_of), ["faulted", "attempt", "faulted", "attempt"]);
    let second = files.told(&["--path", "/", "--header", "grpc-previous-rpc-attempts: 1"]);
    assert!(second.contains("it is another try than `attempts` wants"), "{second}");
    let shown = run(&["show", "a", "--catalog", &files.catalog]).out;
    assert!(shown.contains("but        only try 1 or 3 of a retried request"), "{shown}");
}

#[test]
fn the_first_requests_of_a_key_are_counted_over_a_log_and_explained_as_first() {
    let files = Files::new("scope: {first: {requests: 2, per: {header: x-order}, forget_after: 1m}}");
    assert_eq!(files.outcome(&["--path", "/"]), "no_key");
    let told = files.told(&["--path", "/"]);
    assert!(told.contains("no `x-order` header; faults are for the first 2 requests of each\n"), "{told}");
    let told = files.told(&["--path", "/", "--header", "x-order: 7"]);
    assert!(told.contains("FAULT") && told.contains("only the first 2 requests of each x-order"), "{told}");
    assert!(told.contains("requests before it are not known here"), "{told}");
    let shown = run(&["show", "a", "--catalog", &files.catalog]).out;
    assert!(shown.contains("but        only the first 2 requests of each x-order"), "{shown}");
    let line = |second: u64, order: &str| {
        json!({"time": format!("2026-12-01T09:{:02}:{:02}.000Z", second / 60, second % 60), "request_id": null,
            "method": "GET", "path": "/", "headers.user-agent": null, "headers.x-order": order})
    };
    // Five of the order 1; three of the order 2, the last of them more than a minute after the second.
    let lines = [(0, "1"), (1, "1"), (2, "2"), (3, "1"), (4, "1"), (5, "2"), (6, "1"), (66, "2")];
    let log: String = lines.iter().map(|(second, order)| format!("{}\n", line(*second, order))).collect();
    let told = files.simulated(log.as_bytes());
    assert_eq!(told["scenarios"][0]["injected"]["abort"], 5, "{told}");
    assert_eq!(told["scenarios"][0]["spared"], json!({"first_done": 3}));
}

#[test]
fn a_load_is_not_known_to_explain_and_simulate_which_say_so() {
    let files = Files::new("trigger: {load: {min_rps: 5, max_rps: 500, min_in_flight: 2}}");
    let words = "at a load of 5 to 500 requests per second and at least 2 requests under way";
    let told = files.told(&["--path", "/"]);
    assert!(told.contains("FAULT") && told.contains(words), "{told}");
    let shown = run(&["show", "a", "--catalog", &files.catalog]).out;
    assert!(shown.contains(&format!("when       {words}")), "{shown}");
    let line = json!({"request_id": "r", "method": "GET", "path": "/", "headers.user-agent": null});
    let told = files.simulated(line.to_string().as_bytes());
    assert_eq!(told["scenarios"][0]["injected"]["abort"], 1);
    assert!(told["notes"][0].as_str().is_some_and(|note| note.contains(words)), "{told}");
}

#[test]
fn a_window_is_looked_at_for_the_time_given() {
    let files =
        Files::new("trigger: {window: {days: [fri], between: \"22:00-06:00\", timezone: \"+01:00\"}}");
    let at = |time: &str| files.outcome(&["--path", "/", "--at", time]);
    assert_eq!(at("2026-12-04T20:59:59Z"), "trigger");
    assert_eq!(at("2026-12-04T21:00:00Z"), "faulted");
    assert_eq!(at("2026-12-05T05:00:00Z"), "trigger");
    let told = files.told(&["--path", "/", "--at", "2026-12-05T05:00:00Z"]);
    assert!(told.contains("its trigger is off at that time") && told.contains("no fault"), "{told}");
    let shown = run(&["show", "a", "--catalog", &files.catalog]).out;
    assert!(shown.contains("when       fri 22:00 to 06:00 (UTC+01:00)"), "{shown}");
}

#[test]
fn a_random_span_needs_to_know_how_long_the_mission_has_run() {
    let keys = "trigger: {randomize: {period: 100s, active: 50s}}";
    let files = Files::new(keys);
    let ran = files.run(&["explain"], &["--path", "/"]);
    assert_eq!((ran.code, ran.err.contains("--running 90s")), (2, true), "{}", ran.err);
    // A request that the scenario is not about is told without it.
    let elsewhere = Files::new(&format!("{keys}, scope: {{match: [{{path: {{exact: /random}}}}]}}"));
    assert_eq!(elsewhere.outcome(&["--path", "/other"]), "not_matched");
    let running = |files: &Files, s: u64| files.outcome(&["--path", "/", "--running", &format!("{s}s")]);
    let on = (0..1000).step_by(10).filter(|s| running(&files, *s) == "faulted").count();
    assert!((40..=60).contains(&on), "{on} of 100");
    // The mission's start says it too.
    let files = Files::started(keys, "start: 2026-12-01T09:00:00Z\n");
    for s in [0, 10, 35, 60, 85, 99] {
        let at = format!("2026-12-01T09:{:02}:{:02}Z", s / 60, s % 60);
        assert_eq!(files.outcome(&["--path", "/", "--at", &at]), running(&files, s), "{s}");
    }
    let shown = run(&["show", "a", "--catalog", &files.catalog]).out;
    assert!(shown.contains("when       for a random 50s of every 1m 40s"), "{shown}");
}

#[test]
fn a_burst_needs_to_know_how_long_the_mission_has_run_and_simulate_takes_it_from_the_log() {
    let keys = "burst: {good: 40s, bad: 20s}";
    let files = Files::new(keys);
    let ran = files.run(&["explain"], &["--path", "/"]);
    assert_eq!((ran.code, ran.err.contains("--running 90s")), (2, true), "{}", ran.err);
    let running = |s: u64| files.outcome(&["--path", "/", "--running", &format!("{s}s")]);
    let seconds: Vec<u64> = (0..600).step_by(6).collect();
    let bad: Vec<bool> = seconds.iter().map(|s| running(*s) == "faulted").collect();
    let on = bad.iter().filter(|bad| **bad).count();
    assert!((10..=70).contains(&on), "{on} of 100");
    let good = seconds[bad.iter().position(|bad| !bad).expect("a good state")];
    let told = files.told(&["--path", "/", "--running", &format!("{good}s")]);
    assert!(told.contains("matched, spared: its burst is in the good state at that time"), "{told}");
    let shown = run(&["show", "a", "--catalog", &files.catalog]).out;
    assert!(shown.contains("when       in bursts of about 20s with about 40s between"), "{shown}");
    // The lines in another order, as when requests take long.
    let line = |s: &u64| {
        json!({"time": format!("2026-12-01T09:{:02}:{:02}.000Z", s / 60, s % 60), "request_id": "r",
            "method": "GET", "path": "/", "headers.user-agent": null})
    };
    let log: String = seconds.iter().rev().map(|s| format!("{}\n", line(s))).collect();
    let started = Files::started(keys, "start: 2026-12-01T09:00:00Z\n");
    let told = started.simulated(log.as_bytes());
    assert_eq!(told["scenarios"][0]["injected"]["abort"], on);
    assert_eq!(told["scenarios"][0]["spared"]["burst"], 100 - on);
}

#[test]
fn a_window_that_is_over_or_outside_the_mission_is_suspicious() {
    let window = |keys: &str| format!("trigger: {{window: {{{keys}}}}}");
    let over = window("end: 2020-01-01T00:00:00Z");
    assert_eq!(Files::new(&over).findings(), ["already-over scenarios[0].trigger.window.end"]);
    let found = |keys: &str| Files::started(&window(keys), "start: 2999-01-01T00:00:00Z\n").findings();
    assert!(found("start: 2999-01-01T00:59:59Z, end: 2999-02-01T00:00:00Z").is_empty());
    assert!(found("end: 2999-01-01T00:00:01Z").is_empty());
    assert_eq!(found("start: 2999-01-01T01:00:00Z"), ["never-fires scenarios[0]"]);
    assert_eq!(found("end: 2999-01-01T00:00:00Z"), ["never-fires scenarios[0]"]);
}

#[test]
fn a_choice_is_told_by_its_shares() {
    let files = Files::new(
        "faults: [{one_of: [{weight: 3, delay: {fixed: 10ms}}, {weight: 1, abort: {status: 503, percent: 50}}]}]",
    );
    let told = files.told(&["--path", "/"]);
    assert!(told.contains("left to chance: 87.5 % of such requests get a fault"), "{told}");
    let listed =
        |fault: &str| run(&["list", "--catalog", &files.catalog, "--fault", fault, "--output", "json"]).out;
    assert!(listed("abort").contains("\"a\"") && listed("delay").contains("\"a\""));
    let shown = run(&["show", "a", "--catalog", &files.catalog]).out;
    assert!(shown.contains("delay 10ms, one of 2 by 75 %"), "{shown}");
    assert!(shown.contains("abort 503, 50 % of those, one of 2 by 25 %"), "{shown}");
    let outcomes = (0..40).map(|id| files.told(&["--path", "/", "--request-id", &id.to_string()]));
    let delayed = outcomes.filter(|told| told.contains("delay 10ms")).count();
    assert!((15..40).contains(&delayed), "{delayed} of 40");
}
