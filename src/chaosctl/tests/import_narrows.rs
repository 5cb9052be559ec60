//! `import`: an import never hits more requests than what it comes from, and what takes a fault along is told.

mod run;

use run::run_with;
use std::collections::BTreeSet;

/// The catalog that comes of a text, and the codes of all findings.
fn imported(text: &str, format: &str) -> (String, BTreeSet<String>) {
    let ran = run_with(&["import", "--output", "json", "--from", format, "-"], text.as_bytes());
    let told: Vec<serde_json::Value> =
        serde_json::from_str(&ran.err).unwrap_or_else(|error| panic!("{error}: {}", ran.err));
    let codes = told.iter().filter_map(|finding| finding["code"].as_str().map(ToOwned::to_owned));
    (ran.out, codes.collect())
}

/// That nothing came of it, and a finding says why.
fn assert_lost(text: &str, format: &str, code: &str) {
    let (out, codes) = imported(text, format);
    assert!(out.is_empty() && codes.contains(code), "{text}\n{codes:?}\n{out}");
}

const FAULT: &str = "\"@type\": type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault, \
    abort: {http_status: 503, percentage: {numerator: 100}}";

/// A listener with a fault, and two virtual hosts; the first has a route with a configuration of its own.
fn listener(filter: &str, route: &str, own: &str) -> String {
    format!(
        "name: l\nfilter_chains:\n- filters:\n  - typed_config:\n      http_filters:\n      \
         - {{name: envoy.filters.http.fault, {filter}typed_config: {{{FAULT}}}}}\n      route_config:\n        virtual_hosts:\n        \
         - name: one\n          domains: [one]\n          routes:\n          - {{{route}match: {{prefix: /}}, route: {{cluster: a}}, \
         typed_per_filter_config: {{envoy.filters.http.fault: {{{own}}}}}}}\n        \
         - {{name: two, domains: [two], routes: [{{name: default, match: {{prefix: /}}, route: {{cluster: b}}}}]}}\n"
    )
}

const OFF: &str = "\"@type\": type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true";

#[test]
fn a_fault_that_envoy_has_switched_off_stays_off() {
    let (out, codes) = imported(&listener("disabled: true, ", "name: default, ", FAULT), "envoy");
    assert_eq!(out.matches("- name:").count(), 1, "{out}");
    assert!(out.contains("route: default") && codes.contains("never-fires"), "{codes:?}{out}");
    let off = format!("{OFF}, config: {{{FAULT}}}");
    let (out, codes) = imported(&listener("", "name: default, ", &off), "envoy");
    assert_eq!(out.matches("- name:").count(), 1, "{out}");
    assert!(out.contains("protect:\n    - virtual_host: one\n      route: default\n"), "{out}");
    assert!(codes.contains("never-fires"), "{codes:?}");
    assert_lost(&format!("{{name: a, disabled: true, typed_config: {{{FAULT}}}}}"), "envoy", "never-fires");
    let alone =
        "{name: a, disabled: true, typed_config: {abort: {http_status: 503, percentage: {numerator: 100}}}}";
    assert_lost(alone, "envoy", "never-fires");
}

#[test]
fn a_wider_fault_of_envoy_spares_where_the_filter_is_off_or_another_one() {
    for own in [OFF, FAULT] {
        let (out, _) = imported(&listener("", "name: default, ", own), "envoy");
        assert!(out.contains("protect:\n    - virtual_host: one\n      route: default\n"), "{out}");
        // A route without a name: all of its virtual host is spared.
        let (out, _) = imported(&listener("", "", own), "envoy");
        assert_eq!(out.matches("- name:").count(), 1, "{out}");
        assert!(out.contains("protect:\n    - virtual_host: one\n") && !out.contains("route:"), "{out}");
        let nameless = listener("", "", own).replace("name: one\n", "include_request_attempt_count: true\n");
        assert_lost(&nameless, "envoy", "condition-lost");
    }
    // Of a whole route configuration, which a rule cannot name.
    let whole = listener("", "name: default, ", OFF).replace(
        "virtual_hosts:\n",
        &format!(
            "typed_per_filter_config: {{envoy.filters.http.fault: {{{OFF}}}}}\n        virtual_hosts:\n"
        ),
    );
    assert_lost(&whole, "envoy", "condition-lost");
    // Of another filter, it changes nothing.
    let other = listener("", "name: default, ", OFF)
        .replace("{envoy.filters.http.fault:", "{envoy.filters.http.cors:");
    assert!(!imported(&other, "envoy").0.contains("protect"), "{other}");
}

#[test]
fn a_route_of_envoy_is_told_by_its_virtual_host_too() {
    let (out, _) = imported(&listener("disabled: true, ", "name: default, ", FAULT), "envoy");
    assert!(out.contains("match:\n    - virtual_host: one\n      route: default\n"), "{out}");
}

