//! A real Prometheus that scrapes a real Envoy: guardrails and signals in PromQL.

use crate::desk::{Desk, end, told};
use crate::proxy::{Proxy, catalog};
use squall_envoy_tests::{HttpClient, eventually};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// Killed with its owner.
struct Prometheus {
    child: Child,
    address: SocketAddr,
    _folder: TempDir,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Prometheus {
    async fn scraping(target: SocketAddr) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = format!(
            "global: {{scrape_interval: 1s}}\nscrape_configs:\n- job_name: envoy\n  metrics_path: /stats/prometheus\n  \
             static_configs: [{{targets: [\"{target}\"]}}]\n"
        );
        std::fs::write(folder.path().join("prometheus.yml"), config).unwrap();
        // Free a moment ago, and asked for by nobody else in that moment.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let program = std::env::var_os("PROMETHEUS").unwrap_or_else(|| "prometheus".into());
        let child = Command::new(&program)
            .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"])
            .arg(format!("--web.listen-address={address}"))
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{program:?}: {error}; run tools/setup/prometheus.sh"));
        let prometheus = Self { child, address, _folder: folder };
        let up = async || {
            let reply = HttpClient::http1(address).get("/api/v1/query?query=up").await.ok()?;
            reply.text().contains("\"1\"").then_some(())
        };
        eventually("a scrape", Duration::from_secs(30), up).await.unwrap();
        prometheus
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guardrail_in_promql_stops_it_and_one_that_guards_nothing_starts_nothing() {
    let catalog = catalog("20ms", false);
    let proxy = Proxy::start(&catalog, 20.0).await;
    let prometheus = Prometheus::scraping(proxy.envoy.admin_addr()).await;
    let url = prometheus.url();
    let desk = Desk::new(&catalog, "duration: 10m\n");
    let nothing = ["--prometheus", &url, "--guardrail", "faults: sum(chaos_fault_injected_totals) <= 10"];
    told(&end(desk.begin(&[&proxy], &nothing)).await, 1, &["failed  prometheus", "no data", "or vector(0)"]);
    let desk = Desk::new(&catalog, "duration: 10m\n");
    let wrong = ["--prometheus", &url, "--guardrail", "faults: sum(chaos <= 10"];
    told(&end(desk.begin(&[&proxy], &wrong)).await, 1, &["failed  prometheus", "parse error"]);
    assert_eq!(proxy.state().await, "idle");

    let desk = Desk::new(&catalog, "duration: 10m\n");
    let limit = "faults: (sum(chaos_faults_injected_total) or vector(0)) <= 10";
    let signal = "scraped: min(up) >= 1";
    let ran =
        end(desk.begin(&[&proxy], &["--prometheus", &url, "--guardrail", limit, "--signal", signal])).await;
    told(&ran, 1, &["violated", "guardrail faults is ", "expected <= 10", "scraped >= 1"]);
    assert_eq!(proxy.state().await, "stopped");
    let asked = desk.journal("promql");
    let guarded: Vec<bool> = asked
        .iter()
        .filter(|line| line["role"] == "guardrail")
        .map(|line| line["ok"].as_bool().unwrap())
        .collect();
    assert_eq!(guarded.last(), Some(&false), "{guarded:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prometheus_that_is_gone_for_half_a_minute_stops_it() {
    let catalog = catalog("20ms", false);
    let proxy = Proxy::start(&catalog, 20.0).await;
    let prometheus = Prometheus::scraping(proxy.envoy.admin_addr()).await;
    let url = prometheus.url();
    let desk = Desk::new(&catalog, "duration: 10m\n");
    let child = desk.begin(&[&proxy], &["--prometheus", &url, "--guardrail", "scraped: min(up) >= 1"]);
    proxy.is("injecting", None, Duration::from_secs(30)).await;
    drop(prometheus);
    told(
        &end(child).await,
        1,
        &["inconclusive", "no guardrail of Prometheus can be told", "cannot be reached"],
    );
    assert_eq!(proxy.state().await, "stopped");
}
