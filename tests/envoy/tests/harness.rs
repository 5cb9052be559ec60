//! The harness itself, proved on a real Envoy with Envoy's own fault filter in Squall's place.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use squall_envoy_tests::{
    Cluster, ConfigUpdate, EchoRequest, Envoy, EnvoyConfig, EnvoyOptions, GrpcClient, GrpcUpstream,
    HttpClient, HttpFilter, HttpUpstream, Listener, Load, Route, VirtualHost, assert_share, raw_exchange,
};
use tonic::Code;

fn abort(status: u16, percent: u32) -> Value {
    json!({"abort": {"http_status": status, "percentage": {"numerator": percent}}})
}

fn delay(duration: &str) -> Value {
    json!({"delay": {"fixed_delay": duration, "percentage": {"numerator": 100}}})
}

fn fault(fields: Value) -> [HttpFilter; 1] {
    [HttpFilter::native_fault(fields)]
}

/// A fault filter's configuration for [`HttpFilter::discovered`].
fn typed_fault(mut fields: Value) -> Value {
    fields["@type"] = json!("type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault");
    fields
}

#[tokio::test]
async fn an_abort_answers_without_the_upstream_and_shows_in_stats_and_access_log() {
    let upstream = HttpUpstream::start().await.unwrap();
    let envoy = Envoy::start(EnvoyConfig::proxy(upstream.addr(), fault(abort(429, 100)))).await.unwrap();

    let client = HttpClient::http1(envoy.addr("ingress"));
    let reply = client.get_with("/users/7", &[("x-request-id", "kept")]).await.unwrap();
    assert_eq!((reply.status, reply.text().as_str()), (429, "fault filter abort"));
    assert_eq!(reply.header("content-type"), Some("text/plain"));
    assert_eq!(upstream.requests(), 0);

    let entry = envoy.access_log_of(1).await.unwrap().remove(0);
    assert_eq!(
        (entry.status, entry.details.as_deref(), entry.flags.as_deref()),
        (429, Some("fault_filter_abort"), Some("FI"))
    );
    assert_eq!(
        (entry.path.as_deref(), entry.request_id.as_deref(), entry.upstream),
        (Some("/users/7"), Some("kept"), None)
    );

    assert_eq!(envoy.stat("http.ingress.fault.aborts_injected").await.unwrap(), 1);
    let labels = [("envoy_http_conn_manager_prefix", "ingress")];
    let metrics = envoy
        .prometheus_until("the abort", |metrics| {
            metrics.sum("envoy_http_fault_aborts_injected", &labels) == 1.0
        })
        .await;
    assert_eq!(metrics.unwrap().value("envoy_http_fault_aborts_injected", &labels), Some(1.0));
}