/// A VirtualService with one fault, by its match.
fn matched(matches: &str) -> String {
    format!(
        "kind: VirtualService\nspec:\n  hosts: [a]\n  http:\n  - match: {matches}\n    \
         fault: {{abort: {{percentage: {{value: 5}}, httpStatus: 500}}}}\n    route: [{{destination: {{host: a}}}}]\n"
    )
}

fn fault_with(headers: &str) -> String {
    format!("{{abort: {{http_status: 503, percentage: {{numerator: 1}}}}, {headers}}}")
}

#[test]
fn a_second_condition_on_one_part_never_takes_the_place_of_the_first() {
    for (first, second) in [
        ("':path', string_match: {prefix: /a}", "':path', string_match: {safe_regex: {regex: '/.*'}}"),
        ("':authority', string_match: {prefix: a}", "host, string_match: {prefix: b}"),
    ] {
        assert_lost(
            &fault_with(&format!("headers: [{{name: {first}}}, {{name: {second}}}]")),
            "envoy",
            "condition-lost",
        );
        let same = fault_with(&format!("headers: [{{name: {first}}}, {{name: {first}}}]"));
        assert!(imported(&same, "envoy").0.contains("prefix: "), "{same}");
    }
    let methods = |second: &str| {
        fault_with(&format!(
            "headers: [{{name: ':method', string_match: {{safe_regex: {{regex: 'GET|PUT'}}}}}}, \
             {{name: ':method', string_match: {second}}}]"
        ))
    };
    let (out, _) = imported(&methods("{exact: PUT}"), "envoy");
    assert!(out.contains("methods:\n      - PUT\n") && !out.contains("GET"), "{out}");
    assert_lost(&methods("{exact: POST}"), "envoy", "never-fires");
    assert_lost(
        &matched("[{uri: {prefix: /a}, headers: {':path': {regex: '.*x'}}}]"),
        "istio",
        "condition-lost",
    );
    let short = "{name: a, trigger: GET /a, scope: {path: '/*'}, abort_chance: 0.5}";
    assert_lost(short, "minimal", "condition-lost");
}

#[test]
fn a_condition_that_cannot_be_read_takes_the_fault_along() {
    for matches in [
        "[{uri: {suffix: /a}}]",
        "[{uri: {prefix: /, suffix: /a}}]",
        "[{uri: {prefix: /a}, headerz: {x: {exact: y}}}]",
        "[{uri: {prefix: /a}, headers: [x]}]",
        "[{uri: {prefix: /a}, queryParams: z}]",
        "[{uri: {prefix: /a}, headers: {x: {contains: y}}}]",
        "[{uri: {prefix: /a}, ignoreUriCase: 'no'}]",
    ] {
        assert_lost(&matched(matches), "istio", "condition-lost");
    }
    assert_lost(&matched("[{uri: {prefix: /a}}]").replace("match:", "matches:"), "istio", "condition-lost");
    assert_lost(
        &matched("[{uri: {prefix: /a}}]").replace("{host: a}", "{host: a, subest: v2}"),
        "istio",
        "condition-lost",
    );
    let slip = "{abort: {http_status: 503, percentage: {numerator: 5, denominater: MILLION}}}";
    assert_lost(slip, "envoy", "condition-lost");
    assert_lost("{name: a, triger: GET /x, abort_chance: 0.5}", "minimal", "condition-lost");
    let toxic = |more: &str| {
        format!(
            "[{{name: db, listen: 'a:1', upstream: 'b:2', toxics: [{{type: latency, attributes: {{latency: 9}}, {more}}}]}}]"
        )
    };
    assert_lost(&toxic("toxicty: 0.01"), "toxiproxy", "condition-lost");
    assert_lost(&toxic("stream: 5"), "toxiproxy", "bad-value");
    for condition in [
        "upstream_cluster: 5",
        "downstream_nodes: [7]",
        "downstream_nodes: a",
        "headers: {name: x, exact_match: y}",
        "header: [{name: x, exact_match: y}]",
        "headers: [{name: x, exact_match: y, suffix: z}]",
        "headers: [{name: x, exact_match: y, invert_match: 'yes'}]",
        "headers: [{name: x, string_match: {prefix: y, suffix: z}}]",
        "headers: [{name: x, string_match: {prefix: y, sufix: z}}]",
    ] {
        assert_lost(&fault_with(condition), "envoy", "condition-lost");
    }
    for (spec, code) in [
        ("target: Request, selector: {labelSelector: {app: web}}", "condition-lost"),
        ("target: Request, prot: 80", "condition-lost"),
        ("target: Request, request_headers: [1]", "condition-lost"),
        ("path: /a", "bad-value"),
    ] {
        let text =
            format!("{{kind: HTTPChaos, metadata: {{name: a}}, spec: {{mode: all, abort: true, {spec}}}}}");
        assert_lost(&text, "chaos-mesh", code);
    }
    for trigger in ["{path: /a, headers: x}", "{path: /a, methods: [GET, 5]}"] {
        assert_lost(
            &format!("{{name: a, trigger: {trigger}, abort_chance: 0.5}}"),
            "minimal",
            "condition-lost",
        );
    }
}

