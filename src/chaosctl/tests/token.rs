//! `token`: keys and signed requests, and what `render`, `validate` and `explain` make of them.

mod run;

use run::{Ran, root, run};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

const CATALOG: &str = "version: 1
scenarios:
  - name: asked
    scope: {match: [{path: {prefix: /}}]}
    faults: [{requested: {keys: [team-a]}}]
";
const MISSION: &str = "version: 1
id: m
scenarios: [asked]
namespace: shop
duration: 1m
seed: s
";

struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    fn new() -> Self {
        let files = Self { folder: tempfile::tempdir().expect("a folder") };
        std::fs::write(files.path("catalog.yaml"), CATALOG).expect("written");
        std::fs::write(files.path("mission.yaml"), MISSION).expect("written");
        let made = run(&["token", "--new-key", &files.path("team-a.key")]);
        assert_eq!((made.code, made.out.as_str()), (0, ""), "{made:?}");
        files
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn with_files(&self, verb: &[&str], more: &[&str]) -> Ran {
        let (catalog, mission) = (self.path("catalog.yaml"), self.path("mission.yaml"));
        run(&[verb, &["--catalog", &catalog, "--mission", &mission], more].concat())
    }

    /// The headers of a token, one in a line.
    fn token(&self, more: &[&str]) -> String {
        let ran =
            run(&[&["token", "--key-file", &self.path("team-a.key"), "--name", "team-a"], more].concat());
        assert_eq!(ran.code, 0, "{ran:?}");
        ran.out
    }

    fn explain(&self, headers: &str, more: &[&str]) -> String {
        let key = format!("team-a={}", self.path("team-a.key"));
        let headers = headers.lines().flat_map(|line| ["--header", line]);
        let given = ["--path", "/users/7", "--caller-key", &key].into_iter().chain(headers);
        let ran = self.with_files(&["explain"], &given.chain(more.iter().copied()).collect::<Vec<_>>());
        assert_eq!(ran.code, 0, "{ran:?}");
        ran.out
    }
}

#[test]
fn a_new_key_is_for_its_owner_alone_and_never_written_over() {
    let files = Files::new();
    let key = std::fs::read_to_string(files.path("team-a.key")).expect("a key");
    assert_eq!(key.trim().len(), 43, "32 bytes in base64");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(files.path("team-a.key")).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    assert_eq!(run(&["token", "--new-key", &files.path("team-a.key")]).code, 2);
    assert_eq!(std::fs::read_to_string(files.path("team-a.key")).expect("a key"), key);
}

#[test]
fn a_token_is_granted_and_explain_tells_why_another_one_is_not() {
    let files = Files::new();
    let good = files.token(&["--fault", "delay=100ms;abort=503"]);
    let told = files.explain(&good, &[]);
    assert!(told.contains("delay of 100ms before the answer, then abort 503"), "{told}");
    let baggage = files.token(&["--fault", "abort=503", "--baggage"]);
    assert!(files.explain(&baggage, &[]).contains("abort 503"), "{baggage}");
    let none = files.explain("", &[]);
    assert!(
        none.contains("spared: it asks for no fault") && none.contains("like this one, 0 % get"),
        "{none}"
    );
    let bound = files.token(&["--fault", "abort=503", "--authority", "shop", "--path", "/users"]);
    assert!(files.explain(&bound, &["--authority", "shop"]).contains("abort 503"), "{bound}");
    for (headers, more, cause) in [
        (good.replace("100ms", "200ms"), &[][..], "bad_signature"),
        (good.lines().take(1).collect(), &[], "unsigned"),
        (bound.clone(), &["--authority", "other"], "other_target"),
        (files.token(&["--fault", "delay=2s"]), &[], "over_limit"),
        (files.token(&["--fault", "delay=1s", "--expires", "2h"]), &[], "over_limit"),
        (good.clone(), &["--at", "2100-01-01T00:00:00Z"], "expired"),
    ] {
        let told = files.explain(&headers, more);
        assert!(told.contains(&format!("what it asks for is ignored ({cause})")), "{headers} {told}");
        assert!(told.contains("verdict: no fault") && told.contains("like this one, 0 % get"), "{told}");
    }
    let json = files.token(&["--fault", "abort=503", "--output", "json"]);
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["x-chaos-fault"], "abort=503");
    assert!(json["x-chaos-token"].as_str().is_some_and(|token| token.starts_with("v1.team-a.")));
}