#[tokio::test]
async fn a_delay_of_20_ms_holds_a_request_back_and_lets_it_pass_whole() {
    let upstream = HttpUpstream::start().await.unwrap();
    let config = EnvoyConfig::proxy(upstream.addr(), fault(delay("0.020s")));
    let envoy = EnvoyOptions::default().precise_timer().cpus("0").start(config).await.unwrap();
    let status = std::fs::read_to_string(format!("/proc/{}/status", envoy.pid())).unwrap();
    assert!(status.contains("Cpus_allowed_list:\t0\n"), "{status}");
    for client in [HttpClient::http1(envoy.addr("ingress")), HttpClient::http2(envoy.addr("ingress"))] {
        let reply = client.post("/orders?a=b", &[("x-shop", "one")], "hello").await.unwrap();
        let seen = reply.json();
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!((&seen["method"], &seen["path"]), (&json!("POST"), &json!("/orders?a=b")));
        assert_eq!((&seen["headers"]["x-shop"], &seen["body"]), (&json!(["one"]), &json!("hello")));
        // Precise timers of Envoy's own may ring a millisecond early.
        assert!(reply.elapsed >= Duration::from_millis(19), "{:?}", reply.elapsed);
    }
    assert_eq!((upstream.requests(), upstream.body_bytes()), (2, 10));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_abort_of_50_percent_lies_in_its_interval_over_20_000_requests_and_4_workers() {
    let upstream = HttpUpstream::start().await.unwrap();
    let config = EnvoyConfig::proxy(upstream.addr(), fault(abort(503, 50)));
    let envoy = EnvoyOptions::default().concurrency(4).start(config).await.unwrap();
    let address = envoy.addr("ingress");
    let (cpu, load) =
        (envoy.cpu_time().unwrap(), Load::http1(address).path("/size/10").connections(32).id_prefix("half"));
    let report = load.requests(15_000).await.unwrap();
    let more = Load::http2(address).path("/size/10").connections(4).requests(5_000).await.unwrap();

    let aborted = report.count(503) + more.count(503);
    assert_eq!(
        aborted + report.count(200) + more.count(200),
        20_000,
        "{} {}",
        report.broken(),
        more.broken()
    );
    assert_eq!(upstream.requests(), 20_000 - aborted);
    assert_share("aborted requests", aborted, 20_000, 0.5);
    assert_eq!(envoy.stat("http.ingress.fault.aborts_injected").await.unwrap(), aborted);
    assert_eq!(report.request_id(&report.samples[14_999]), "half-14999");
    assert!(envoy.alive() && envoy.cpu_time().unwrap() > cpu && envoy.rss().unwrap() > 10 << 20);
    println!("{:.0} rps, p50 {:?}, p99 {:?}", report.rps(), report.percentile(0.5), report.percentile(0.99));
}

#[tokio::test]
async fn grpc_calls_pass_through_envoy_and_a_grpc_abort_has_no_trailers() {
    let upstream = GrpcUpstream::start().await.unwrap();
    let envoy = Envoy::start(EnvoyConfig::proxy_http2(upstream.addr(), [])).await.unwrap();
    let client = GrpcClient::connect(envoy.addr("ingress")).await.unwrap();
    let said = client.say(EchoRequest { text: "hello".to_owned(), ..Default::default() }).await.unwrap();
    assert_eq!(said.into_inner().text, "hello");
    let replies = client
        .repeat(EchoRequest { text: "again".to_owned(), count: 3, ..EchoRequest::default() })
        .await
        .unwrap();
    assert_eq!(replies.iter().map(|reply| reply.index).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(upstream.calls(), 2);

    let aborting = json!({"abort": {"grpc_status": 5, "percentage": {"numerator": 100}}});
    let envoy = Envoy::start(EnvoyConfig::proxy_http2(upstream.addr(), fault(aborting))).await.unwrap();
    let client = GrpcClient::connect(envoy.addr("ingress")).await.unwrap();
    let status = client.say(EchoRequest::default()).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::NotFound, "fault filter abort"));
    let headers = [("content-type", "application/grpc"), ("te", "trailers")];
    let reply =
        HttpClient::http2(envoy.addr("ingress")).post("/squall.test.Echo/Say", &headers, "").await.unwrap();
    assert_eq!((reply.status, reply.header("grpc-status"), &reply.trailers), (200, Some("5"), &None));
    assert_eq!(upstream.calls(), 2);
}

#[tokio::test]
async fn a_client_that_leaves_during_a_delay_is_logged_as_disconnected() {
    let upstream = HttpUpstream::start().await.unwrap();
    let mut slow_abort = delay("5s");
    slow_abort["abort"] = abort(503, 100)["abort"].take();
    let envoy = Envoy::start(EnvoyConfig::proxy(upstream.addr(), fault(slow_abort))).await.unwrap();
    for load in
        [Load::http1(envoy.addr("ingress")).connections(5), Load::http2(envoy.addr("ingress")).streams(5)]
    {
        let report = load.patience(|_| Duration::from_millis(50)).requests(5).await.unwrap();
        assert_eq!((report.total(), report.left()), (5, 5));
    }
    let entries = envoy.access_log_of(10).await.unwrap();
    assert!(entries.iter().all(|entry| entry.status == 0), "{entries:?}");
    assert_eq!(
        entries
            .iter()
            .filter(|entry| entry.flags.as_deref().is_some_and(|flags| flags.contains("DC")))
            .count(),
        5
    );
    assert_eq!(envoy.stat("http.ingress.fault.aborts_injected").await.unwrap(), 0);
    assert_eq!(upstream.requests(), 0);
}

