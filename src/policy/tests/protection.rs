//! Promise P7: health checks, probes and the control plane are never faulted unless a scenario says
//! `allow_protected: true`.

mod request;

use request::{Request, plan, plugin};
use serde_json::{Value, json};
use squall_policy::{
    Code, Direction, Fact, Facts, Plan, Protector, Report, Seed, Spared, Verdict, load_plugin,
};

/// Faults every request that the scope leaves to it.
fn scenario(name: &str, scope: Value) -> Value {
    json!({"name": name, "scope": scope, "faults": [{"abort": {"status": 503}}]})
}

fn decide(plan: &Plan, mut request: Request) -> Verdict {
    plan.decide(&Seed::from_text("p7"), &mut request)
}

fn spared(plan: &Plan, request: Request) -> Option<Spared> {
    let verdict = decide(plan, request);
    assert_eq!(verdict.injection.is_none(), verdict.outcomes[0].spared.is_some());
    verdict.outcomes[0].spared
}

fn to(path: &str) -> Request {
    Request::new().and(Fact::Path, path)
}

fn by(agent: &str) -> Request {
    to("/users").header("user-agent", agent)
}

fn protected() -> Vec<Request> {
    let paths = [
        "/healthz",
        "/healthz?verbose=1",
        "/livez",
        "/readyz#x",
        "/healthz/ready",
        "/stats/prometheus?usedonly",
        "/grpc.health.v1.Health/Check",
        "/grpc.health.v1.Health/Watch",
    ];
    let agents = ["kube-probe/1.31", "kube-probe/", "GoogleHC/1.0", "Envoy/HC"];
    paths.map(to).into_iter().chain(agents.map(by)).collect()
}

fn unprotected() -> Vec<Request> {
    let paths = ["/", "/healthz/", "/Healthz", "/api/healthz", "/healthzz", "/livez/x", "/?a=/healthz"];
    let grpc = ["/grpc.health.v1.Health", "/grpc.health.v1.Healthy/Check", "/shop.Health/Check"];
    let agents = ["curl/8", "x kube-probe/1.31", "Kube-Probe/1.31", "kube-probe", "Envoy", ""];
    paths.into_iter().chain(grpc).map(to).chain(agents.map(by)).collect()
}

#[test]
fn p7_health_checks_and_probes_are_spared_by_every_kind_of_scenario() {
    for scope in [
        json!({}),
        json!({"match": [{"path": {"prefix": "/"}}]}),
        json!({"match": [{"path": {"exact": "/nowhere"}}, {"path": {"regex": "/.*"}}]}),
        json!({"sample": {"percent": 0.0001}}),
        json!({"sample": {"by": {"header": "x-user"}}}),
        json!({"allow_protected": false}),
        json!({"protect": [{"path": {"exact": "/admin"}}]}),
    ] {
        let plan = plan("first_match", &[scenario("all", scope.clone())]);
        for request in protected() {
            assert_eq!(spared(&plan, request.clone()), Some(Spared::Protected), "{scope} {request:?}");
        }
        for request in unprotected() {
            assert_ne!(spared(&plan, request.clone()), Some(Spared::Protected), "{scope} {request:?}");
        }
    }
}

#[test]
fn p7_only_the_scenario_that_allows_it_faults_them() {
    let scenarios = [scenario("careful", json!({})), scenario("probes", json!({"allow_protected": true}))];
    for composition in ["first_match", "independent"] {
        let plan = plan(composition, &scenarios);
        for request in protected() {
            let verdict = decide(&plan, request);
            assert_eq!(verdict.outcomes[0].spared, Some(Spared::Protected));
            assert_eq!(verdict.injection.and_then(|i| i.ending), Some((1, 0)));
        }
        assert_eq!(decide(&plan, to("/")).injection.and_then(|i| i.ending), Some((0, 0)));
    }
}

#[test]
fn own_rules_protect_beside_the_list_and_without_it() {
    let own = json!([{"path": {"prefix": "/admin"}}, {"headers": [{"name": "x-vip", "present": true}]}]);
    for allow in [false, true] {
        let scope = json!({"protect": own, "allow_protected": allow});
        let plan = plan("first_match", &[scenario("all", scope)]);
        assert_eq!(spared(&plan, to("/admin/users")), Some(Spared::Protected));
        assert_eq!(spared(&plan, to("/users").header("x-vip", "1")), Some(Spared::Protected));
        assert_eq!(spared(&plan, to("/users")), None);
        assert_eq!(spared(&plan, to("/healthz")), (!allow).then_some(Spared::Protected));
    }
}

