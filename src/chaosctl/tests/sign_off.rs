//! `keygen`, `sign`, `approve`, `verify`: from a key pair to a mission that proxies take.

mod run;

use run::{Ran, command, run, run_with};
use serde_json::{Value, json};
use squall_policy::{Code, Report, load_plugin};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

const CATALOG: &str = "\
version: 1
scenarios:
- {name: storm, severity: high, description: everything is slow, faults: [{delay: {fixed: 100ms, percent: 12.5}}]}
- {name: breeze, severity: medium, faults: [{delay: {fixed: 10ms}}], scope: {match: [{path: {prefix: /a}}]}}
";
const MISSION: &str = "\
version: 1
id: run-1
scenarios: [storm]
namespace: shop
duration: 5m
";

/// A folder with a catalog, a mission, and operators whose keys were made there.
struct Desk {
    folder: TempDir,
}

impl Desk {
    fn new() -> Self {
        let desk = Self { folder: tempfile::tempdir().expect("a folder") };
        desk.write("catalog.yaml", CATALOG);
        desk.write("mission.yaml", MISSION);
        let mut operators = String::from("version: 1\noperators:\n");
        for (name, up_to) in [("alice", "critical"), ("bob", "high"), ("carol", "medium")] {
            let ran = desk.chaosctl(&["keygen", name, "--up-to", up_to]);
            assert_eq!(ran.code, 0, "{}", ran.err);
            operators += &ran.out;
        }
        desk.write("operators.yaml", &operators);
        desk
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).expect("written");
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).expect("read")
    }

    /// Runs in the folder, where nobody can be asked.
    fn chaosctl(&self, arguments: &[&str]) -> Ran {
        let output = command(arguments)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .output()
            .expect("chaosctl runs");
        Ran {
            code: output.status.code().expect("no signal"),
            out: String::from_utf8(output.stdout).expect("UTF-8"),
            err: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }

    fn sign(&self, who: &str, more: &[&str]) -> Ran {
        let key = format!("{who}.key");
        let arguments = [
            "sign",
            "--key",
            &key,
            "--catalog",
            "catalog.yaml",
            "--mission",
            "mission.yaml",
            "--out",
            "signed.json",
        ];
        self.chaosctl(&[&arguments, more].concat())
    }

    fn approve(&self, who: &str, more: &[&str]) -> Ran {
        let key = format!("{who}.key");
        let files = ["--catalog", "catalog.yaml", "--mission", "signed.json", "--out", "signed.json"];
        self.chaosctl(&[&["approve", "--key", &key], &files[..], more].concat())
    }

    fn verify(&self, more: &[&str]) -> Ran {
        let files =
            ["--operators", "operators.yaml", "--catalog", "catalog.yaml", "--mission", "signed.json"];
        self.chaosctl(&[&["verify"], &files[..], more].concat())
    }

    fn render(&self, mission: &str) -> Ran {
        let files = ["--operators", "operators.yaml", "--catalog", "catalog.yaml", "--mission", mission];
        self.chaosctl(&[&["render", "plugin"], &files[..]].concat())
    }
}

#[track_caller]
fn fine(ran: &Ran) -> &Ran {
    assert_eq!(ran.code, 0, "{}\n{}", ran.out, ran.err);
    ran
}

#[track_caller]
fn refused(ran: &Ran, code: i32, told: &str) {
    assert_eq!(ran.code, code, "{}\n{}", ran.out, ran.err);
    assert!(
        ran.err.contains(told) || ran.out.contains(told),
        "{told:?} is not told:\n{}\n{}",
        ran.out,
        ran.err
    );
}

