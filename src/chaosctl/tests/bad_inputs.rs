//! Every mistake has its code and its place, and all mistakes of a file are listed at once.

mod run;

/// Text before and after the scenario's faults, so that a case shows only what is wrong.
fn faults(text: &str) -> String {
    format!("version: 1\nscenarios:\n- name: a\n  faults:\n  - {text}\n")
}

fn scope(text: &str) -> String {
    format!("version: 1\nscenarios:\n- name: a\n  faults: [{{delay: {{fixed: 1s}}}}]\n  scope: {text}\n")
}

fn mission(text: &str) -> String {
    format!("version: 1\nid: m\nnamespace: n\nscenarios: [a]\n{text}\n")
}

/// The findings as `code line:column`.
fn findings(input: &[u8]) -> Vec<String> {
    let ran = run::run_with(&["validate", "--output", "json", "-"], input);
    let records: serde_json::Value =
        serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {}", ran.err));
    let records = records.as_array().expect("an array");
    let errors = records.iter().any(|r| r["level"] == "error");
    assert_eq!(ran.code, i32::from(errors), "{}", ran.out);
    for record in records {
        assert!(!record["message"].as_str().unwrap_or_default().is_empty(), "{record}");
        assert!(!record["hint"].as_str().unwrap_or_default().is_empty(), "{record}");
    }
    let place = |r: &serde_json::Value| match (&r["line"], &r["column"]) {
        (serde_json::Value::Null, _) => "-".to_owned(),
        (line, column) => format!("{line}:{column}"),
    };
    records.iter().map(|r| format!("{} {}", r["code"].as_str().unwrap_or_default(), place(r))).collect()
}

