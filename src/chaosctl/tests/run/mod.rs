//! Runs the compiled chaosctl, as a shell would.

#![allow(dead_code, reason = "every test program uses another part of this")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

const SETTINGS: [&str; 9] = [
    "CHAOSCTL_CONFIG",
    "CHAOSCTL_CONTEXT",
    "CHAOSCTL_PROXY",
    "CHAOSCTL_KEY",
    "CHAOSCTL_OPERATOR",
    "CHAOSCTL_PROMETHEUS",
    "CHAOSCTL_TIMEOUT",
    "CHAOSCTL_NAMESPACE",
    "CHAOSCTL_CATALOG",
];

/// The root of the repository: paths in messages are relative to it.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chaosctl"));
    command.args(arguments).current_dir(root()).env_remove("NO_COLOR");
    // Whoever runs the tests may have settings of their own.
    command.env("XDG_CONFIG_HOME", "/nonexistent");
    for variable in SETTINGS {
        command.env_remove(variable);
    }
    command
}

pub fn run(arguments: &[&str]) -> Ran {
    run_with(arguments, b"")
}

pub fn run_with(arguments: &[&str], stdin: &[u8]) -> Ran {
    let mut child = command(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("chaosctl starts");
    // A program that refuses its arguments may end before it has read anything.
    let _ = child.stdin.take().expect("a pipe").write_all(stdin);
    let output = child.wait_with_output().expect("chaosctl ends");
    Ran {
        code: output.status.code().expect("no signal"),
        out: String::from_utf8(output.stdout).expect("UTF-8 on standard output"),
        err: String::from_utf8(output.stderr).expect("UTF-8 on standard error"),
    }
}

/// The verbs as the help names them.
pub fn verbs() -> Vec<String> {
    listed(&[])
}

/// Those below these words, such as `render`.
fn listed(words: &[&str]) -> Vec<String> {
    let help = run(&[words, &["--help"]].concat()).out;
    let listed = help.split("Commands:\n").nth(1).and_then(|rest| rest.split("\n\n").next()).expect("a list");
    let verbs: Vec<String> = listed
        .lines()
        .filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' ')))
        .filter_map(|line| line.split_whitespace().next().map(ToOwned::to_owned))
        .filter(|verb| verb != "help")
        .collect();
    assert!(verbs.len() > 20 || !words.is_empty(), "{verbs:?}");
    verbs
}

/// Each verb, or the verbs that are in it, as words.
pub fn all_verbs() -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for verb in verbs() {
        let help = run(&[&verb, "--help"]).out;
        match help.contains("\nCommands:\n") {
            true => all.extend(listed(&[&verb]).into_iter().map(|inner| vec![verb.clone(), inner])),
            false => all.push(vec![verb]),
        }
    }
    all
}

/// Compares with `tests/golden/NAME`; `UPDATE_GOLDEN=1` writes the file instead.
pub fn assert_golden(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    assert_file(&path, found, "UPDATE_GOLDEN=1 cargo test --release -p chaosctl");
}

/// Compares a file with what it should hold; `update` is the command that writes it.
pub fn assert_file(path: &Path, wanted: &str, update: &str) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("the folder can be made");
        std::fs::write(path, wanted).expect("the file can be written");
    }
    let held = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        held == wanted,
        "{} is not what chaosctl prints; look at it, and run `{update}`\n--- file\n{held}\n--- chaosctl\n{wanted}",
        path.display()
    );
}