#[test]
fn two_people_sign_a_mission_and_a_proxy_takes_it() {
    let desk = Desk::new();
    refused(&desk.render("mission.yaml"), 1, "error[signature-needed]");
    fine(&desk.sign("alice", &["--yes"]));
    refused(&desk.verify(&[]), 1, "which needs 2 signatures, and only 1 signed");
    refused(&desk.render("signed.json"), 1, "error[signature-needed]");
    fine(&desk.approve("bob", &["--yes"]));
    let verified = desk.verify(&[]);
    assert!(fine(&verified).out.contains("signed by  alice, bob\n"), "{}", verified.out);
    assert!(verified.out.contains("enough: proxies with these operators take it"), "{}", verified.out);
    let plugin = desk.render("signed.json");
    let mut report = Report::default();
    let loaded =
        load_plugin(fine(&plugin).out.as_bytes(), Some("shop"), &mut report).expect("the filter takes it");
    assert_eq!(loaded.approval.by, ["alice", "bob"]);
    assert_eq!(report.findings, []);
    let plugin: Value = serde_json::from_str(&plugin.out).expect("JSON");
    assert_eq!(plugin["mission"]["payloadType"], "application/vnd.squall.mission+json");
    assert_eq!(plugin["operators"].as_array().map(Vec::len), Some(3));
}

/// The digest is of the scenario, not of its file: JSON in place of YAML, keys in another order, only the scenarios in use.
#[test]
fn a_catalog_that_says_the_same_in_another_way_has_been_signed_too() {
    let desk = Desk::new();
    fine(&desk.sign("alice", &["--yes"]));
    fine(&desk.approve("bob", &["--yes"]));
    desk.write(
        "catalog.yaml",
        "{\"scenarios\": [{\"faults\": [{\"delay\": {\"percent\": 12.50, \"fixed\": \"100ms\"}}], \"severity\": \"high\", \
         \"name\": \"storm\", \"description\": \"everything is slow\"}], \"version\": 1}",
    );
    fine(&desk.verify(&[]));
    fine(&desk.render("signed.json"));
    desk.write("catalog.yaml", &CATALOG.replace("12.5", "12.6"));
    refused(&desk.verify(&[]), 1, "error[digest-mismatch]");
    refused(&desk.render("signed.json"), 1, "error[digest-mismatch]");
    refused(&desk.approve("carol", &["--yes"]), 1, "error[digest-mismatch]");
}

#[test]
fn what_is_signed_is_told_in_words_before_it_is_signed() {
    let desk = Desk::new();
    let signed = desk.sign("alice", &["--yes", "--expires", "2h"]);
    let told = &fine(&signed).err;
    for words in [
        "mission    run-1\n",
        "namespace  shop\n",
        "runs       for 5m, from the moment a proxy first sees it\n",
        "severity   high: two operators have to sign",
        "storm (high)\n",
        "who        all requests\n",
        "what       delay 100ms",
        "digest     sha256:",
    ] {
        assert!(told.contains(words), "{words:?} is not told:\n{told}");
    }
    assert!(!told.contains("breeze") && !told.contains("signed by"), "{told}");
    let approved = desk.approve("bob", &["--yes"]);
    assert!(fine(&approved).err.contains("signed by  alice"), "{}", approved.err);
    let envelope: Value = serde_json::from_str(&desk.read("signed.json")).expect("JSON");
    let payload =
        squall_policy::from_base64(envelope["payload"].as_str().expect("text").as_bytes()).expect("base64");
    let payload: Value = serde_json::from_slice(&payload).expect("JSON");
    assert_eq!(payload["id"], "run-1");
    let digest = payload["digests"]["storm"].as_str().expect("a digest");
    assert!(told.contains(digest) && approved.err.contains(digest));
}

