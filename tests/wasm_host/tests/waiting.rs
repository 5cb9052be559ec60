//! Waiting requests: the one timer, many due at once, updates of the configuration while they wait.

use std::time::Duration;

use serde_json::{Value, json};
use squall_wasm_host::{Action, Effect, Proxy, Request, plugin};

fn delaying(time: &str) -> Value {
    json!({"name": "db", "faults": [{"delay": {"fixed": time}}]})
}

fn delaying_and_aborting(time: &str) -> Value {
    json!({"name": "db", "faults": [{"delay": {"fixed": time}}, {"abort": {"status": 503}}]})
}

fn period(proxy: &Proxy) -> Option<u128> {
    proxy.vm.tick_period(proxy.root).map(|period| period.as_millis())
}

#[test]
fn the_timer_is_set_for_the_next_deadline_and_back_to_the_looks_at_the_mission_when_nothing_waits() {
    let mut proxy = Proxy::new(&plugin("m", &[delaying("250ms")], |_| {}));
    assert_eq!(period(&proxy), Some(450));
    let (first, _) = proxy.request(Request::default());
    assert_eq!(period(&proxy), Some(250));
    proxy.advance_ms(100);
    let (second, _) = proxy.request(Request::default());
    proxy.advance_ms(150);
    assert_eq!(proxy.take_continued(), [first]);
    assert_eq!(period(&proxy), Some(100));
    proxy.advance_ms(100);
    assert_eq!(proxy.take_continued(), [second]);
    let before = proxy.vm.counts();
    proxy.advance_ms(4_500);
    let looks = proxy.vm.counts().since(&before).callbacks.get("proxy_on_tick").copied();
    assert!(looks.is_some_and(|looks| (9..=11).contains(&looks)), "nothing waits: {looks:?}");
}

#[test]
fn at_most_32_streams_go_on_in_one_tick_and_none_is_lost() {
    let mut proxy = Proxy::new(&plugin("m", &[delaying_and_aborting("50ms")], |_| {}));
    let waiting: Vec<_> = (0..100).map(|_| proxy.request(Request::default()).0).collect();
    proxy.shared.advance(Duration::from_millis(50));
    let mut answered = Vec::new();
    for most in [32, 32, 32, 4] {
        assert_eq!(proxy.vm.run_due().unwrap(), 1);
        let effects = proxy.vm.take_effects();
        assert_eq!(effects.len(), most);
        answered.extend(effects.into_iter().map(|effect| match effect {
            Effect::LocalResponse { stream, .. } => stream,
            other => panic!("{other:?}"),
        }));
        if answered.len() < waiting.len() {
            assert_eq!(period(&proxy), Some(1));
        }
        proxy.shared.advance(Duration::from_millis(1));
    }
    assert_eq!(answered, waiting, "in the order in which they came");
    for stream in waiting {
        proxy.respond(stream, "503");
        proxy.finish(stream);
    }
    assert_eq!(proxy.metric("chaos_faults_in_flight", &[]), 0);
    assert!(proxy.vm.violations().is_empty());
}

#[test]
fn no_delay_is_more_than_half_a_millisecond_early() {
    let scenario = json!({"name": "db", "faults": [{"delay": {"uniform": {"min": "100us", "max": "40ms"}}}]});
    let mut proxy = Proxy::new(&plugin("m", &[scenario], |_| {}));
    let mut due = std::collections::BTreeMap::new();
    for id in 0..500 {
        proxy.shared.advance(Duration::from_micros(317 * (id % 7)));
        proxy.vm.run_due().unwrap();
        let id = id.to_string();
        let began = proxy.shared.clock().monotonic;
        let (stream, _) = proxy.request(Request { id: &id, ..Request::default() });
        let samples = proxy.samples("chaos_injected_delay_ms", &[("scenario", "db")]);
        let delay_ms = samples.last().copied().unwrap_or_default();
        due.insert(stream, began + delay_ms * 1_000_000);
        for stream in proxy.take_continued() {
            // The histogram has rounded by up to another half.
            let late =
                proxy.shared.clock().monotonic.cast_signed() - due.remove(&stream).unwrap().cast_signed();
            assert!(late >= -1_000_000, "{late} ns");
        }
    }
    proxy.advance_ms(50);
    assert_eq!(proxy.take_continued().len(), due.len());
}

