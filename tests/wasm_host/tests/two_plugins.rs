//! Two plugins of one proxy, as those of the root namespace and of the workload's own in Istio: what has no label speaks for both,
//! and a request that one of them has faulted is nobody's control.

use serde_json::{Value, json};
use squall_wasm_host::{Action, Proxy, Request, RootId, plugin};

fn lasting(id: &str, duration: &str, change: impl FnOnce(&mut Value)) -> String {
    let scenario = json!({"name": id, "scope": {"match": [{"path": {"prefix": "/never"}}]},
        "faults": [{"abort": {"status": 503}}]});
    plugin(id, &[scenario], |mission| {
        mission["duration"] = json!(duration);
        change(mission);
    })
}

fn second(proxy: &mut Proxy, configuration: &str, name: &str) -> RootId {
    proxy.vm.start_root(configuration, name).expect("no trap and no refusal")
}

/// Stage, intensity, and for how many seconds still.
fn shown(proxy: &Proxy) -> (u64, u64, u64) {
    let gauge = |name: &str| proxy.metric(name, &[]);
    let now_s = proxy.shared.clock().wall / 1_000_000_000;
    let left = gauge("chaos_deadline_seconds").saturating_sub(now_s);
    (gauge("chaos_stage"), gauge("chaos_intensity_percent"), left)
}

fn active(proxy: &Proxy, scenario: &str) -> u64 {
    proxy.metric("chaos_active", &[("scenario", scenario), ("namespace", "shop")])
}

#[test]
fn the_end_of_one_mission_takes_nothing_away_from_what_the_other_shows() {
    let stages = |mission: &mut Value| {
        mission["stages"] = json!([{"for": "40s", "intensity": "50%"}, {"intensity": "80%"}])
    };
    let (long, short) = (lasting("long", "60s", stages), lasting("short", "10s", |_| {}));
    let mut proxy = Proxy::new(&long);
    second(&mut proxy, &short, "istio-system.squall");
    // Another worker does it all once more.
    let mut other = Proxy::worker(&proxy.shared, &long);
    second(&mut other, &short, "istio-system.squall");
    let mut at = |seconds: u64| {
        proxy.advance_ms(seconds * 1000);
        other.vm.run_due().expect("no trap");
        ((active(&proxy, "long"), active(&proxy, "short")), shown(&proxy))
    };
    assert_eq!(at(1), ((1, 1), (1, 100, 9)), "the first deadline, the highest intensity");
    assert_eq!(at(10), ((1, 0), (1, 50, 49)));
    assert_eq!(at(30), ((1, 0), (2, 80, 19)));
    assert_eq!(at(20), ((0, 0), (0, 0, 0)));
}

#[test]
fn a_plugin_that_is_taken_out_takes_away_its_own_alone() {
    let mut proxy = Proxy::new(&lasting("long", "60s", |_| {}));
    let short = second(&mut proxy, &lasting("short", "10s", |_| {}), "istio-system.squall");
    proxy.vm.end_root(short).expect("no trap");
    assert_eq!((active(&proxy, "short"), active(&proxy, "long"), shown(&proxy)), (0, 1, (1, 100, 60)));
    let root = proxy.root;
    proxy.vm.end_root(root).expect("no trap");
    assert_eq!((active(&proxy, "long"), shown(&proxy)), (0, (0, 0, 0)));
}

#[test]
fn a_configuration_with_mistakes_is_shown_until_it_is_mended_or_gone_whatever_the_others_do() {
    let good = lasting("good", "60s", |_| {});
    let bad = lasting("bad", "1ms", |_| {});
    let rejected = |proxy: &Proxy| proxy.metric("chaos_config_rejected", &[]);
    let mut proxy = Proxy::new(&good);
    assert_eq!(rejected(&proxy), 0);
    let old = second(&mut proxy, &bad, "istio-system.squall");
    second(&mut proxy, &lasting("better", "60s", |_| {}), "squall");
    second(&mut proxy, "", "third");
    assert_eq!(rejected(&proxy), 1, "the mistakes are still there");
    assert_eq!(shown(&proxy), (1, 100, 60), "and the other mission runs");
    second(&mut proxy, &lasting("mended", "30s", |_| {}), "istio-system.squall");
    assert_eq!((rejected(&proxy), shown(&proxy)), (0, (1, 100, 30)));
    proxy.vm.end_root(old).expect("no trap");
    assert_eq!((rejected(&proxy), shown(&proxy)), (0, (1, 100, 30)), "the old one has nothing left");
    let bad = second(&mut proxy, &bad, "fourth");
    assert_eq!(rejected(&proxy), 1);
    proxy.vm.end_root(bad).expect("no trap");
    assert_eq!(rejected(&proxy), 0);
}

/// The other instance stands before this one in the chain, or behind it.
#[test]
fn a_request_that_the_other_has_faulted_is_no_control() {
    let rarely = json!({"name": "db", "scope": {"sample": {"percent": 0.0001}}, "faults": [{"abort": {"status": 503}}]});
    let mut proxy = Proxy::new(&plugin("m", &[rarely], |_| {}));
    for (number, marked) in ["before", "after", "never"].into_iter().enumerate() {
        let stream = proxy.vm.stream(proxy.root).expect("no trap");
        let mark = |proxy: &mut Proxy, when: &str| {
            if marked == when {
                proxy.vm.set_property(stream, &["chaos_mission"], b"other").expect("a stream");
            }
        };
        mark(&mut proxy, "before");
        let id = number.to_string();
        assert_eq!(proxy.send(stream, Request { id: &id, ..Request::default() }), Action::Continue);
        mark(&mut proxy, "after");
        proxy.vm.set_property(stream, &["response", "code"], &503_u64.to_le_bytes()).expect("a stream");
        proxy.finish(stream);
    }
    let group = |group: &str| {
        let labels = [("scenario", "db"), ("group", group), ("code_class", "5xx")];
        proxy.metric("chaos_requests_total", &labels)
    };
    assert_eq!((group("other"), group("control"), group("treatment")), (2, 1, 0));
    let own = ["treatment", "other"]
        .map(|group| proxy.metric("chaos_own_errors_total", &[("scenario", "db"), ("group", group)]));
    assert_eq!(own, [0, 0], "this instance has made none of them");
}