/// Whoever signs binds all of it.
#[test]
fn everything_that_a_signature_binds_is_told() {
    let desk = Desk::new();
    let plain = fine(&desk.sign("alice", &["--yes"])).err.clone();
    for words in [
        "baseline   none\n",
        "stages     one, at 100%\n",
        "recovery   none\n",
        "lease      none: it runs to its end",
        "combines   a request gets the faults of one scenario (first_match)\n",
        "seed       each proxy draws its own\n",
        "in all     no limit",
    ] {
        assert!(plain.contains(words), "{words:?} is not told:\n{plain}");
    }
    desk.write(
        "catalog.yaml",
        &CATALOG.replace(
            "severity: high,",
            "severity: high, safety: {halt_when: [{metric: error_rate, above: 5%, for: 20s}]},",
        ),
    );
    let more = "baseline: 30s\nstages: [{for: 1m, intensity: 12.5%}, {intensity: 100%}]\nrecovery: 20s\nlease: 40s\n\
        composition: independent\nseed: s-7\nsafety: {max_total: 9, max_concurrent: 2}\n";
    desk.write("mission.yaml", &format!("{MISSION}{more}"));
    let told = fine(&desk.sign("alice", &["--yes"])).err.clone();
    for words in [
        "baseline   30s\n",
        "stages     12.5 % for 1m, then 100 % to the end\n",
        "recovery   20s\n",
        "lease      40s; it ends then where nobody renews it\n",
        "(independent)\n",
        "seed       s-7\n",
        "in all     requests with faults: at most 9 in all, 2 at a time\n",
        "halts when metric error_rate, above 5%, for 20s\n",
    ] {
        assert!(told.contains(words), "{words:?} is not told:\n{told}");
    }
}

/// On a terminal a person is asked; anything but yes signs nothing. Python has the terminal, as the project needs it anyway.
#[test]
fn a_person_is_asked_on_a_terminal() {
    let desk = Desk::new();
    refused(&desk.sign("alice", &[]), 2, "nobody can be asked here: give `--yes`");
    let ask = |answer: &str| {
        let words = [
            "sign",
            "--key",
            "alice.key",
            "--catalog",
            "catalog.yaml",
            "--mission",
            "mission.yaml",
            "--out",
            "signed.json",
        ];
        let script = "import os, pty, sys\n\
            pid, terminal = pty.fork()\n\
            if pid == 0: os.execv(sys.argv[2], sys.argv[2:])\n\
            shown = b''\n\
            while b'[y/N]' not in shown: shown += os.read(terminal, 1024)\n\
            os.write(terminal, sys.argv[1].encode())\n\
            try:\n  while os.read(terminal, 1024): pass\n\
            except OSError: pass\n\
            sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))";
        let status = Command::new("python3")
            .args(["-c", script, answer, env!("CARGO_BIN_EXE_chaosctl")])
            .args(words)
            .current_dir(desk.folder.path())
            .status()
            .expect("python3 runs: install python3");
        status.code()
    };
    for no in ["\n", "n\n", "yess\n"] {
        assert_eq!(ask(no), Some(1), "{no:?}");
        assert!(!Path::new(&desk.path("signed.json")).exists(), "{no:?}");
    }
    assert_eq!(ask("y\n"), Some(0));
    refused(&desk.verify(&[]), 1, "only 1 signed");
}

#[test]
fn keys_are_private_and_never_overwritten() {
    let desk = Desk::new();
    let key = desk.folder.path().join("alice.key");
    let mode = fs::metadata(&key).expect("the key").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let before = desk.read("alice.key");
    refused(&desk.chaosctl(&["keygen", "alice"]), 2, "alice.key is there already");
    assert_eq!(desk.read("alice.key"), before);
    for open in [0o640, 0o604, 0o660] {
        fs::set_permissions(&key, fs::Permissions::from_mode(open)).expect("changed");
        refused(&desk.sign("alice", &["--yes"]), 2, "can be read by others");
    }
    fs::set_permissions(&key, fs::Permissions::from_mode(0o400)).expect("changed");
    fine(&desk.sign("alice", &["--yes"]));
    for bad in ["alice smith", "Alice", "-", ""] {
        assert_eq!(desk.chaosctl(&["keygen", "--", bad]).code, 2, "{bad:?}");
    }
    desk.write("broken.key", &before.replace("MC4C", "MC4B"));
    fs::set_permissions(desk.folder.path().join("broken.key"), fs::Permissions::from_mode(0o600))
        .expect("changed");
    refused(&desk.sign("broken", &["--yes"]), 2, "holds no private key of Ed25519 in PEM");
    refused(&desk.sign("nobody", &["--yes"]), 2, "nobody.key cannot be opened");
}

