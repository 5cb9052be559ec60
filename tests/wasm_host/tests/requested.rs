//! Faults that callers ask for, in the compiled module: keys, headers, causes, and what goes on to the upstream.

use serde_json::{Value, json};
use squall_policy::{Minted, base64, mint};
use squall_wasm_host::{Action, Effect, Proxy, Request, Shared, plugin};

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

fn configuration(limits: Value, key: Value, change: impl FnOnce(&mut Value)) -> String {
    let scenario = json!({"name": "asked", "faults": [{"requested": limits}]});
    let mut configuration: Value = serde_json::from_str(&plugin("m", &[scenario], change)).unwrap();
    configuration["caller_keys"] = json!([key]);
    configuration.to_string()
}

fn inline() -> Value {
    json!({"name": "team-a", "secret": base64(SECRET)})
}

fn proxy(limits: Value) -> Proxy {
    Proxy::new(&configuration(limits, inline(), |_| {}))
}

/// Good for ten minutes from the proxy's wall clock on.
fn minted(proxy: &Proxy, fault: &str) -> Minted {
    mint("team-a", SECRET, proxy.shared.clock().wall / 1_000_000_000 + 600, fault).unwrap()
}

fn ask(proxy: &mut Proxy, more: &[(&str, &str)]) -> Action {
    let (stream, action) = proxy.request(Request { more, ..Request::default() });
    proxy.vm.set_property(stream, &["response", "code"], &200_u64.to_le_bytes()).unwrap();
    if action == Action::Pause {
        proxy.advance_ms(200);
    }
    proxy.finish(stream);
    assert!(proxy.vm.violations().is_empty(), "{:?}", proxy.vm.violations());
    action
}

fn by_header(minted: &Minted) -> [(&str, &str); 2] {
    [("x-chaos-fault", &minted.fault), ("x-chaos-token", &minted.token)]
}

fn spared(proxy: &Proxy, cause: &str) -> u64 {
    proxy.metric("chaos_faults_suppressed_total", &[("scenario", "asked"), ("cause", cause)])
}

fn injected(proxy: &Proxy, fault: &str) -> u64 {
    proxy.metric("chaos_faults_injected_total", &[("scenario", "asked"), ("fault", fault)])
}

fn group(proxy: &Proxy, group: &str) -> u64 {
    let of = |class| {
        proxy
            .metric("chaos_requests_total", &[("scenario", "asked"), ("group", group), ("code_class", class)])
    };
    ["none", "2xx", "5xx"].into_iter().map(of).sum()
}

#[test]
fn a_signed_request_is_answered_and_every_other_one_passes_and_is_counted() {
    let mut proxy = proxy(json!({"statuses": [503]}));
    assert_eq!(
        proxy.metric("chaos_declared_rate_ppm", &[("scenario", "asked")]),
        0,
        "nobody has declared any"
    );
    let good = minted(&proxy, "abort=503");
    assert_eq!(ask(&mut proxy, &by_header(&good)), Action::Pause);
    let answers = proxy.vm.take_effects();
    assert!(answers.iter().any(|e| matches!(e, Effect::LocalResponse { .. })), "{answers:?}");
    let baggage = good.baggage();
    assert_eq!(ask(&mut proxy, &[("baggage", &baggage)]), Action::Pause);
    let limit = minted(&proxy, "abort=500");
    let now = proxy.shared.clock().wall / 1_000_000_000;
    let expired = mint("team-a", SECRET, now, "abort=503").unwrap();
    for headers in [
        &[][..],
        &[("x-chaos-fault", "abort=503")],
        &[("x-chaos-fault", "delay=1ms"), ("x-chaos-token", &good.token)],
        &[("x-chaos-fault", "abort=503"), ("x-chaos-token", "x")],
        &by_header(&limit),
        &by_header(&expired),
        &[("baggage", "a=b")],
    ] {
        assert_eq!(ask(&mut proxy, headers), Action::Continue, "{headers:?}");
    }
    for cause in ["unsigned", "bad_signature", "malformed", "over_limit", "expired"] {
        assert_eq!(spared(&proxy, cause), 1, "{cause}");
    }
    assert_eq!((injected(&proxy, "abort"), injected(&proxy, "delay")), (2, 0));
    // All nine: two asked rightly, two asked for nothing, five in vain.
    assert_eq!(["treatment", "control", "other"].map(|name| group(&proxy, name)), [2, 2, 5]);
}