#[test]
fn a_token_of_a_key_that_explain_does_not_have_is_told() {
    let files = Files::new();
    let key = files.path("team-a.key");
    let note = "note: no key `team-a` was given: `--caller-key team-a=FILE`";
    for headers in
        [files.token(&["--fault", "abort=503"]), files.token(&["--fault", "abort=503", "--baggage"])]
    {
        let given: Vec<&str> = headers.lines().flat_map(|line| ["--header", line]).collect();
        for more in [vec![], vec!["--caller-key".to_owned(), format!("team-b={key}")]] {
            let more = more.iter().map(String::as_str);
            let given: Vec<&str> =
                ["--path", "/"].into_iter().chain(given.iter().copied()).chain(more).collect();
            let told = files.with_files(&["explain"], &given).out;
            assert!(told.contains("(bad_signature)") && told.contains(note), "{told}");
        }
    }
    let wrong = files.token(&["--fault", "abort=503"]).replace("503", "504");
    assert!(!files.explain(&wrong, &[]).contains("note:"));
    let foreign = run(&["token", "--key-file", &key, "--name", "team-b", "--fault", "abort=503"]).out;
    let told = files.explain(&foreign, &["--caller-key", &format!("team-b={key}")]);
    assert!(told.contains("note: asked: key `team-b` is none of its `keys`: team-a"), "{told}");
}

#[test]
fn the_usage_is_either_of_two() {
    let usage = "Usage: chaosctl token --new-key FILE\n       \
                 chaosctl token --key-file FILE --name NAME --fault FAULT [OPTIONS]\n";
    let help = run(&["token", "--help"]).out;
    assert!(help.contains(usage) && help.contains("Example:\n  chaosctl token"), "{help}");
    for (arguments, missing) in [
        (&[][..], &["--key-file <FILE>", "--name <NAME>", "--fault <FAULT>"][..]),
        (&["--fault", "abort=503"], &["--key-file <FILE>", "--name <NAME>"]),
        (&["--key-file", "k", "--name", "n"], &["--fault <FAULT>"]),
        (
            &["--new-key", "k", "--fault", "abort=503"],
            &["'--new-key <FILE>' cannot be used with '--fault <FAULT>'"],
        ),
        (&["--new-key", "k", "--expires", "1m"], &["cannot be used with '--expires <DURATION>'"]),
    ] {
        let ran = run(&[&["token"], arguments].concat());
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{arguments:?}");
        assert!(ran.err.contains(usage) && missing.iter().all(|part| ran.err.contains(part)), "{}", ran.err);
    }
}

#[test]
fn a_share_of_the_requests_that_ask_for_nothing_is_none() {
    let files = Files::new();
    let half = CATALOG.replace("]}\n", "], sample: {percent: 50}}\n");
    std::fs::write(files.path("catalog.yaml"), half).expect("written");
    for id in 0..20 {
        let told = files.explain("", &["--request-id", &id.to_string()]);
        assert!(told.contains("like this one, 0 % get"), "{told}");
    }
    let good = files.token(&["--fault", "abort=503"]);
    let told = files.explain(&good, &["--request-id", "1"]);
    assert!(told.contains("like this one, 50 % get"), "{told}");
}

#[test]
fn what_no_filter_would_read_is_not_signed() {
    let files = Files::new();
    let key = files.path("team-a.key");
    let long = format!("abort=503;path=/{}", "x".repeat(512));
    for (fault, why) in [
        ("delay=abc", "`delay=abc` is no duration"),
        ("delay=100", "`delay=100` has no unit: write delay=100ms"),
        ("delay=2h", "`delay=2h` is longer than 1h"),
        ("abort=199", "`abort=199` is no status from 200 to 599"),
        ("abort-grpc=unavailable", "a name such as UNAVAILABLE, or 1 to 99"),
        ("throttle=64KiB", "`throttle=64KiB` has no `/s`"),
        ("throttle=1B/s", "no rate from 100B/s to 10GiB/s"),
        ("abort=503;abort-percent=101", "`abort-percent=101` is none of 0 to 100"),
        ("abort=503; dealy=1s", "`dealy` is no part: did you mean `delay`?"),
        ("status=503", "`status` is no part: there are: delay, abort, abort-grpc, throttle, delay-percent"),
        ("abort=503,delay=1s", "parts are joined by `;`, not by `,`"),
        ("abort:503", "`abort:503` has no `=`"),
        ("abort=503;", "a part is empty"),
        ("abort=503;abort=504", "`abort` stands twice"),
        ("abort-percent=5", "it asks for no fault"),
        ("abort=503;path=users", "`path=users` must begin with `/`"),
        (long.as_str(), "it is longer than 512 bytes"),
        ("abort=5\u{1b}03", "`abort=5\u{fffd}03` is no status"),
    ] {
        let ran = run(&["token", "--key-file", &key, "--name", "team-a", "--fault", fault]);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{fault} {ran:?}");
        assert!(ran.err.contains(why), "{fault} {}", ran.err);
    }
    for (option, value, why) in [
        ("--authority", "a;b", "cannot be bound"),
        ("--authority", "", "--authority: `authority=` is no authority"),
        ("--path", "users", "--path: `path=users` must begin with `/`"),
        ("--path", "/a?b", "--path: `path=/a?b` is no beginning of a path"),
    ] {
        let fault = ["token", "--key-file", &key, "--name", "team-a", "--fault", "abort=503"];
        let ran = run(&[&fault[..], &[option, value]].concat());
        assert!(ran.code == 2 && ran.out.is_empty() && ran.err.contains(why), "{value} {ran:?}");
    }
    assert_eq!(run(&["token", "--key-file", &key, "--name", "Team A", "--fault", "abort=503"]).code, 2);
    let short = files.path("short.key");
    std::fs::write(&short, "c2hvcnQ=").expect("written");
    let ran = run(&["token", "--key-file", &short, "--name", "team-a", "--fault", "abort=503"]);
    assert!(ran.code == 2 && ran.err.contains("16 to 256 bytes"), "{ran:?}");
}