/// A key that OpenSSL has made says nothing of its owner.
#[test]
fn a_key_without_a_name_needs_one() {
    let desk = Desk::new();
    let text = desk.read("alice.key");
    let bare: String = text.lines().skip(1).map(|line| format!("{line}\n")).collect();
    assert!(bare.starts_with("-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEI"), "{bare}");
    desk.write("bare.key", &bare);
    fs::set_permissions(desk.folder.path().join("bare.key"), fs::Permissions::from_mode(0o600))
        .expect("changed");
    refused(&desk.sign("bare", &["--yes"]), 2, "give `--as NAME`");
    fine(&desk.sign("bare", &["--yes", "--as", "alice"]));
    fine(&desk.approve("bob", &["--yes"]));
    fine(&desk.verify(&[]));
}

#[test]
fn one_person_does_not_sign_twice() {
    let desk = Desk::new();
    refused(&desk.approve("alice", &["--yes"]), 2, "signed.json");
    fine(&desk.sign("alice", &["--yes"]));
    refused(&desk.approve("alice", &["--yes"]), 2, "this key has signed the mission already, as alice");
    refused(
        &desk.approve("alice", &["--yes", "--as", "bob"]),
        2,
        "this key has signed the mission already, as alice",
    );
    refused(&desk.approve("bob", &["--yes", "--as", "alice"]), 2, "alice has signed the mission already");
    let again =
        ["sign", "--key", "bob.key", "--catalog", "catalog.yaml", "--mission", "signed.json", "--yes"];
    refused(&desk.chaosctl(&again), 2, "this mission is signed already");
    let plain =
        ["approve", "--key", "bob.key", "--catalog", "catalog.yaml", "--mission", "mission.yaml", "--yes"];
    refused(&desk.chaosctl(&plain), 2, "nobody has signed this mission yet");
}

#[test]
fn an_expiry_is_bounded_and_kept() {
    let desk = Desk::new();
    refused(&desk.sign("alice", &["--yes", "--expires", "31days"]), 2, "in more than 30 days");
    desk.write("mission.yaml", &format!("{MISSION}expires: 2020-01-01T00:00:00Z\n"));
    refused(&desk.sign("alice", &["--yes"]), 2, "has expired by its own `expires`");
    fine(&desk.sign("alice", &["--yes", "--expires", "1h"]));
    desk.write("mission.yaml", &format!("{MISSION}start: 2099-01-01T00:00:00Z\n"));
    refused(&desk.sign("alice", &["--yes"]), 2, "expires before its `start`");
    // Signed, and then left lying.
    desk.write("mission.yaml", MISSION);
    fine(&desk.sign("alice", &["--yes", "--expires", "1s"]));
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while !desk.verify(&[]).err.contains("error[expired]") {
        assert!(std::time::Instant::now() < deadline, "{:?}", desk.verify(&[]));
    }
    refused(&desk.approve("bob", &["--yes"]), 2, "the mission has expired");
}

#[test]
fn verify_tells_programs_what_it_tells_people() {
    let desk = Desk::new();
    fine(&desk.sign("alice", &["--yes"]));
    fine(&desk.approve("carol", &["--yes"]));
    let ran = desk.verify(&["--output", "json"]);
    assert_eq!(ran.code, 1);
    let verdict: Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!(verdict["enough"], false);
    assert_eq!(verdict["mission"], "run-1");
    assert_eq!(verdict["findings"][0]["code"], "not-allowed");
    assert_eq!(verdict["findings"][0]["key"], "signatures[1]");
    fine(&desk.sign("alice", &["--yes"]));
    fine(&desk.approve("bob", &["--yes"]));
    let ran = desk.verify(&["--output", "json"]);
    let verdict: Value = serde_json::from_str(&fine(&ran).out).expect("JSON");
    assert_eq!(verdict["approved_by"], json!(["alice", "bob"]));
    assert_eq!((&verdict["severity"], &verdict["needed"]), (&json!("high"), &json!(2)));
    assert_eq!(verdict["findings"], json!([]));
    let keys = desk.chaosctl(&["keygen", "erin", "--output", "json", "--may", "stop,release"]);
    let entry: Value = serde_json::from_str(&fine(&keys).out).expect("JSON");
    assert_eq!(entry["may"], json!(["stop", "release"]));
    assert_eq!(entry["up_to"], "medium");
}

