//! `examples/02_every_fault`, run as its README says: every fault, trigger and cap of the catalog in a real Envoy.

use std::fs;
use std::process::{Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use squall_envoy_tests::{EnvoyBinary, repo_root, squall_wasm};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::timeout;

const RUN_LIMIT: Duration = Duration::from_secs(120);
/// Width of the columns FAULT and SENT, which no run changes.
const FIXED_COLUMNS: usize = 61;

fn every_fault(arguments: &[&str]) -> Command {
    squall_wasm().unwrap();
    let mut command = Command::new("python3");
    command.arg("examples/02_every_fault/run.py").args(arguments).current_dir(repo_root());
    command.env("ENVOY", EnvoyBinary::find().unwrap().path()).stdin(Stdio::null()).kill_on_drop(true);
    command
}

async fn run(mut command: Command) -> (Option<i32>, String, String) {
    let output = timeout(RUN_LIMIT, command.output()).await.expect("it ends");
    let Output { status, stdout, stderr } = output.expect("python3 starts");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (status.code(), text(stdout), text(stderr))
}

#[tokio::test]
async fn every_fault_does_as_declared_and_the_readme_shows_all_of_them() {
    let (code, table, errors) = run(every_fault(&[])).await;
    assert_eq!(code, Some(0), "{table}\n{errors}");
    let catalog = fs::read_to_string(repo_root().join("examples/02_every_fault/catalog.yaml")).unwrap();
    let scenarios = catalog.lines().filter(|line| line.starts_with("  - name: ")).count();
    assert!(table.contains(&format!("\nok: {scenarios} scenarios as declared")), "{table}");

    let readme = fs::read_to_string(repo_root().join("examples/02_every_fault/README.md")).unwrap();
    let rows: Vec<&str> = table.lines().filter(|line| line.ends_with(" yes")).collect();
    assert!(rows.len() > 30, "{table}");
    for row in rows {
        let shown: String = row.chars().take(FIXED_COLUMNS).collect();
        assert!(readme.contains(&shown), "the README's transcript has no row {shown:?}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_told_and_nothing_starts() {
    let mut without_envoy = every_fault(&[]);
    without_envoy.env("ENVOY", "/nonexistent/envoy");
    let (code, table, errors) = run(without_envoy).await;
    assert_eq!((code, table.as_str()), (Some(2), ""), "{errors}");
    assert!(errors.contains("no Envoy at /nonexistent/envoy; run: make setup"), "{errors}");

    let (code, table, errors) = run(every_fault(&["--only", "dealy"])).await;
    assert_eq!((code, table.as_str()), (Some(2), ""), "{errors}");
    assert!(errors.contains("no scenario begins with 'dealy'"), "{errors}");
}

#[tokio::test]
async fn what_is_kept_ends_with_its_run() {
    let mut kept = every_fault(&["--only", "abort", "--keep"]).stdout(Stdio::piped()).spawn().unwrap();
    let pid = kept.id().and_then(|id| Pid::from_raw(id.cast_signed())).expect("it runs");
    let mut lines = BufReader::new(kept.stdout.take().expect("a pipe")).lines();
    let told = async {
        let mut addresses = Vec::new();
        while let Some(line) = lines.next_line().await.expect("UTF-8") {
            let mut words = line.split_whitespace();
            if let (Some("Envoy" | "metrics" | "upstream"), Some(url)) = (words.next(), words.next())
                && let Some(rest) = url.strip_prefix("http://")
            {
                addresses.push(rest.split('/').next().unwrap_or_default().to_owned());
            }
            if line.contains("Ctrl-C") {
                return addresses;
            }
        }
        panic!("it ended by itself");
    };
    let addresses = timeout(RUN_LIMIT, told).await.expect("it says where they are");
    assert_eq!(addresses.len(), 3, "{addresses:?}");
    for address in &addresses {
        TcpStream::connect(address).await.unwrap_or_else(|error| panic!("{address}: {error}"));
    }
    kill_process(pid, Signal::TERM).expect("it still runs");
    let status = timeout(Duration::from_secs(20), kept.wait()).await.expect("it ends").expect("a status");
    assert_eq!(status.code(), Some(0));
    for address in &addresses {
        assert!(TcpStream::connect(address).await.is_err(), "{address} is still served");
    }
}
