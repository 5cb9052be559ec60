//! Updates that change the running mission itself: its duration, or whether it runs at all.

use serde_json::{Value, json};
use squall_wasm_host::{Action, Proxy, Request, plugin};

fn late_abort() -> Value {
    json!({"name": "db", "faults": [{"delay": {"fixed": "10s"}}, {"abort": {"status": 503}}]})
}

fn lasting(duration: &str) -> String {
    plugin("m", &[late_abort()], |mission| mission["duration"] = json!(duration))
}

fn done(proxy: &Proxy) -> u64 {
    proxy.metric("chaos_missions_total", &[("result", "done")])
}

/// P1: who waits under the old configuration keeps the new deadline.
#[test]
fn a_shortened_mission_releases_those_who_wait_at_its_new_deadline() {
    let mut proxy = Proxy::new(&lasting("60s"));
    let (waiting, _) = proxy.request(Request::default());
    proxy.vm.start_root(lasting("4s").as_str(), "squall").unwrap();
    proxy.advance_ms(3_900);
    assert!(proxy.take_continued().is_empty());
    proxy.advance_ms(200);
    assert_eq!(proxy.take_continued(), [waiting], "and not aborted");
    assert_eq!(done(&proxy), 1);
}

#[test]
fn an_extended_mission_is_not_ended_by_its_old_deadline() {
    let mut proxy = Proxy::new(&lasting("5s"));
    proxy.request(Request::default());
    let update = proxy.vm.start_root(lasting("40s").as_str(), "squall").unwrap();
    proxy.advance_ms(10_000);
    assert_eq!(done(&proxy), 0);
    assert_eq!(proxy.request_to(update, Request::default()).1, Action::Pause);
    let again = proxy.vm.start_root(lasting("41s").as_str(), "squall").unwrap();
    assert_eq!(proxy.request_to(again, Request::default()).1, Action::Pause, "it is not recorded as ended");
    proxy.advance_ms(32_000);
    assert_eq!(done(&proxy), 1);
}

#[test]
fn a_mission_cut_short_into_the_past_does_not_run_again() {
    let mut proxy = Proxy::new(&lasting("60s"));
    proxy.advance_ms(2_000);
    proxy.vm.start_root(lasting("1s").as_str(), "squall").unwrap();
    let longer = proxy.vm.start_root(lasting("60s").as_str(), "squall").unwrap();
    assert_eq!(proxy.request_to(longer, Request::default()).1, Action::Continue);
}

/// A connection that stays open keeps its old filter chain, and may go on asking for a long time.
#[test]
fn a_disabled_mission_stays_stopped_for_connections_of_the_old_listener() {
    let mut proxy = Proxy::new(&lasting("60s"));
    let disabled = plugin("m", &[late_abort()], |mission| mission["enable"] = json!(false));
    proxy.vm.start_root(disabled.as_str(), "squall").unwrap();
    proxy.advance_ms(1_500);
    let (stream, action) = proxy.request(Request::default());
    assert_eq!(action, Action::Continue);
    proxy.finish(stream);
    assert_eq!(proxy.metric("chaos_active", &[("scenario", "db"), ("namespace", "shop")]), 0);
}

/// P1, where every delay ends at the deadline and so none of them sets the timer.
#[test]
fn a_stepped_wall_clock_releases_also_those_who_wait_for_the_deadline_itself() {
    let mut proxy = Proxy::new(&lasting("9s"));
    let (waiting, _) = proxy.request(Request::default());
    proxy.advance_ms(1_500);
    proxy.shared.set_wall(proxy.shared.clock().wall + 600_000_000_000);
    proxy.advance_ms(1_000);
    assert_eq!(proxy.take_continued(), [waiting]);
}

/// P1: a start that is moved into the future ends what runs now.
#[test]
fn a_mission_that_is_put_off_releases_those_who_wait() {
    let mut proxy = Proxy::new(&lasting("60s"));
    let (waiting, _) = proxy.request(Request::default());
    // The clocks of the host begin on 1 December 2026.
    let later = plugin("m", &[late_abort()], |mission| mission["start"] = json!("2026-12-01T01:00:00Z"));
    proxy.vm.start_root(later.as_str(), "squall").unwrap();
    proxy.advance_ms(1_000);
    assert_eq!(proxy.take_continued(), [waiting], "and not aborted");
    assert_eq!(proxy.metric("chaos_active", &[("scenario", "db"), ("namespace", "shop")]), 0);
}

/// A configuration with mistakes disarms the filter, for connections that keep their old filter chain too.
#[test]
fn a_rejected_configuration_stops_the_mission_for_connections_of_the_old_listener() {
    let mut proxy = Proxy::new(&lasting("60s"));
    let (waiting, _) = proxy.request(Request::default());
    proxy.vm.start_root("{", "squall").unwrap();
    proxy.advance_ms(1_500);
    assert_eq!(proxy.take_continued(), [waiting], "and not aborted");
    assert_eq!(proxy.request(Request::default()).1, Action::Continue);
    assert_eq!(proxy.metric("chaos_active", &[("scenario", "db"), ("namespace", "shop")]), 0);
}

/// A timeout of Envoy's own answers a request that waits here: its abort comes no more, and is not counted.
#[test]
fn a_request_that_envoy_has_answered_meanwhile_is_not_aborted() {
    let mut proxy = Proxy::new(&lasting("60s"));
    let (waiting, _) = proxy.request(Request::default());
    proxy.advance_ms(500);
    assert_eq!(proxy.respond(waiting, "504"), Action::Continue);
    proxy.advance_ms(20_000);
    assert_eq!(proxy.vm.take_effects(), []);
    proxy.finish(waiting);
    let counted =
        |name: &str, label: &str, value: &str| proxy.metric(name, &[("scenario", "db"), (label, value)]);
    assert_eq!(counted("chaos_faults_injected_total", "fault", "abort"), 0);
    assert_eq!(counted("chaos_faults_suppressed_total", "cause", "stream_ended"), 1);
    assert!(proxy.vm.violations().is_empty(), "{:?}", proxy.vm.violations());
}

/// A change of the module gives the plugin a new VM, which does not know what the old one has shown. The old one hears of it by
/// its bell, or is taken away before it does.
#[test]
fn what_a_newer_configuration_in_another_vm_does_not_show_is_hidden_by_the_old_one() {
    let named = |name: &str| {
        let scenario = json!({"name": name, "faults": [{"delay": {"fixed": "10s"}}]});
        plugin("m", &[late_abort(), scenario], |mission| mission["composition"] = json!("independent"))
    };
    for rung in [true, false] {
        let mut old = Proxy::new(&named("first"));
        old.advance_ms(10);
        let new = Proxy::worker(&old.shared, &named("second"));
        match rung {
            true => drop(old.vm.run_queues().expect("no trap")),
            false => old.vm.end_root(old.root).expect("no trap"),
        }
        let active = |name: &str| {
            let declared = new.metric("chaos_declared_rate_ppm", &[("scenario", name)]);
            (new.metric("chaos_active", &[("scenario", name), ("namespace", "shop")]), declared)
        };
        let shown = ["db", "first", "second"].map(active);
        assert_eq!(shown, [(1, 1_000_000), (0, 0), (1, 1_000_000)], "rung: {rung}");
        assert_eq!(new.metric("chaos_stage", &[]), 1, "rung: {rung}");
        assert!(new.metric("chaos_deadline_seconds", &[]) > 0, "rung: {rung}");
    }
}