#[test]
fn what_an_earlier_route_takes_is_spared_however_its_host_is_written() {
    let text = "kind: VirtualService\nmetadata: {name: r, namespace: shop}\nspec:\n  hosts: [reviews]\n  http:\n  \
        - {match: [{uri: {prefix: /safe}}], route: [{destination: {host: reviews.shop.svc.cluster.local}}]}\n  \
        - {fault: {abort: {percentage: {value: 5}, httpStatus: 500}}, route: [{destination: {host: reviews}}]}\n";
    let (out, _) = imported(text, "istio");
    assert!(out.contains("protect:\n    - path:\n        prefix: /safe\n"), "{out}");
    let other = text.replace("reviews.shop.svc", "ratings.shop.svc");
    assert!(!imported(&other, "istio").0.contains("protect"));
    assert_lost(&other.replace("[{uri: {prefix: /safe}}]", "[]"), "istio", "never-fires");
}

#[test]
fn hosts_hold_beside_an_authority_and_an_empty_match_is_every_request() {
    let hosts = |authority: &str| {
        matched(&format!("[{{authority: {authority}}}]"))
            .replace("hosts: [a]", "hosts: [shop.example, '*.b.example']")
    };
    assert_lost(&hosts("{regex: '.*'}"), "istio", "condition-lost");
    assert_lost(&hosts("{exact: b.example}"), "istio", "condition-lost");
    for name in ["shop.example", "x.b.example", "shop.example:8080"] {
        let (out, _) = imported(&hosts(&format!("{{exact: {name}}}")), "istio");
        assert!(out.replace('"', "").contains(&format!("authority:\n        exact: {name}\n")), "{out}");
    }
    let (out, codes) = imported(&matched("[]"), "istio");
    assert!(out.contains("- name: imported\n") && !out.contains("match:"), "{codes:?}{out}");
    assert_lost(&matched("x"), "istio", "bad-value");
}

#[test]
fn a_bound_that_two_scenarios_share_is_not_widened() {
    let both = |most: u32| {
        format!(
            "{{abort: {{http_status: 503, percentage: {{numerator: 30}}}}, \
             delay: {{header_delay: {{}}, percentage: {{numerator: 100}}}}, max_active_faults: {most}}}"
        )
    };
    let (out, codes) = imported(&both(5), "envoy");
    let bounds: Vec<&str> =
        out.lines().filter(|line| line.contains("max_concurrent")).map(str::trim).collect();
    assert_eq!(bounds, ["max_concurrent: 3", "max_concurrent: 2"], "{out}");
    assert!(codes.contains("changed"), "{codes:?}");
    let (out, codes) = imported(&both(1), "envoy");
    assert!(out.matches("- name:").count() == 1 && out.contains("max_concurrent: 1\n"), "{out}");
    assert!(codes.contains("no-counterpart"), "{codes:?}");
}

#[test]
fn a_share_of_more_than_all_is_told() {
    for (text, format) in [
        (matched("[{uri: {prefix: /a}}]").replace("value: 5", "value: 250"), "istio"),
        ("{abort: {http_status: 503, percentage: {numerator: 300}}}".to_owned(), "envoy"),
    ] {
        let ran = run_with(&["import", "--from", format, "-"], text.as_bytes());
        assert!(
            ran.err.contains("% is more than all") && !ran.out.contains("percent: "),
            "{}{}",
            ran.err,
            ran.out
        );
    }
}

#[test]
fn a_long_list_of_routes_is_bounded_and_told() {
    let mut text = "kind: VirtualService\nmetadata: {name: r}\nspec:\n  hosts: [r]\n  http:\n".to_owned();
    for number in 0..400 {
        text += &format!(
            "  - {{match: [{{uri: {{prefix: /z{number}/}}}}], fault: {{abort: {{httpStatus: 503, percentage: {{value: 1}}}}}}, \
             route: [{{destination: {{host: r}}}}]}}\n"
        );
    }
    let ran = run_with(&["import", "-"], text.as_bytes());
    assert_eq!(ran.out.matches("- name:").count(), 201, "{}", ran.err);
    assert_eq!(ran.err.matches("lost[condition-lost]: more than 200 rules").count(), 199);
    let many: String = (0..201).map(|number| format!("{{uri: {{exact: /{number}}}}},")).collect();
    assert_lost(&matched(&format!("[{many}]")), "istio", "condition-lost");
}

#[test]
fn findings_are_told_before_a_mission_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("m.yaml").display().to_string();
    let text = "scenarios:\n- {name: a, abort_chance: 0.5, scope: {path: /a}, odd: 1}\n\
        mission: {scenario: zzz, duration: 5m, namespace: Foo_Bar}\n";
    let ran = run_with(&["import", "--from", "minimal", "--mission-out", &path, "-"], text.as_bytes());
    assert_eq!(ran.code, 2, "{}", ran.err);
    let [told, refused] =
        ["`odd` is no key", "what came of it is refused"].map(|words| ran.err.find(words).expect(&ran.err));
    assert!(told < refused, "{}", ran.err);
}