#[tokio::test]
async fn a_discovered_filter_is_replaced_under_load_and_a_wrong_one_is_refused() {
    let upstream = HttpUpstream::start().await.unwrap();
    let filter = HttpFilter::discovered("test.fault", typed_fault(abort(418, 100)));
    let envoy = Envoy::start(EnvoyConfig::proxy(upstream.addr(), [filter])).await.unwrap();
    let client = HttpClient::http1(envoy.addr("ingress"));
    assert_eq!(client.get("/").await.unwrap().status, 418);

    let load = Load::http1(envoy.addr("ingress")).connections(2);
    let under_load = tokio::spawn(async move { load.for_time(Duration::from_millis(500)).await });
    let update = envoy.update_filter("test.fault", &typed_fault(abort(451, 100))).await.unwrap();
    assert_eq!(update, ConfigUpdate::Accepted);
    let report = under_load.await.unwrap().unwrap();
    assert_eq!(report.count(418) + report.count(451), report.total());
    assert_eq!(client.get("/").await.unwrap().status, 451);

    let update = envoy.update_filter("test.fault", &typed_fault(abort(99, 100))).await.unwrap();
    assert_eq!(update, ConfigUpdate::Rejected);
    assert_eq!(client.get("/").await.unwrap().status, 451);
}

#[tokio::test]
async fn routes_hosts_and_raw_requests_reach_what_they_name() {
    let (one, two) = (HttpUpstream::start().await.unwrap(), HttpUpstream::start().await.unwrap());
    let limit = Duration::from_millis(50);
    let shop = VirtualHost::new("shop", ["shop.test"])
        .route(Route::path("/fixed").answer(201, "made here"))
        .route(
            Route::prefix("/slow/").to("two").set_action("prefix_rewrite", json!("/sleep/")).timeout(limit),
        )
        .route(
            Route::prefix("/retried/")
                .to("two")
                .set_action("prefix_rewrite", json!("/status/"))
                .retry("5xx", 2),
        )
        .route(Route::prefix("/").name("rest").to("one"));
    let any = VirtualHost::any("any").route(Route::prefix("/").to("two"));
    let listener = Listener::new("ingress").inbound().virtual_host(shop).virtual_host(any);
    let clusters = [Cluster::http1("one", one.addr()), Cluster::http2("two", two.addr())];
    let config = clusters.into_iter().fold(EnvoyConfig::new().listener(listener), EnvoyConfig::cluster);
    let envoy = Envoy::start(config).await.unwrap();

    let client = HttpClient::http1(envoy.addr("ingress"));
    let host = [("host", "shop.test")];
    let fixed = client.get_with("/fixed", &host).await.unwrap();
    assert_eq!((fixed.status, fixed.text().as_str()), (201, "made here"));
    assert_eq!(client.get_with("/other", &host).await.unwrap().status, 200);
    assert_eq!((one.requests(), two.requests()), (1, 0));
    let slow = client.get_with("/slow/2000", &host).await.unwrap();
    // Envoy's own timers may ring up to 6 ms early.
    assert!(slow.status == 504 && slow.elapsed + Duration::from_millis(10) >= limit, "{slow:?}");
    assert_eq!(client.get_with("/retried/503", &host).await.unwrap().status, 503);
    assert_eq!(two.requests(), 1 + 3, "one slow request, one with two retries");
    let seen = HttpClient::http2(envoy.addr("ingress")).get("/elsewhere").await.unwrap();
    assert_eq!((seen.status, &seen.json()["version"]), (200, &json!("HTTP/2.0")));

    let raw = b"GET /raw HTTP/1.1\r\nhost: shop.test\r\nx-bad: \xff\xfe\r\nconnection: close\r\n\r\n";
    let answer = raw_exchange(envoy.addr("ingress"), raw).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"), "{}", String::from_utf8_lossy(&answer));
    assert_eq!(one.requests(), 2);
    assert_eq!(envoy.access_log_of(6).await.unwrap()[1].json["route"], "rest");
}

