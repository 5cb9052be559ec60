//! Completions, the manual, and tables for wide screens.

mod run;

use run::{command, run, verbs};
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

#[test]
fn completions_of_three_shells_know_every_verb() {
    for shell in ["bash", "zsh", "fish"] {
        let ran = run(&["completions", shell]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
        for verb in verbs() {
            assert!(ran.out.contains(&verb), "{shell} lacks {verb}");
        }
        assert!(ran.out.contains("mission-out"), "options of verbs, too");
    }
    assert_eq!(run(&["completions", "tcsh"]).code, 2);
}

#[test]
fn bash_completes_verbs_and_options() {
    let script = "source <(\"$0\" completions bash)
        complete -p chaosctl >&2
        COMP_WORDS=(chaosctl ren) COMP_CWORD=1; _chaosctl chaosctl ren chaosctl; echo \"${COMPREPLY[@]}\"
        COMP_WORDS=(chaosctl start --pro) COMP_CWORD=2; _chaosctl chaosctl --pro start; echo \"${COMPREPLY[@]}\"";
    let output = Command::new("bash")
        .args(["-c", script, env!("CARGO_BIN_EXE_chaosctl")])
        .output()
        .expect("bash, which make needs as well");
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    // Shells before bash 4.4 cannot keep their order.
    let lines: Vec<Vec<&str>> = out.lines().map(|line| line.split(' ').collect()).collect();
    let [verbs, options] = lines.as_slice() else { panic!("{out}") };
    for (found, wanted) in [(verbs, ["render", "renew"]), (options, ["--proxies", "--proxy"])] {
        let mut found = found.clone();
        found.sort_unstable();
        assert_eq!(found, wanted, "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn every_verb_has_a_page_of_the_manual() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("man1");
    let ran = run(&["man", "--dir", &path.display().to_string()]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let pages: BTreeSet<String> = fs::read_dir(&path)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    for verb in verbs() {
        assert!(pages.contains(&format!("chaosctl-{verb}.1")), "{verb}: {pages:?}");
    }
    assert!(
        pages.contains("chaosctl-render-envoy.1") && pages.contains("chaosctl-context-use.1"),
        "{pages:?}"
    );
    for page in &pages {
        let text = fs::read_to_string(path.join(page)).expect("a page");
        let name = page.trim_end_matches(".1");
        assert!(
            text.contains(&format!(".TH {name} 1")),
            "{page}: {}",
            text.lines().take(3).collect::<String>()
        );
        assert!(text.contains(".SH NAME") && text.contains(".SH SYNOPSIS"), "{page}");
    }
    let main = run(&["man"]);
    assert_eq!(main.out, fs::read_to_string(path.join("chaosctl.1")).expect("a page"));
    assert!(main.out.contains("Exit codes"), "{}", main.out);
}

#[test]
fn a_wide_list_cuts_nothing_and_other_verbs_know_no_wide() {
    let catalog = "examples/02_every_fault/catalog.yaml";
    let [text, wide] = ["text", "wide"].map(|form| run(&["list", catalog, "-o", form]).out);
    assert!(text.contains("...") && !wide.contains("...  "), "{wide}");
    let head = wide.lines().next().unwrap_or_default();
    assert!(head.contains("LIMITS") && head.contains("FILE") && head.ends_with("DESCRIPTION"), "{head}");
    assert_eq!(wide.lines().count(), text.lines().count());
    for other in [&["validate", catalog][..], &["context", "list"]] {
        let none = run(&[other, &["-o", "wide"]].concat());
        assert_eq!(none.code, 2);
        assert!(none.err.contains("possible values: text, json, yaml"), "{}", none.err);
    }
}

#[test]
fn nothing_is_coloured_where_no_color_is_set() {
    let file = "src/chaosctl/tests/bad/catalog.yaml";
    for arguments in [&["validate", file][..], &["--help"], &["no-such-verb"]] {
        let output =
            command(arguments).env("NO_COLOR", "1").env("TERM", "xterm").output().expect("chaosctl runs");
        let all = [output.stdout, output.stderr].concat();
        assert!(!all.is_empty() && !all.contains(&0x1b), "{arguments:?}");
    }
}
