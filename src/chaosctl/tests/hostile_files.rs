//! Files that nobody writes by hand: very many mistakes, one very long line, names that steer terminals.

mod run;

use run::{run, run_with};
use std::fs;
use std::time::Instant;

/// A catalog on one line, as a program writes it, with a mistake in every scenario.
fn minified(scenarios: usize) -> String {
    let item = |n| {
        format!(
            r#"{{"name":"scenario-{n}","description":"{}","faults":[{{"abort":{{"status":5030}}}}]}}"#,
            "x".repeat(60)
        )
    };
    let items: Vec<String> = (0..scenarios).map(item).collect();
    format!(r#"{{"version":1,"scenarios":[{}]}}"#, items.join(","))
}

#[test]
fn of_very_many_findings_the_first_are_shown_and_all_are_counted() {
    let text = minified(10_000);
    let begun = Instant::now();
    let ran = run_with(&["validate", "-"], text.as_bytes());
    assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
    assert_eq!(ran.code, 1);
    assert_eq!(ran.out.matches("error[out-of-range]").count(), 200);
    assert!(ran.out.contains("<stdin>: and 9800 more findings\n"), "{}", &ran.out[ran.out.len() - 300..]);
    assert!(ran.out.contains("1 file checked (1 catalog): 10000 errors\n"));
    let json = run_with(&["validate", "--output", "json", "-"], text.as_bytes());
    let records: Vec<serde_json::Value> = serde_json::from_str(&json.out).expect("JSON");
    assert_eq!((json.code, records.len()), (1, 1000));
}

#[test]
fn an_error_is_shown_before_any_number_of_warnings() {
    let fault = "{delay: {fixed: 1s, percent: 0}}";
    let mut text = "version: 1\nscenarios:\n".to_owned();
    for n in 0..300 {
        text += &format!("- {{name: s{n}, faults: [{fault}]}}\n");
    }
    text += "- {name: last, faults: []}\n";
    let ran = run_with(&["validate", "-"], text.as_bytes());
    assert!(
        ran.out.contains("error[out-of-range]") && ran.out.contains("and 101 more findings"),
        "{}",
        ran.out
    );
    assert_eq!(ran.out.matches("warning[never-fires]").count(), 199);
}

/// The filter reads JSON alone: what only a reader of YAML forgives disarms it.
#[test]
fn a_plugin_configuration_in_json_has_to_be_json() {
    let args = ["render", "plugin", "--catalog", "envoy/catalog.yaml", "--mission", "envoy/mission.yaml"];
    let good = run(&args).out;
    assert_eq!(run_with(&["validate", "-"], good.as_bytes()).code, 0);
    let body = good.trim_end().strip_suffix('}').expect("an object").trim_end();
    for (bad, place) in [
        (format!("{body},\n}}\n"), format!("{}:1", body.lines().count() + 1)),
        (good.replacen("\"version\": 1", "\"version\": 0x1", 1), "2:15".to_owned()),
        (good.replacen("\"version\"", "version", 1), "2:3".to_owned()),
        (format!("\u{feff}{good}"), "1:1".to_owned()),
    ] {
        let ran = run_with(&["validate", "-"], bad.as_bytes());
        assert_eq!(ran.code, 1, "{bad}");
        assert!(ran.out.contains("error[syntax]"), "{}", ran.out);
        assert!(ran.out.contains(&format!("<stdin>:{place}")), "{place}: {}", ran.out);
    }
    let yaml = run(&[&args[..], &["--output", "yaml"]].concat()).out;
    assert_eq!(
        run_with(&["validate", "-"], yaml.as_bytes()).code,
        0,
        "YAML is for people, and is no mistake"
    );
}

#[test]
fn host_names_that_differ_in_case_alone_are_one_upstream() {
    let render = ["render", "envoy", "--catalog", "envoy/catalog.yaml"];
    let upstreams = |names: [&str; 2]| {
        let given = names.map(|name| format!("{name}=127.0.0.1:1"));
        run(&[&render[..], &["--upstream", &given[0], "--upstream", &given[1]]].concat())
    };
    assert_eq!(upstreams(["foo", "bar"]).code, 0);
    let ran = upstreams(["Foo", "foo"]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("--upstream foo is given twice"), "{}", ran.err);
}

#[test]
fn an_address_that_envoy_cannot_be_given_is_refused() {
    for option in ["--listen", "--admin"] {
        let render = |address| run(&["render", "envoy", "--catalog", "envoy/catalog.yaml", option, address]);
        assert_eq!(render("[fe80::1]:10000").code, 0);
        let ran = render("[fe80::1%2]:10000");
        assert_eq!((ran.code, ran.out.as_str()), (2, ""));
        assert!(ran.err.contains("zone"), "{}", ran.err);
    }
}

#[test]
fn lines_that_end_in_a_carriage_return_alone_are_shown_too() {
    let ran = run_with(&["validate", "-"], b"version: 1\rscenarios: 7\r");
    assert!(ran.out.contains("<stdin>:2:12") && ran.out.contains("2 | scenarios: 7\n"), "{:?}", ran.out);
}

#[test]
fn neither_file_names_nor_descriptions_reach_the_terminal_as_they_are() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a\u{1b}[31m\rb.yaml");
    let evil = path.display().to_string();
    fs::write(&path, "version: 1\nscenarios: []\n").expect("written");
    let unknown = folder.path().join("c\u{1b}.yaml");
    fs::write(&unknown, "node: 1\n").expect("written");
    let all = folder.path().display().to_string();
    for arguments in [
        &["validate", &evil][..],
        &["validate", &all],
        &["list", &evil],
        &["show", "x", "--catalog", &evil],
        &["validate", &format!("{evil}.absent")],
    ] {
        let ran = run(arguments);
        assert_ne!(ran.code, 0);
        assert!(!format!("{}{}", ran.out, ran.err).contains(['\u{1b}', '\r']), "{arguments:?}: {ran:?}");
    }
    let catalog = "version: 1\nscenarios: [{name: a, description: \"one\\ntwo\\rX\", faults: [{abort: {status: 503}}]}]\n";
    let ran = run_with(&["show", "a", "--catalog", "-"], catalog.as_bytes());
    assert!(ran.code == 0 && ran.out.contains("\none\ntwo") && !ran.out.contains('\r'), "{ran:?}");
    let ran = run_with(&["show", "b", "--catalog", "-"], catalog.as_bytes());
    assert_eq!(ran.code, 1);
}
