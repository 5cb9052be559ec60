//! A pool of slots on a real Envoy with 4 workers: the limit holds over all of them, whoever waits comes in in its order and
//! at once, and nobody waits too long, or for nothing.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use squall_envoy_tests::{
    Cluster, EchoRequest, Envoy, EnvoyConfig, EnvoyOptions, Experiment, GrpcClient, HttpClient, HttpFilter,
    HttpUpstream, Listener, Load, Metrics, Protocol, Route, VirtualHost,
};
use tonic::{Code, Request};

const MOST: Duration = Duration::from_secs(10);

fn pool(limit: u32, queue: u32, timeout: &str) -> Value {
    json!([{"pressure": {"concurrency": {"limit": limit, "queue": queue, "queue_timeout": timeout}}}])
}

fn experiment(faults: Value) -> Experiment {
    Experiment::new().scenario("pool", json!({}), faults)
}

async fn start(experiment: &Experiment) -> (HttpUpstream, Envoy) {
    let upstream = HttpUpstream::start().await.unwrap();
    let config = EnvoyConfig::proxy(upstream.addr(), experiment.filter().unwrap());
    let options = EnvoyOptions::default().concurrency(4).precise_timer();
    (upstream, options.start(config).await.unwrap())
}

fn queue_length(metrics: &Metrics) -> u64 {
    metrics.sum("chaos_queue_length", &[]) as u64
}

async fn until_waiting(envoy: &Envoy, count: u64) {
    let waiting = |metrics: &Metrics| queue_length(metrics) == count;
    envoy.prometheus_until(&format!("{count} requests that wait"), waiting).await.unwrap();
}

/// A request on a connection of its own, and so on any worker.
fn get(envoy: &Envoy, path: &str) -> tokio::task::JoinHandle<(u16, String, Duration, Instant)> {
    let client = HttpClient::http1(envoy.addr("ingress"));
    let path = path.to_owned();
    tokio::spawn(async move {
        let reply = client.get(&path).await.unwrap();
        (reply.status, reply.text(), reply.elapsed, Instant::now())
    })
}