#[test]
fn the_explanation_says_by_what() {
    let own = json!({"protect": [{"methods": ["PUT"]}, {"path": {"exact": "/admin"}}]});
    let plan = plan("first_match", &[scenario("all", own)]);
    for (request, wanted, told) in [
        (to("/livez?x"), Protector::Path("/livez"), "path /livez"),
        (by("Envoy/HC"), Protector::UserAgent("Envoy/HC"), "user-agent Envoy/HC"),
        (to("/admin"), Protector::Rule(1), "scope.protect[1]"),
    ] {
        let explained = plan.explain(&Seed::from_text("p7"), &mut request.clone()).remove(0);
        assert_eq!((explained.protected, wanted.to_string().as_str()), (Some(wanted), told));
        assert_eq!(explained.draw_ppm, None);
    }
    let explained = plan.explain(&Seed::from_text("p7"), &mut to("/users")).remove(0);
    assert_eq!(explained.protected, None);
}

/// The facts that were asked for, in order.
struct Asked(Request, Vec<Fact>);

impl Facts for Asked {
    fn fact(&mut self, fact: &Fact) -> Option<&[u8]> {
        self.1.push(fact.clone());
        self.0.fact(fact)
    }

    fn direction(&mut self) -> Direction {
        self.0.direction()
    }
}

#[test]
fn only_a_matched_request_is_asked_for_what_protects_it_and_for_no_more_than_needed() {
    let agent = Fact::Header("user-agent".to_owned());
    let asked = |scope: Value, request: Request| {
        let mut asked = Asked(request, Vec::new());
        plan("first_match", &[scenario("s", scope)]).decide(&Seed::from_text("p7"), &mut asked);
        asked.1
    };
    let by_method = json!({"match": [{"methods": ["PUT"]}]});
    let put = || Request::new().and(Fact::Method, "PUT");
    assert_eq!(asked(by_method.clone(), Request::new().and(Fact::Method, "GET")), [Fact::Method]);
    assert_eq!(asked(by_method.clone(), put()), [Fact::Method, Fact::Path, agent]);
    assert_eq!(asked(by_method.clone(), put().and(Fact::Path, "/livez")), [Fact::Method, Fact::Path]);
    let mut allowed = by_method;
    allowed["allow_protected"] = json!(true);
    assert_eq!(asked(allowed, put()), [Fact::Method]);
}

#[test]
fn a_protected_request_is_no_control() {
    let all = [
        Spared::NotSampled,
        Spared::NoSampleHeader,
        Spared::NoFaultDrawn,
        Spared::Preempted,
        Spared::Protected,
    ];
    assert_eq!(all.map(Spared::is_control), [true, true, true, true, false]);
}

/// The findings about a scope, as `code path`.
fn findings(scope: Value) -> Vec<String> {
    let text = plugin("first_match", &[scenario("a", scope)]).to_string();
    let mut report = Report::default();
    assert!(load_plugin(text.as_bytes(), None, &mut report).is_some(), "a suspicion refuses nothing");
    report.findings.iter().map(|d| format!("{} {}", d.code.slug(), d.path)).collect()
}

#[test]
fn a_scenario_for_protected_requests_alone_is_suspicious() {
    let health_checks = [
        json!({"path": {"exact": "/healthz"}}),
        json!({"path": {"exact": "/stats/prometheus"}, "methods": ["GET"]}),
        json!({"path": {"prefix": "/grpc.health.v1.Health/"}}),
        json!({"path": {"template": "/grpc.health.v1.Health/{method}"}}),
        json!({"headers": [{"name": "user-agent", "prefix": "kube-probe/1."}]}),
        json!({"headers": [{"name": "user-agent", "exact": "Envoy/HC"}], "route": "r"}),
    ];
    let wanted = [format!("{} catalog.scenarios[0].scope.match", Code::OnlyProtected.slug())];
    for rule in &health_checks {
        assert_eq!(findings(json!({"match": [rule]})), wanted, "{rule}");
        assert!(findings(json!({"match": [rule], "allow_protected": true})).is_empty(), "{rule}");
        assert!(findings(json!({"match": [rule, {"path": {"exact": "/"}}]})).is_empty(), "{rule}");
    }
    assert_eq!(findings(json!({ "match": health_checks })), wanted);
    for rule in [
        json!({"path": {"prefix": "/healthz"}}),
        json!({"path": {"regex": "/healthz"}}),
        json!({"headers": [{"name": "user-agent", "prefix": "kube"}]}),
        json!({"headers": [{"name": "user-agent", "prefix": "kube-probe/", "invert": true}]}),
        json!({"headers": [{"name": "x-agent", "prefix": "kube-probe/"}]}),
    ] {
        assert!(findings(json!({"match": [rule]})).is_empty(), "{rule}");
    }
}