#[tokio::test]
async fn the_upstream_paths_do_what_they_say() {
    let upstream = HttpUpstream::start().await.unwrap();
    let envoy = Envoy::start(EnvoyConfig::proxy_http2(upstream.addr(), [])).await.unwrap();
    let client = HttpClient::http2(envoy.addr("ingress"));
    assert_eq!(client.get("/size/3000000").await.unwrap().body.len(), 3_000_000);
    assert_eq!(client.get("/status/404").await.unwrap().status, 404);
    assert!(client.get("/sleep/30").await.unwrap().elapsed >= Duration::from_millis(30));
    let body = vec![7_u8; 2_000_000];
    assert_eq!(client.post("/echo", &[], body.clone()).await.unwrap().body, body);
    let reply = client.get("/trailers").await.unwrap();
    assert_eq!(reply.trailers.expect("trailers")["x-trailer"], "sent");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_loop_keeps_its_rate() {
    let config = EnvoyConfig::new()
        .listener(Listener::new("ingress").virtual_host(VirtualHost::any("any").route(Route::prefix("/"))));
    let envoy = Envoy::start(config).await.unwrap();
    let report = Load::http1(envoy.addr("ingress"))
        .connections(8)
        .open_loop(500.0, Duration::from_secs(1))
        .await
        .unwrap();
    assert_eq!((report.total(), report.count(200)), (500, 500));
    let last = report.samples[499].sent_after;
    assert!(
        last >= Duration::from_millis(995) && report.samples[250].sent_after >= Duration::from_millis(495),
        "{last:?}"
    );
}

#[tokio::test]
async fn a_bootstrap_that_envoy_refuses_is_reported_with_its_log() {
    let error =
        Envoy::start(r#"{"no_such_key": 1}"#).await.err().expect("Envoy refuses an unknown key").to_string();
    assert!(error.contains("no_such_key"), "{error}");
}

/// The kernel would kill Envoy with the THREAD that started it, so a test's own thread must not.
#[test]
fn envoy_outlives_the_thread_that_asked_for_it() {
    let envoy = std::thread::spawn(start_blocking).join().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert!(envoy.alive());
    let (pid, folder) = (envoy.pid(), envoy.folder());
    drop(envoy);
    assert!(ended(pid) && !folder.exists());
}

/// The test starts itself once more, as a process that holds an Envoy, and kills that process.
#[test]
fn envoy_dies_with_a_test_process_that_is_killed() {
    const HOLDER: &str = "SQUALL_HARNESS_HOLDS_AN_ENVOY";
    if std::env::var_os(HOLDER).is_some() {
        let envoy = start_blocking();
        println!("\nholding {} {}", envoy.pid(), envoy.folder().display());
        std::thread::sleep(Duration::from_secs(60));
        return;
    }
    let mut holder = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "envoy_dies_with_a_test_process_that_is_killed", "--nocapture"])
        .env(HOLDER, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(holder.stdout.take().unwrap()).lines().map_while(Result::ok);
    let held = lines.find_map(|line| line.strip_prefix("holding ").map(str::to_owned));
    holder.kill().unwrap();
    holder.wait().unwrap();
    let held = held.expect("the holder starts its Envoy");
    let (pid, folder) = held.split_once(' ').unwrap();
    let pid = pid.parse().unwrap();
    let gone = (0..1_000).any(|_| {
        std::thread::sleep(Duration::from_millis(5));
        ended(pid)
    });
    std::fs::remove_dir_all(folder).unwrap();
    assert!(gone, "Envoy {pid} still runs");
}

fn start_blocking() -> Envoy {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(Envoy::start(EnvoyConfig::new())).unwrap()
}

/// Whether a process is gone, or waits to be collected by whoever inherited it.
fn ended(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_none_or(|(_, rest)| rest.trim_start().starts_with('Z'))
}