/// The lines of Python in docs/faults/requested.md, as they stand there.
#[test]
fn the_documentations_own_implementation_mints_the_same_tokens() {
    let files = Files::new();
    let page = std::fs::read_to_string(root().join("docs/faults/requested.md")).expect("the page");
    let code = page.split("```python\n").nth(1).and_then(|rest| rest.split("```").next()).expect("code");
    let script = files.path("mint.py");
    std::fs::write(&script, code).expect("written");
    let ran = Command::new("python3")
        .args([script.as_str(), "team-a", &files.path("team-a.key"), "delay=100ms;abort=503"])
        .output()
        .expect("python3 runs");
    assert!(ran.status.success(), "{ran:?}");
    let headers = String::from_utf8(ran.stdout).expect("UTF-8");
    let told = files.explain(&headers, &[]);
    assert!(told.contains("delay of 100ms before the answer, then abort 503"), "{headers} {told}");
}

#[test]
fn a_configuration_needs_the_keys_and_may_leave_the_secret_in_the_environment() {
    let files = Files::new();
    let none = files.with_files(&["render", "plugin"], &[]);
    assert_eq!(none.code, 1);
    assert!(none.err.contains("unknown-caller") && none.err.contains("--caller-key"), "{}", none.err);
    let other = format!("team-b={}", files.path("team-a.key"));
    assert_eq!(files.with_files(&["render", "plugin"], &["--caller-key", &other]).code, 1);

    let inline = format!("team-a={}", files.path("team-a.key"));
    let plugin = files.with_files(&["render", "plugin"], &["--caller-key", &inline]);
    let plugin: Value = serde_json::from_str(&plugin.out).expect("JSON");
    let secret = std::fs::read_to_string(files.path("team-a.key")).expect("a key");
    assert_eq!(plugin["caller_keys"][0]["secret"], secret.trim());

    let variable = ["--caller-key", "team-a=env:TEAM_A_KEY", "--output", "json"];
    let envoy = files.with_files(&["render", "envoy"], &variable);
    let envoy: Value = serde_json::from_str(&envoy.out).expect("JSON");
    let filters = &envoy["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
        ["http_filters"];
    let vm = &filters[0]["typed_config"]["config"]["vm_config"];
    assert_eq!(vm["environment_variables"]["host_env_keys"], serde_json::json!(["TEAM_A_KEY"]));
    let istio = files.with_files(&["render", "istio"], &[&variable[..], &["--scope", "namespace"]].concat());
    let istio: Value = serde_json::from_str(&istio.out).expect("JSON");
    let env = serde_json::json!([{"name": "TEAM_A_KEY", "valueFrom": "HOST"}]);
    assert_eq!(istio["spec"]["vmConfig"]["env"], env);
    assert_eq!(istio["spec"]["pluginConfig"]["caller_keys"][0]["secret_env"], "TEAM_A_KEY");

    // Catalog and mission alone have no keys; the plugin configuration that goes to a filter has to.
    let (catalog, mission) = (files.path("catalog.yaml"), files.path("mission.yaml"));
    assert_eq!(run(&["validate", &catalog, &mission]).code, 0);
    let mut plugin = plugin;
    plugin.as_object_mut().expect("an object").remove("caller_keys");
    let file = files.path("plugin.json");
    std::fs::write(Path::new(&file), plugin.to_string()).expect("written");
    let refused = run(&["validate", &file]);
    assert!(refused.code == 1 && refused.out.contains("unknown-caller"), "{refused:?}");
}
