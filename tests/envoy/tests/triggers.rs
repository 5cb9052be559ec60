//! Triggers and bursts on a real Envoy with its real clocks: a window that is open, one that is closed, random spans.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use squall_envoy_tests::{Envoy, EnvoyConfig, EnvoyOptions, Experiment, HttpClient, HttpUpstream};
use squall_policy::{Direction, Fact, Facts, Moment, Plan, Report, Seed, load_plugin};

/// The experiment's plugin configuration, with a trigger in its scenario `status`.
fn triggered(triggers: &[(u16, Value)], start: SystemTime) -> Value {
    let start = humantime::format_rfc3339_millis(start).to_string();
    let experiment =
        triggers.iter().fold(Experiment::new().set("start", json!(start)), |all, (status, _)| {
            let scope = json!({"match": [{"path": {"exact": format!("/{status}")}}]});
            all.scenario(&format!("s{status}"), scope, json!([{"abort": {"status": status}}]))
        });
    let mut plugin = experiment.plugin();
    for (number, (_, trigger)) in triggers.iter().enumerate() {
        plugin["catalog"]["scenarios"][number]["trigger"] = trigger.clone();
    }
    plugin
}

async fn start(plugin: &Value) -> (HttpUpstream, Envoy) {
    let upstream = HttpUpstream::start().await.unwrap();
    let filter = squall_envoy_tests::HttpFilter::squall(plugin).unwrap();
    let envoy = EnvoyOptions::default().concurrency(2).start(EnvoyConfig::proxy(upstream.addr(), [filter]));
    (upstream, envoy.await.unwrap())
}

#[tokio::test]
async fn a_window_opens_and_closes_by_the_clock() {
    let now = SystemTime::now();
    let time =
        |seconds: u64| humantime::format_rfc3339_millis(now + Duration::from_secs(seconds)).to_string();
    let past = humantime::format_rfc3339_millis(now - Duration::from_secs(60)).to_string();
    // A day has 1440 minutes: one of these two halves is now, whatever the time is.
    let halves = ["00:00-12:00", "12:00-00:00"];
    let all_days = json!(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]);
    let plugin = triggered(
        &[
            (510, json!({"window": {"start": past, "end": time(3600)}})),
            (511, json!({"window": {"end": past}})),
            (512, json!({"window": {"start": time(3600)}})),
            (513, json!({"window": {"between": halves[0], "days": all_days}})),
            (514, json!({"window": {"between": halves[1]}})),
            // Late enough for an Envoy that a busy machine is slow to start.
            (515, json!({"window": {"start": time(10), "end": time(12)}})),
        ],
        now,
    );
    let (_upstream, envoy) = start(&plugin).await;
    let client = HttpClient::http1(envoy.addr("ingress"));
    let status_of = async |status: u16| client.get(&format!("/{status}")).await.unwrap().status;
    assert_eq!((status_of(510).await, status_of(511).await, status_of(512).await), (510, 200, 200));
    let halves = [status_of(513).await == 513, status_of(514).await == 514];
    assert!(halves[0] != halves[1], "{halves:?}");
    let inside = |time: SystemTime| {
        let since = time.duration_since(now).unwrap_or_default();
        (Duration::from_secs(10)..Duration::from_secs(12)).contains(&since)
    };
    let (mut open, mut closed) = (0, 0);
    while SystemTime::now() < now + Duration::from_secs(13) {
        let before = SystemTime::now();
        let status = status_of(515).await;
        // A request that meets an edge on its way may see either side.
        if inside(before) == inside(SystemTime::now()) {
            assert_eq!(status == 515, inside(before), "{:?} after the start", before.duration_since(now));
            *if inside(before) { &mut open } else { &mut closed } += 1;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(open > 20 && closed > 20, "{open} while it was open, {closed} while it was closed");
    let metrics = envoy.prometheus().await.unwrap();
    assert!(metrics.spared("s511", "trigger") == 1 && metrics.spared("s512", "trigger") == 1);
    assert_eq!(metrics.sum("chaos_host_errors_total", &[]), 0.0);
}

struct Now(Moment);

impl Facts for Now {
    fn fact(&mut self, fact: &Fact) -> Option<&[u8]> {
        (*fact == Fact::Path).then_some(b"/510")
    }

    fn direction(&mut self) -> Direction {
        Direction::Unspecified
    }

    fn moment(&mut self) -> Option<Moment> {
        Some(self.0)
    }
}

fn plan(plugin: &Value) -> Plan {
    let loaded = load_plugin(plugin.to_string().as_bytes(), None, &mut Report::default());
    loaded.and_then(|loaded| loaded.plan).expect("a mission")
}

/// Promise P5: from seed, name and the mission's start everybody can tell when a scenario is on.
#[tokio::test]
async fn random_spans_lie_where_the_seed_says() {
    let plugin = |begin| triggered(&[(510, json!({"randomize": {"period": "2s", "active": "1s"}}))], begin);
    on_and_off_as_the_seed_says(plugin, "trigger").await;
}

/// The same for bursts.
#[tokio::test]
async fn bursts_lie_where_the_seed_says() {
    let plugin = |begin| {
        let mut plugin = triggered(&[(510, json!({}))], begin);
        let scenario = plugin["catalog"]["scenarios"][0].as_object_mut().unwrap();
        scenario.remove("trigger");
        scenario.insert("burst".to_owned(), json!({"good": "700ms", "bad": "500ms"}));
        plugin
    };
    on_and_off_as_the_seed_says(plugin, "burst").await;
}

async fn on_and_off_as_the_seed_says(plugin: impl Fn(SystemTime) -> Value, cause: &str) {
    let begin = UNIX_EPOCH
        + Duration::from_millis(
            u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap(),
        );
    let plugin = plugin(begin);
    let (plan, seed) = (plan(&plugin), Seed::from_text("test"));
    let (_upstream, envoy) = start(&plugin).await;
    let client = HttpClient::http1(envoy.addr("ingress"));
    let on = |time: SystemTime| {
        let running = time.duration_since(begin).unwrap_or_default();
        let running_ns = u64::try_from(running.as_nanos()).unwrap();
        plan.decide(&seed, &mut Now(Moment { wall_ms: 0, running_ns })).injection.is_some()
    };
    let margin = Duration::from_millis(20);
    let (mut faulted, mut passed) = (0, 0_u64);
    let until = Instant::now() + Duration::from_secs(7);
    while Instant::now() < until {
        let before = SystemTime::now();
        let status = client.get("/510").await.unwrap().status;
        let after = SystemTime::now();
        // Near an edge either answer is right.
        let around = [before - margin, before, after, after + margin].map(on);
        if around.iter().all(|near| *near == around[0]) {
            let (since, took) = (before.duration_since(begin), after.duration_since(before));
            assert_eq!(status == 510, around[0], "{since:?} after the start, answered within {took:?}");
            *if around[0] { &mut faulted } else { &mut passed } += 1;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(faulted > 50 && passed > 50, "{faulted} faulted, {passed} passed");
    let metrics = envoy.prometheus().await.unwrap();
    assert_eq!(metrics.finished("s510", "control"), 0, "what is off is no control");
    assert!(metrics.spared("s510", cause) >= passed, "{cause}");
}