/// Waits for the upstream to have the request that takes the only slot.
async fn take_the_slot(
    upstream: &HttpUpstream,
    envoy: &Envoy,
    path: &str,
) -> tokio::task::JoinHandle<(u16, String, Duration, Instant)> {
    let before = upstream.requests();
    let holder = get(envoy, path);
    while upstream.requests() == before {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    holder
}

/// The limit is met exactly, over 4 workers and both protocols; a slot that is free is taken within a few milliseconds, also by a
/// worker that did not free it; and the ledger adds up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_than_the_limit_are_upstream_and_free_slots_are_taken_at_once() {
    let (upstream, envoy) = start(&experiment(pool(8, 64, "30s"))).await;
    let address = envoy.addr("ingress");
    let mut total = 0;
    for load in [Load::http1(address).connections(40), Load::http2(address).connections(8).streams(5)] {
        let load = load.path("/sleep/20");
        let begun = Instant::now();
        let traffic = tokio::spawn(async move { load.for_time(Duration::from_secs(3)).await.unwrap() });
        let mut longest = 0;
        while !traffic.is_finished() {
            longest = longest.max(queue_length(&envoy.prometheus().await.unwrap()));
        }
        let report = traffic.await.unwrap();
        assert_eq!((report.count(200), report.broken()), (report.total(), 0));
        assert_eq!(upstream.take_most_at_once(), 8, "at the same time");
        assert!((16..=40).contains(&longest), "{longest} of 40 wait for 8 slots");
        // Were it for the slow look alone, a slot would be used every 120 ms.
        let cycle = begun.elapsed() * 8 / u32::try_from(report.total()).unwrap();
        assert!(cycle < Duration::from_millis(50), "a slot is used every {cycle:?}");
        total += report.total();
    }
    let all = |m: &Metrics| m.finished("pool", "treatment") == total;
    let metrics = envoy.prometheus_until("all requests finished", all).await.unwrap();
    assert_eq!((metrics.injected("pool", "concurrency"), metrics.in_flight()), (total, 0));
    assert_eq!((queue_length(&metrics), metrics.sum("chaos_host_errors_total", &[])), (0, 0.0));
    assert_eq!(metrics.sum("chaos_faults_suppressed_total", &[]), 0.0);
    for worker in 0..4 {
        let stat = format!("listener.127.0.0.1_0.worker_{worker}.downstream_cx_total");
        assert!(envoy.stat(&stat).await.unwrap() > 0, "{stat}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_comes_in_in_the_order_in_which_it_came_over_all_workers() {
    let (upstream, envoy) = start(&experiment(pool(1, 64, "30s"))).await;
    let holder = take_the_slot(&upstream, &envoy, "/sleep/1500").await;
    let mut waiting = Vec::new();
    for place in 1..=16 {
        waiting.push(get(&envoy, "/sleep/5"));
        until_waiting(&envoy, place).await;
    }
    let begun = holder.await.unwrap().3;
    let mut before = begun;
    for (place, request) in waiting.into_iter().enumerate() {
        let (status, _, _, at) = request.await.unwrap();
        assert_eq!(status, 200);
        assert!(at > before, "{place} was overtaken");
        before = at;
    }
    let all = before - begun;
    assert!(all < Duration::from_millis(16 * 50), "16 turns of 5 ms took {all:?}");
    assert_eq!(upstream.take_most_at_once(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_answers_at_once_and_a_long_wait_when_its_time_is_up() {
    let both = json!([
        {"pressure": {"concurrency": {"limit": 1, "queue": 2, "queue_timeout": "400ms"}}},
        {"delay": {"fixed": "1ms"}},
    ]);
    let (upstream, envoy) = start(&experiment(both).set("mark", json!("headers"))).await;
    let address = envoy.addr("ingress");
    let grpc = GrpcClient::connect(address).await.unwrap();
    let say = || Request::new(EchoRequest::default());
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let holder = take_the_slot(&upstream, &envoy, "/sleep/2000").await;
        let one = tokio::spawn(async move { HttpClient::new(address, protocol).get("/late").await.unwrap() });
        until_waiting(&envoy, 1).await;
        let client = GrpcClient::connect(address).await.unwrap();
        let begun = Instant::now();
        let other = tokio::spawn(async move { client.say(Request::new(EchoRequest::default())).await });
        until_waiting(&envoy, 2).await;
        let full = HttpClient::new(address, protocol).get("/full").await.unwrap();
        assert_eq!(full.text(), "chaos: no place left in the queue of scenario pool");
        assert_eq!((full.status, full.header("x-chaos-fault")), (503, Some("concurrency")));
        assert!(full.elapsed < Duration::from_millis(200), "{:?}", full.elapsed);
        let status = grpc.say(say()).await.unwrap_err();
        let why = "chaos: no place left in the queue of scenario pool";
        assert_eq!((status.code(), status.message()), (Code::Unavailable, why));
        let late = one.await.unwrap();
        assert_eq!(
            (late.status, late.text().as_str()),
            (503, "chaos: waited too long in the queue of scenario pool")
        );
        assert!((Duration::from_millis(399)..MOST).contains(&late.elapsed), "{:?}", late.elapsed);
        let status = other.await.unwrap().unwrap_err();
        assert_eq!(status.code(), Code::Unavailable);
        assert!(begun.elapsed() >= Duration::from_millis(399));
        assert_eq!(holder.await.unwrap().0, 200);
    }
    let all = |m: &Metrics| m.finished("pool", "treatment") == 10;
    let metrics = envoy.prometheus_until("all requests finished", all).await.unwrap();
    let counter = |name: &str| metrics.sum(name, &[("scenario", "pool")]) as u64;
    assert_eq!((counter("chaos_queue_overflows_total"), counter("chaos_queue_timeouts_total")), (4, 4));
    assert_eq!((metrics.injected("pool", "concurrency"), metrics.injected("pool", "delay")), (10, 2));
    assert_eq!(metrics.spared("pool", "stream_ended"), 8, "the delays of those that were answered");
    let log = envoy.access_log_of(10).await.unwrap();
    let count = |details: &str| log.iter().filter(|e| e.details.as_deref() == Some(details)).count();
    assert_eq!((count("chaos_queue_full{pool}"), count("chaos_queue_timeout{pool}")), (4, 4));
    assert_eq!(upstream.requests(), 2);
}

/// Whoever leaves gives back what it has: its slot, or its place in the queue.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_leaves_gives_its_slot_or_its_place_to_the_next() {
    let (upstream, envoy) = start(&experiment(pool(1, 2, "30s"))).await;
    let impatient = |path: &'static str, patience: u64| {
        let client = HttpClient::http1(envoy.addr("ingress")).deadline(Duration::from_millis(patience));
        tokio::spawn(async move { client.get(path).await.is_err() })
    };
    let holder = impatient("/sleep/20000", 1_000);
    while upstream.requests() == 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let second = impatient("/never", 300);
    until_waiting(&envoy, 1).await;
    let third = get(&envoy, "/third");
    until_waiting(&envoy, 2).await;
    assert!(second.await.unwrap(), "it has left");
    until_waiting(&envoy, 1).await;
    let fourth = get(&envoy, "/fourth");
    until_waiting(&envoy, 2).await;
    assert!(holder.await.unwrap(), "it has left");
    let left = Instant::now();
    for waiter in [third, fourth] {
        let (status, _, _, at) = waiter.await.unwrap();
        assert_eq!(status, 200);
        assert!(at - left < Duration::from_millis(500), "{:?} after the slot was free", at - left);
    }
    assert_eq!(upstream.requests(), 3, "the one that left while it waited is not among them");
    assert_eq!(queue_length(&envoy.prometheus().await.unwrap()), 0);
}

/// Promise P1: nobody waits past the mission's deadline; who waits then goes on to the upstream.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p1_the_deadline_of_the_mission_lets_all_that_wait_go_upstream() {
    let experiment = experiment(pool(1, 64, "30s"))
        .on_path("gone", "/after", json!([{"abort": {"status": 500}}]))
        .independent()
        .set("duration", json!("4s"));
    let (upstream, envoy) = start(&experiment).await;
    let holder = take_the_slot(&upstream, &envoy, "/sleep/20000").await;
    let waiters: Vec<_> = (0..40).map(|_| get(&envoy, "/after")).collect();
    until_waiting(&envoy, 40).await;
    for waiter in waiters {
        let (status, ..) = tokio::time::timeout(MOST, waiter).await.unwrap().unwrap();
        assert_eq!(status, 200, "no abort after the deadline");
    }
    let done = [("result", "done")];
    let over = |m: &Metrics| queue_length(m) == 0 && m.value("chaos_missions_total", &done) == Some(1.0);
    let metrics = envoy.prometheus_until("the end of the mission", over).await.unwrap();
    assert_eq!((metrics.spared("gone", "deadline"), metrics.injected("pool", "concurrency")), (40, 41));
    holder.abort();
}

/// An update of the same mission changes the size for all, those who wait included, and loses nobody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_update_changes_the_size_of_the_pool_under_load() {
    const NAME: &str = "pool";
    let plugin = |limit: u32| experiment(pool(limit, 64, "30s")).plugin();
    let upstream = HttpUpstream::start().await.unwrap();
    let host = VirtualHost::any("any").route(Route::prefix("/").to("upstream"));
    let filter = HttpFilter::squall_discovered(NAME, &plugin(2)).unwrap();
    let listener = Listener::new("ingress").filter(filter).virtual_host(host);
    let config = EnvoyConfig::new().listener(listener).cluster(Cluster::http1("upstream", upstream.addr()));
    let options = EnvoyOptions::default().concurrency(4).precise_timer();
    let envoy = options.start(config).await.unwrap();
    let load = Load::http1(envoy.addr("ingress")).connections(24).path("/sleep/20");
    let traffic = tokio::spawn(async move { load.for_time(Duration::from_secs(5)).await.unwrap() });
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(upstream.take_most_at_once(), 2);
    for limit in [12, 3] {
        let next = HttpFilter::squall_config(NAME, &plugin(limit)).unwrap();
        envoy.update_filter(NAME, &next).await.unwrap();
        // The old size may still have been in force for a moment.
        tokio::time::sleep(Duration::from_millis(500)).await;
        upstream.take_most_at_once();
        tokio::time::sleep(Duration::from_millis(700)).await;
        assert_eq!(upstream.take_most_at_once(), u64::from(limit));
    }
    let report = traffic.await.unwrap();
    assert_eq!((report.count(200), report.broken(), report.left()), (report.total(), 0, 0));
    let done = |m: &Metrics| m.in_flight() == 0 && m.finished("pool", "treatment") == report.total();
    let metrics = envoy.prometheus_until("all requests finished", done).await.unwrap();
    assert_eq!((queue_length(&metrics), metrics.sum("chaos_host_errors_total", &[])), (0, 0.0));
}