/// A changed byte of a signed mission, and operators who are others than those who signed.
#[test]
fn verify_refuses_what_proxies_refuse() {
    let desk = Desk::new();
    fine(&desk.sign("alice", &["--yes"]));
    fine(&desk.approve("bob", &["--yes"]));
    let signed = desk.read("signed.json");
    let mut envelope: Value = serde_json::from_str(&signed).expect("JSON");
    let payload =
        squall_policy::from_base64(envelope["payload"].as_str().expect("text").as_bytes()).expect("base64");
    let longer = String::from_utf8(payload).expect("UTF-8").replace("5m", "9m");
    envelope["payload"] = json!(squall_policy::base64(longer.as_bytes()));
    desk.write("signed.json", &envelope.to_string());
    refused(&desk.verify(&[]), 1, "error[bad-signature]");
    desk.write("signed.json", &signed);
    let operators = desk.read("operators.yaml");
    desk.write("operators.yaml", &operators.replace("name: bob", "name: robert"));
    refused(&desk.verify(&[]), 1, "error[unknown-operator]");
    desk.write("operators.yaml", &operators.replace("operators:", "operators: []\nmore:"));
    refused(&desk.verify(&[]), 1, "error[unknown-key]");
    desk.write("operators.yaml", &format!("{operators}deny_namespaces: [\"sh*\"]\n"));
    refused(&desk.verify(&[]), 1, "error[denied-namespace]");
    desk.write("operators.yaml", &format!("{operators}sign_off: {{high: 3}}\n"));
    refused(&desk.verify(&[]), 1, "which needs 3 signatures");
}

/// What a mission does can be asked before anybody has signed it, and after.
#[test]
fn other_verbs_read_signed_missions_too() {
    let desk = Desk::new();
    fine(&desk.sign("alice", &["--yes"]));
    for mission in ["mission.yaml", "signed.json"] {
        let explain = [
            "explain",
            "--catalog",
            "catalog.yaml",
            "--mission",
            mission,
            "--path",
            "/a",
            "--seed",
            "s",
            "--request-id",
            "1",
        ];
        assert!(fine(&desk.chaosctl(&explain)).out.contains("storm"));
    }
    fine(&desk.chaosctl(&["validate", "catalog.yaml", "signed.json"]));
    desk.write("catalog.yaml", &CATALOG.replace("100ms", "1s"));
    refused(&desk.chaosctl(&["validate", "catalog.yaml", "signed.json"]), 1, "error[digest-mismatch]");
    let mut envelope: Value = serde_json::from_str(&desk.read("signed.json")).expect("JSON");
    envelope["payload"] = json!(squall_policy::base64(b"version: 1\nid: x\nnamespace: [\n"));
    let told = run_with(&["validate", "-"], envelope.to_string().as_bytes());
    refused(&told, 1, "<stdin> (payload):");
    envelope["payloadType"] = json!("application/vnd.squall.request+json");
    refused(&run_with(&["validate", "-"], envelope.to_string().as_bytes()), 1, Code::WrongPayloadType.slug());
}

#[test]
fn render_puts_operators_into_every_form() {
    let desk = Desk::new();
    fine(&desk.sign("alice", &["--yes"]));
    fine(&desk.approve("bob", &["--yes"]));
    let files = ["--operators", "operators.yaml", "--catalog", "catalog.yaml", "--mission", "signed.json"];
    let module = run::root().join("Cargo.toml").display().to_string();
    let istio = desk.chaosctl(&[&["render", "istio", "--selector", "app=a"], &files[..]].concat());
    let envoy = desk.chaosctl(&[&["render", "envoy", "--module", &module], &files[..]].concat());
    for ran in [istio, envoy] {
        assert!(fine(&ran).out.contains("payloadType") && ran.out.contains("up_to"), "{}", ran.out);
    }
    // The files of the plugin configuration itself are checked too.
    let plugin = desk.render("signed.json");
    desk.write("plugin.json", &plugin.out);
    fine(&desk.chaosctl(&["validate", "plugin.json"]));
    assert!(run(&["schema", "operators"]).out.contains("OperatorsFile"));
}
