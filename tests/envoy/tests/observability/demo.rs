//! `make demo-observability`: everything starts, is scraped, and ends.

use std::process::{Output, Stdio};
use std::time::Duration;

use squall_envoy_tests::{EnvoyBinary, PrometheusTools, repo_root, squall_wasm};
use tokio::process::Command;
use tokio::time::timeout;

fn demo(arguments: &[&str]) -> Command {
    squall_wasm().unwrap();
    let tools = PrometheusTools::find().unwrap();
    let mut command = Command::new("python3");
    command.arg("examples/03_observability/run.py").args(arguments).current_dir(repo_root());
    command.env("ENVOY", EnvoyBinary::find().unwrap().path());
    command.env("PROMETHEUS", tools.prometheus).env("PROMTOOL", tools.promtool);
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

async fn run(mut command: Command) -> (Option<i32>, String, String) {
    let output = timeout(Duration::from_secs(150), command.output()).await.expect("it ends");
    let Output { status, stdout, stderr } = output.expect("python3 starts");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (status.code(), text(stdout), text(stderr))
}

#[tokio::test]
async fn the_demo_says_where_everything_is_and_has_data_in_prometheus() {
    let (code, told, errors) = run(demo(&["--seconds", "20"])).await;
    assert_eq!(code, Some(0), "{told}\n{errors}");
    for part in [
        "metrics http://127.0.0.1:",
        "alerts http://127.0.0.1:",
        "Grafana  ",
        "baseline   ",
        "shop-service   ",
    ] {
        assert!(told.contains(part), "no {part:?} in:\n{told}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_told_and_nothing_starts() {
    let mut command = demo(&["--seconds", "1"]);
    command.env("PROMETHEUS", "/nonexistent/prometheus");
    let (code, told, errors) = run(command).await;
    assert_eq!((code, told.as_str()), (Some(2), ""), "{errors}");
    assert!(errors.contains("PROMETHEUS=/nonexistent/prometheus"), "{errors}");
}
