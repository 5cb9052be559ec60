//! The runbooks of docs/runbooks: every command is run on a real Envoy, and what it prints is what stands below it.

mod book;

use book::{Block, Book};
use squall_envoy_tests::{EnvoyBinary, HttpUpstream, repo_root};
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Longest that a runbook may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// What the runbooks call the addresses of this test.
struct Addresses(Vec<(&'static str, String)>);

impl Addresses {
    fn new(upstream: &HttpUpstream) -> Self {
        // Bound all at once, so that they differ.
        let free: Vec<TcpListener> = (0..3).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let mut found = free.iter().map(|listener| listener.local_addr().unwrap().to_string());
        let names = ["127.0.0.1:10000", "127.0.0.1:9901", "127.0.0.1:9902"];
        let mut all: Vec<_> = names.into_iter().map(|name| (name, found.next().unwrap())).collect();
        all.push(("127.0.0.1:8080", upstream.addr().to_string()));
        Self(all)
    }

    /// From the runbook's addresses to those of the test.
    fn real(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (name, real)| text.replace(name, real))
    }

    fn written(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (name, real)| text.replace(real, name))
    }
}

/// A folder with what a reader of the runbook has in their PATH.
fn desk() -> tempfile::TempDir {
    let desk = tempfile::tempdir().unwrap();
    let bin = desk.path().join(".bin");
    fs::create_dir(&bin).unwrap();
    let chaosctl = repo_root().join("target/release/chaosctl");
    assert!(chaosctl.exists(), "{} is not there; run `make build`", chaosctl.display());
    symlink(chaosctl, bin.join("chaosctl")).unwrap();
    symlink(EnvoyBinary::find().unwrap().path(), bin.join("envoy")).unwrap();
    symlink(repo_root().join("target"), desk.path().join("target")).unwrap();
    desk
}

/// All blocks in one shell, the output of each in a file of its own.
fn script(book: &Book, addresses: &Addresses) -> String {
    let mut script = String::from(
        "set -eo pipefail\ntrap 'for job in $(jobs -p); do kill \"$job\" 2>&1 || true; done' EXIT\n",
    );
    for (number, block) in book.blocks.iter().enumerate() {
        script += &format!("{{\n{}}} > .out.{number} 2>&1\n", addresses.real(&block.commands));
    }
    script
}

/// Ends everything that the shell has left behind, whatever becomes of the test.
struct Group(i32);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = rustix::process::Pid::from_raw(self.0) {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}

async fn play(name: &str) {
    let upstream = HttpUpstream::start().await.unwrap();
    let addresses = Addresses::new(&upstream);
    let book = Book::read(&repo_root().join("docs/runbooks").join(format!("{name}.md")));
    let desk = desk();
    let path = format!("{}:{}", desk.path().join(".bin").display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("bash")
        .args(["-c", &script(&book, &addresses)])
        .current_dir(desk.path())
        .env("PATH", path)
        .env("USER", "dana")
        .env("XDG_CONFIG_HOME", desk.path().join(".config"))
        .env("CHAOSCTL_PROXY", addresses.real("http://127.0.0.1:9902"))
        .stdin(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap();
    let _group = Group(i32::try_from(shell.id()).unwrap());
    let begun = Instant::now();
    let ended = loop {
        match shell.try_wait().unwrap() {
            Some(status) => break Some(status),
            None if begun.elapsed() > PATIENCE => break None,
            // Polled: the upstream shares this thread's runtime.
            None => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    for (number, block) in book.blocks.iter().enumerate() {
        let Some(found) = output(desk.path(), number) else { break };
        compare(name, block, &addresses.written(&found));
    }
    let last = (0..book.blocks.len()).rev().find_map(|number| output(desk.path(), number));
    assert!(
        ended.is_some_and(|status| status.success()),
        "{name}: {ended:?} after {}",
        last.unwrap_or_default()
    );
}

fn output(desk: &Path, number: usize) -> Option<String> {
    fs::read_to_string(desk.join(format!(".out.{number}"))).ok()
}

fn compare(name: &str, block: &Block, found: &str) {
    let Some(wanted) = &block.output else { return };
    assert!(
        book::fits(wanted, found),
        "{name}:{}: the commands\n{}print\n{found}--- where the runbook has\n{wanted}",
        block.line,
        block.commands
    );
}

macro_rules! runbooks {
    ($($test:ident = $name:literal;)+) => {
        const NAMES: &[&str] = &[$($name),+];
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                play($name).await;
            }
        )+
    };
}

runbooks! {
    a_first_experiment_goes_as_the_runbook_says = "first-experiment";
    an_emergency_stop_goes_as_the_runbook_says = "emergency-stop";
    a_halted_mission_is_understood_and_released_as_the_runbook_says = "halted-mission";
    the_reason_why_nothing_was_injected_is_found_as_the_runbook_says = "nothing-was-injected";
    a_rollback_goes_as_the_runbook_says = "rollback";
    a_game_day_goes_as_the_runbook_says = "game-day";
}

#[test]
fn every_runbook_is_played_and_named_in_the_list() {
    let folder = repo_root().join("docs/runbooks");
    let list = fs::read_to_string(folder.join("README.md")).unwrap();
    for entry in fs::read_dir(&folder).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        let Some(name) = name.strip_suffix(".md").filter(|name| *name != "README") else { continue };
        assert!(NAMES.contains(&name), "{name} has no test");
        assert!(list.contains(&format!("({name}.md)")), "{name} is not in the list");
        let book = Book::read(&folder.join(format!("{name}.md")));
        assert!(book.blocks.iter().filter(|block| block.output.is_some()).count() > 2, "{name}");
    }
}