fn check(cases: &[(&str, String, &[&str])]) {
    let mut wrong = Vec::new();
    for (name, input, wanted) in cases {
        let found = findings(input.as_bytes());
        if found != *wanted {
            wrong.push(format!("{name}:\n  wanted {wanted:?}\n  found  {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn text_that_is_no_configuration() {
    check(&[
        ("empty", String::new(), &["syntax -"]),
        ("only comments", "# nothing\n".into(), &["syntax -"]),
        ("a word", "hello\n".into(), &["missing-key 1:1"]),
        ("a list", "[1, 2]\n".into(), &["missing-key 1:1"]),
        ("nothing of ours", "version: 1\nscenrios: []\n".into(), &["missing-key 1:1"]),
        ("open bracket", "version: 1\nscenarios: [\n".into(), &["syntax 3:1"]),
        ("open quote", "version: \"1\nscenarios: []\n".into(), &["syntax 1:10"]),
        ("tab as indentation", "version: 1\nscenarios:\n\t- name: a\n".into(), &["syntax 3:2"]),
        ("indentation", "version: 1\n  scenarios: []\n".into(), &["syntax 2:12"]),
        ("JSON that ends early", "{\"version\": 1,".into(), &["syntax 2:1"]),
        ("NUL", "version: 1\nscenarios: \u{0}\n".into(), &["syntax 2:12"]),
        ("escape", "version: 1\n# \u{1b}[31m\nscenarios: []\n".into(), &["syntax 2:3"]),
        ("anchor", "version: 1\nscenarios: &all []\n".into(), &["syntax 2:12"]),
        ("anchor and alias", "version: &v 1\nscenarios: *v\n".into(), &["syntax 1:10", "syntax 2:12"]),
        ("merge key", "version: 1\nscenarios: []\n<<: {a: 1}\n".into(), &["syntax 3:1"]),
        ("tag", "version: !!int 1\nscenarios: []\n".into(), &["syntax 1:10"]),
        ("two documents", "version: 1\n---\nversion: 1\n".into(), &["syntax 2:1"]),
        ("list as key", "version: 1\n? [a]\n: 1\n".into(), &["syntax 2:3"]),
        ("deep", format!("version: 1\nscenarios: {}\n", "[".repeat(200)), &["syntax 2:75"]),
        ("deep blocks", format!("version: 1\nscenarios:\n{}a\n", "- ".repeat(200)), &["syntax 3:127"]),
    ]);
}

#[test]
fn bytes_that_are_no_text() {
    assert_eq!(findings(b"version: 1\nscenarios: \xff\n"), ["syntax 2:12"]);
    assert_eq!(findings(b"\xff\xfev\0e\0"), ["syntax 1:1"], "UTF-16");
    assert_eq!(findings("version: 1\nscenarios: [\u{e4}\u{20ac}, ".as_bytes()), ["syntax 3:1"]);
    let bom = format!("\u{feff}{}", faults("delay: {fixed: 1s}"));
    assert!(findings(bom.as_bytes()).is_empty(), "a byte order mark is dropped");
}

#[test]
fn an_alias_bomb_and_a_huge_file_are_refused_at_once() {
    let mut bomb = "a: &a [x, x]\n".to_owned();
    for (last, next) in ('a'..'y').zip('b'..='y') {
        bomb += &format!("{next}: &{next} [*{last}, *{last}, *{last}, *{last}]\n");
    }
    let found = findings(bomb.as_bytes());
    assert!(found.len() > 100 && found.iter().all(|f| f.starts_with("syntax ")), "{found:?}");
    assert_eq!(findings(&vec![b'a'; 10 * 1024 * 1024 + 1]), ["too-large -"]);
}

#[test]
fn keys() {
    check(&[
        ("unknown", faults("dealy: {fixed: 1s}"), &["unknown-key 5:5"]),
        ("unknown in the scenario", faults("delay: {fixed: 1s}\n  triggers: x"), &["unknown-key 6:3"]),
        ("twice", faults("delay: {fixed: 1s, fixed: 2s}"), &["duplicate-key 5:24"]),
        (
            "twice at the root",
            "version: 1\nscenarios: []\nversion: 1\n".into(),
            &["out-of-range 2:12", "duplicate-key 3:1"],
        ),
        ("missing", "version: 1\nscenarios: [{name: a}]\n".into(), &["missing-key 2:13"]),
        (
            "no version",
            "scenarios: [{name: a, faults: [{abort: {status: 503}}]}]\n".into(),
            &["missing-key 1:1"],
        ),
        (
            "other version",
            "version: 2\nscenarios: [3]\n".into(),
            &["unsupported-version 1:10", "wrong-type 2:13"],
        ),
        ("two names", "version: 1\nscenarios:\n- &a {name: a}\n".into(), &["syntax 3:3"]),
        ("two kinds of fault", faults("delay: {fixed: 1s}\n    abort: {status: 503}"), &["exactly-one 5:5"]),
        ("no kind of fault", faults("{}"), &["exactly-one 5:5"]),
        ("no status", faults("abort: {body: x}"), &["nothing-given 5:12"]),
        ("no condition", scope("{match: [{}]}"), &["nothing-given 5:19"]),
        ("key of two conditions", scope("{match: [{path: {exact: /a, prefix: /a}}]}"), &["exactly-one 5:26"]),
    ]);
}

#[test]
fn types_ranges_and_units() {
    check(&[
        ("number for a duration", faults("delay: {fixed: 100}"), &["wrong-type 5:20"]),
        ("duration without unit", faults("delay: {fixed: \"100\"}"), &["bad-format 5:20"]),
        ("unknown unit", faults("delay: {fixed: 10 lightyears}"), &["bad-format 5:20"]),
        ("too long", faults("delay: {fixed: 2h}"), &["out-of-range 5:20"]),
        ("min above max", faults("delay: {uniform: {min: 2s, max: 1s}}"), &["conflict 5:22"]),
        ("percentiles fall", faults("delay: {percentiles: {p50: 2s, p99: 1s}}"), &["conflict 5:26"]),
        ("text for a number", faults("abort: {status: \"503\"}"), &["wrong-type 5:21"]),
        ("status 199", faults("abort: {status: 199}"), &["out-of-range 5:21"]),
        ("status 600", faults("abort: {status: 600}"), &["out-of-range 5:21"]),
        ("half a status", faults("abort: {status: 503.5}"), &["out-of-range 5:21"]),
        ("infinite status", faults("abort: {status: .inf}"), &["out-of-range 5:21"]),
        ("no number at all", faults("abort: {status: .nan}"), &["out-of-range 5:21"]),
        ("body of a 204", faults("abort: {status: 204, body: x}"), &["conflict 5:32"]),
        ("header value", faults("abort: {status: 503, headers: {a: \"x\\r\\ny\"}}"), &["bad-format 5:39"]),
        ("header name", faults("abort: {status: 503, headers: {A: x}}"), &["bad-format 5:36"]),
        ("framing", faults("abort: {status: 503, headers: {content-length: \"3\"}}"), &["conflict 5:36"]),
        ("gRPC OK", faults("abort: {grpc_status: 0}"), &["out-of-range 5:26"]),
        ("gRPC name", faults("abort: {grpc_status: UNAVAILBLE}"), &["unknown-word 5:26"]),
        ("percent", scope("{sample: {percent: 101}}"), &["out-of-range 5:29"]),
        ("percent with sign", scope("{sample: {percent: 20%}}"), &["wrong-type 5:29"]),
        ("too fine", scope("{sample: {percent: 0.00001}}"), &["out-of-range 5:29"]),
        ("yes is text", scope("{match: [{headers: [{name: a, present: yes}]}]}"), &["wrong-type 5:49"]),
        ("nothing", scope(""), &["wrong-type 5:8"]),
    ]);
}

#[test]
fn forms_and_words() {
    check(&[
        ("name", "version: 1\nscenarios: [{name: A_b, faults: [{delay: {fixed: 1s}}]}]\n".into(), &["bad-format 2:20"]),
        ("severity", faults("delay: {fixed: 1s}\n  severity: hihg"), &["unknown-word 6:13"]),
        ("direction", scope("{direction: out}"), &["unknown-word 5:22"]),
        ("open group", scope("{match: [{path: {regex: \"/a(\"}}]}"), &["bad-regex 5:34"]),
        ("look-around", scope("{match: [{path: {regex: \"(?=a)\"}}]}"), &["bad-regex 5:34"]),
        ("template", scope("{match: [{path: {template: \"/a{id}\"}}]}"), &["bad-format 5:37"]),
        ("relative path", scope("{match: [{path: {prefix: api}}]}"), &["bad-format 5:35"]),
        ("pseudo-header", scope("{match: [{headers: [{name: \":path\", present: true}]}]}"), &["bad-format 5:37"]),
        ("same name twice", "version: 1\nscenarios:\n- {name: a, faults: [{delay: {fixed: 1s}}]}\n- {name: a, faults: [{delay: {fixed: 1s}}]}\n".into(), &["duplicate-name 4:10"]),
        ("time", mission("duration: 1m\nstart: tomorrow"), &["bad-format 6:8"]),
        ("seed as number", mission("duration: 1m\nseed: 8842"), &["wrong-type 6:7"]),
        ("enable", mission("duration: 1m\nenable: on"), &["wrong-type 6:9"]),
        ("duration", mission("duration: 8 days"), &["out-of-range 5:11"]),
        ("composition", mission("duration: 1m\ncomposition: first"), &["unknown-word 6:14"]),
        ("no duration", mission("enable: true"), &["missing-key 1:1"]),
    ]);
}

#[test]
fn all_mistakes_of_a_file_at_once_in_its_order() {
    let ran =
        run::run(&["validate", "src/chaosctl/tests/bad/catalog.yaml", "src/chaosctl/tests/bad/mission.yaml"]);
    assert_eq!((ran.code, ran.err.as_str()), (1, ""));
    run::assert_golden("diagnostics.txt", &ran.out);
}

#[test]
fn json_gives_the_same_places_as_yaml() {
    let json = "{\n  \"version\": 1,\n  \"scenarios\": [\n    {\"name\": \"a\", \"faults\": [{\"abort\": {\"status\": 600}}]}\n  ]\n}\n";
    assert_eq!(findings(json.as_bytes()), ["out-of-range 4:51"]);
}