#[test]
fn the_secret_comes_from_the_environment_of_the_vm() {
    let key = json!({"name": "team-a", "secret_env": "TEAM_A_KEY"});
    let configuration = configuration(json!({}), key, |_| {});
    let shared = Shared::new();
    shared.set_variable("TEAM_A_KEY_OLD", "bm90IHRoaXMgb25lLCBub3QgdGhpcyBvbmU=");
    shared.set_variable("TEAM_A_KEY", &format!("{}\n", base64(SECRET)));
    let mut proxy = Proxy::worker(&shared, &configuration);
    let good = minted(&proxy, "delay=100ms");
    assert_eq!(ask(&mut proxy, &by_header(&good)), Action::Pause);
    assert_eq!(injected(&proxy, "delay"), 1);
    // Without it, or with one that is none, the configuration is refused, as any other mistake.
    for value in [None, Some("too short")] {
        let shared = Shared::new();
        if let Some(value) = value {
            shared.set_variable("TEAM_A_KEY", value);
        }
        let mut proxy = Proxy::worker(&shared, &configuration);
        assert_eq!(proxy.metric("chaos_config_rejected", &[]), 1);
        assert_eq!(ask(&mut proxy, &by_header(&good)), Action::Continue);
    }
}

#[test]
fn the_headers_end_here_unless_the_scenario_forwards_them() {
    let removed = |proxy: &mut Proxy, more: &[(&str, &str)]| {
        let before = proxy.vm.counts();
        ask(proxy, more);
        proxy.vm.counts().since(&before).host_call("proxy_remove_header_map_value")
    };
    let mut proxy = proxy(json!({}));
    let good = minted(&proxy, "delay=100ms");
    let baggage = good.baggage();
    assert_eq!(removed(&mut proxy, &by_header(&good)), 2);
    assert_eq!(removed(&mut proxy, &[("x-chaos-fault", "delay=1ms")]), 1, "also one that is ignored");
    assert_eq!(removed(&mut proxy, &[("baggage", &baggage)]), 0, "baggage goes on");
    assert_eq!(removed(&mut proxy, &[]), 0);
    let mut proxy = self::proxy(json!({"forward": true}));
    assert_eq!(removed(&mut proxy, &by_header(&good)), 0);
}

#[test]
fn with_marks_as_headers_a_request_is_read_before_its_header_is_stripped() {
    let configuration = configuration(json!({}), inline(), |mission| mission["mark"] = json!("headers"));
    let mut proxy = Proxy::new(&configuration);
    let good = minted(&proxy, "delay=100ms");
    assert_eq!(ask(&mut proxy, &by_header(&good)), Action::Pause);
    assert_eq!(
        ask(&mut proxy, &[("x-chaos-fault", "abort"), ("x-chaos-scenario", "other")]),
        Action::Continue
    );
    assert_eq!(spared(&proxy, "unsigned"), 0, "a mark of another proxy is no request");
}

/// Protection has looked at all headers already; without it, two are asked for that are not there.
#[test]
fn a_request_that_asks_for_nothing_costs_at_most_two_absent_headers() {
    let cost = |fault: Value, allow_protected: bool| {
        let scope = json!({"allow_protected": allow_protected});
        let scenario = json!({"name": "asked", "scope": scope, "faults": [fault]});
        let mut configuration: Value = serde_json::from_str(&plugin("m", &[scenario], |_| {})).unwrap();
        configuration["caller_keys"] = json!([inline()]);
        let mut proxy = Proxy::new(&configuration.to_string());
        ask(&mut proxy, &[]);
        let before = proxy.vm.counts();
        ask(&mut proxy, &[]);
        proxy.vm.counts().since(&before).host_call("proxy_get_header_map_value")
    };
    for (allow_protected, more) in [(false, 0), (true, 2)] {
        let other = cost(json!({"delay": {"fixed": "1ms"}}), allow_protected);
        assert_eq!(cost(json!({"requested": {}}), allow_protected), other + more);
    }
}