#[test]
fn the_same_mission_in_a_new_configuration_keeps_those_who_wait() {
    let mut proxy = Proxy::new(&plugin("m", &[delaying_and_aborting("1s")], |_| {}));
    let (stream, _) = proxy.request(Request::default());
    let longer = plugin("m", &[delaying_and_aborting("1s")], |mission| mission["duration"] = json!("2h"));
    let update = proxy.vm.start_root(longer, "squall").unwrap();
    proxy.advance_ms(999);
    assert!(proxy.vm.take_effects().is_empty());
    proxy.advance_ms(1);
    assert!(matches!(&proxy.vm.take_effects()[..], [Effect::LocalResponse { .. }]));
    proxy.finish(stream);
    proxy.vm.end_root(proxy.root).unwrap();
    assert_eq!(proxy.metric("chaos_active", &[("scenario", "db"), ("namespace", "shop")]), 1);
    assert_eq!(proxy.request_to(update, Request::default()).1, Action::Pause);
}

#[test]
fn another_mission_or_none_lets_those_who_wait_go_on_within_a_second_and_unanswered() {
    let other = plugin("other", &[delaying("1s")], |_| {});
    let disabled = plugin("m", &[delaying_and_aborting("30s")], |mission| mission["enable"] = json!(false));
    for (update, active) in [(other.as_str(), 1), (disabled.as_str(), 0), ("", 0), ("not JSON", 0)] {
        let mut proxy = Proxy::new(&plugin("m", &[delaying_and_aborting("30s")], |_| {}));
        let waiting: Vec<_> = (0..70).map(|_| proxy.request(Request::default()).0).collect();
        proxy.vm.start_root(update, "squall").unwrap();
        proxy.advance_ms(1_000);
        assert_eq!(proxy.take_continued().len(), waiting.len(), "{update}");
        let labels = [("scenario", "db"), ("namespace", "shop")];
        assert_eq!(proxy.metric("chaos_active", &labels), active, "{update}");
        waiting.into_iter().for_each(|stream| proxy.finish(stream));
        proxy.vm.end_root(proxy.root).unwrap();
        assert_eq!(proxy.metric("chaos_active", &labels), active, "{update}: after the old root's end");
        assert_eq!(proxy.metric("chaos_faults_in_flight", &[]), 0);
    }
}

#[test]
fn a_filter_beside_the_other_goes_on_with_its_mission() {
    let mut proxy = Proxy::new(&plugin("m", &[delaying("10ms")], |_| {}));
    proxy.vm.start_root("", "squall").unwrap();
    let labels = [("scenario", "db"), ("namespace", "shop")];
    assert_eq!(proxy.metric("chaos_active", &labels), 0);
    proxy.advance_ms(5_000);
    // A stream long after the handover: another listener has this configuration.
    let (stream, action) = proxy.request(Request::default());
    assert_eq!(action, Action::Pause);
    assert_eq!(proxy.metric("chaos_active", &labels), 1);
    proxy.advance_ms(10);
    assert_eq!(proxy.take_continued(), [stream]);
}

#[test]
fn a_filter_beside_the_other_is_not_active_in_its_baseline() {
    let baseline = |mission: &mut Value| mission["baseline"] = json!("60s");
    let mut proxy = Proxy::new(&plugin("m", &[delaying("10ms")], baseline));
    proxy.vm.start_root("", "squall").unwrap();
    proxy.advance_ms(5_000);
    let (_, action) = proxy.request(Request::default());
    assert_eq!(action, Action::Continue);
    let labels = [("scenario", "db"), ("namespace", "shop")];
    assert_eq!((proxy.metric("chaos_active", &labels), proxy.metric("chaos_deadline_seconds", &[])), (0, 0));
}

#[test]
fn a_root_that_is_configured_again_keeps_those_who_wait() {
    let configuration = plugin("m", &[delaying("1s")], |_| {});
    let mut proxy = Proxy::new(&configuration);
    let (stream, _) = proxy.request(Request::default());
    proxy.advance_ms(400);
    proxy.vm.configure_again(proxy.root, configuration.as_bytes()).unwrap();
    proxy.advance_ms(599);
    assert!(proxy.take_continued().is_empty());
    proxy.advance_ms(1);
    assert_eq!(proxy.take_continued(), [stream]);
    proxy.finish(stream);
    assert_eq!(proxy.metric("chaos_faults_in_flight", &[]), 0);
}

/// Promise P1: a step of the wall clock over the deadline is seen within a second, also without traffic.
#[test]
fn a_wall_clock_that_steps_over_the_deadline_releases_what_waits() {
    let mut proxy = Proxy::new(&plugin("m", &[delaying_and_aborting("30m")], |_| {}));
    let (waiting, action) = proxy.request(Request::default());
    assert_eq!(action, Action::Pause);
    proxy.advance_ms(500);
    let week = Duration::from_secs(7 * 24 * 3600);
    proxy.shared.set_wall(proxy.shared.clock().wall + u64::try_from(week.as_nanos()).unwrap());
    assert!(proxy.take_continued().is_empty());
    proxy.advance_ms(1_000);
    assert_eq!(proxy.take_continued(), [waiting], "released, and not aborted");
    assert_eq!(proxy.metric("chaos_missions_total", &[("result", "done")]), 1);
}
