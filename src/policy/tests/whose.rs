//! Whose proxy a scenario is for, which upstream is called, and who calls.

mod request;

use request::{Request, plan, plugin};
use serde_json::{Value, json};
use squall_policy::{Fact, Loaded, Proxy, Report, Seed, load_plugin, load_plugin_on};

/// A node with what the test gives it.
#[derive(Default)]
struct Node {
    service: Option<&'static str>,
    labels: Vec<(&'static str, &'static str)>,
    /// What was asked for.
    asked: Vec<String>,
}

impl Proxy for Node {
    fn namespace(&mut self) -> Option<String> {
        Some("shop".to_owned())
    }

    fn service(&mut self) -> Option<String> {
        self.asked.push("service".to_owned());
        self.service.map(str::to_owned)
    }

    fn label(&mut self, name: &str) -> Option<String> {
        self.asked.push(name.to_owned());
        self.labels.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    }
}

fn scenario(name: &str, scope: Value) -> Value {
    json!({"name": name, "scope": scope, "faults": [{"abort": {"status": 503}}]})
}

fn load_on(node: &mut Node, configuration: &Value) -> Loaded {
    let mut report = Report::default();
    let loaded = load_plugin_on(configuration.to_string().as_bytes(), node, 0, &mut report);
    loaded.unwrap_or_else(|| panic!("{:?}", report.findings))
}

/// The reason why a scope is for another proxy.
fn dormant(node: &mut Node, scope: Value, identity: Value) -> Option<String> {
    let mut configuration = plugin("first_match", &[scenario("a", scope)]);
    configuration["identity"] = identity;
    let plan = load_on(node, &configuration).plan.expect("a mission");
    let faulted = plan.decide(&Seed::from_text("w"), &mut Request::new()).injection.is_some();
    assert_eq!((plan.is_dormant(), plan.dormant().len()), (!faulted, usize::from(!faulted)));
    plan.dormant().first().map(|d| d.because.clone())
}

#[test]
fn a_scenario_is_for_the_proxies_of_its_service() {
    let scope = || json!({"service": "users"});
    let node = |service| Node { service, ..Node::default() };
    let none = || json!({});
    assert_eq!(dormant(&mut node(Some("users")), scope(), none()), None);
    let because = dormant(&mut node(Some("users-v1")), scope(), none()).expect("dormant");
    assert_eq!(because, "service is \"users-v1\" here, not \"users\"");
    let because = dormant(&mut node(None), scope(), none()).expect("dormant");
    assert_eq!(because, "service is not known here, and has to be \"users\"");
    // The configuration's identity has the last word.
    assert_eq!(dormant(&mut node(Some("orders")), scope(), json!({"service": "users"})), None);
    assert!(dormant(&mut node(Some("users")), scope(), json!({"service": "orders"})).is_some());
}

#[test]
fn all_labels_have_to_be_the_workloads() {
    let scope = || json!({"labels": {"app": "users", "app.kubernetes.io/version": "2"}});
    let node = |labels| Node { labels, ..Node::default() };
    let both = vec![("app", "users"), ("app.kubernetes.io/version", "2"), ("tier", "gold")];
    assert_eq!(dormant(&mut node(both), scope(), json!({})), None);
    let because = dormant(&mut node(vec![("app", "users")]), scope(), json!({})).expect("dormant");
    assert_eq!(because, "label app.kubernetes.io/version is not known here, and has to be \"2\"");
    let identity = json!({"labels": {"app.kubernetes.io/version": "2"}});
    assert_eq!(dormant(&mut node(vec![("app", "users")]), scope(), identity.clone()), None);
    let other = node(vec![("app", "orders"), ("app.kubernetes.io/version", "2")]);
    assert!(dormant(&mut { other }, scope(), identity).is_some());
}

#[test]
fn a_node_is_asked_only_for_what_some_scenario_of_the_mission_wants_to_know() {
    let mut node = Node::default();
    load_on(&mut node, &plugin("first_match", &[scenario("a", json!({})), scenario("b", json!({}))]));
    assert!(node.asked.is_empty());
    let scope = json!({"service": "users", "labels": {"app": "users"}});
    let mut configuration = plugin("first_match", &[scenario("a", json!({})), scenario("b", scope)]);
    load_on(&mut node, &configuration);
    assert_eq!(node.asked, ["service"]);
    configuration["mission"]["scenarios"] = json!(["a"]);
    node.asked.clear();
    load_on(&mut node, &configuration);
    assert!(node.asked.is_empty());
}

#[test]
fn the_others_keep_their_draws_and_their_order() {
    let sampled = |name: &str, scope: Value| {
        let mut scope = scope;
        scope["sample"] = json!({"percent": 50});
        scenario(name, scope)
    };
    let scenarios = [
        sampled("a", json!({})),
        sampled("elsewhere", json!({"service": "orders"})),
        sampled("b", json!({})),
    ];
    let mut node = Node { service: Some("users"), ..Node::default() };
    let here = load_on(&mut node, &plugin("first_match", &scenarios)).plan.expect("a mission");
    let names: Vec<&str> = here.scenarios().iter().map(|s| s.name.as_str()).collect();
    assert_eq!((names, here.union_ppm()), (vec!["a", "b"], 750_000));
    let without = plan("first_match", &[scenarios[0].clone(), scenarios[2].clone()]);
    let seed = Seed::from_text("w");
    for id in 0..1000 {
        let mut request = Request::with_id(&id.to_string());
        assert_eq!(here.decide(&seed, &mut request), without.decide(&seed, &mut request));
    }
    // Read without a proxy, all of them take part.
    let text = plugin("first_match", &scenarios).to_string();
    let all =
        load_plugin(text.as_bytes(), None, &mut Report::default()).and_then(|l| l.plan).expect("a plan");
    assert_eq!((all.scenarios().len(), all.dormant().len()), (3, 0));
}

fn matches(scope: Value, request: &Request) -> bool {
    let plan = plan("first_match", &[scenario("a", scope.clone())]);
    let seed = Seed::from_text("w");
    let decided = !plan.decide(&seed, &mut request.clone()).outcomes.is_empty();
    let explained = plan.explain(&seed, &mut request.clone()).remove(0);
    assert_eq!(explained.mismatches.is_empty(), decided, "{scope} {request:?}");
    decided
}

#[test]
fn a_dependency_is_a_cluster_or_the_host_of_one_of_istios() {
    let scope = || json!({"dependency": "profile-db.shop"});
    let cluster = |name: &str| Request::new().and(Fact::Cluster, name).and(Fact::Path, "/users");
    for name in [
        "profile-db.shop",
        "outbound|5432||profile-db.shop.svc.cluster.local",
        "outbound|5432|v2|profile-db.shop.svc.cluster.local",
        "outbound|5432||profile-db.shop",
    ] {
        assert!(matches(scope(), &cluster(name)), "{name}");
    }
    for name in [
        "profile-db.shopping",
        "profile-db.shop.svc.cluster.local",
        "outbound|5432||profile-db.shopping.svc.cluster.local",
        "outbound|5432||x.profile-db.shop.svc.cluster.local",
        "outbound|5432|profile-db.shop|x",
        "outbound|profile-db.shop",
        "inbound|5432||profile-db.shop.svc.cluster.local",
        "",
    ] {
        assert!(!matches(scope(), &cluster(name)), "{name}");
    }
    assert!(!matches(scope(), &Request::new()));
    let whole = json!({"dependency": "outbound|80||a.b"});
    assert!(matches(whole, &cluster("outbound|80||a.b")));
    // It holds beside the rules, whichever of them matches.
    let rules = json!({"dependency": "db", "match": [{"path": {"exact": "/users"}}, {"methods": ["PUT"]}]});
    assert!(matches(rules.clone(), &cluster("db")));
    assert!(!matches(rules.clone(), &cluster("db2")));
    assert!(!matches(rules, &Request::new().and(Fact::Cluster, "db").and(Fact::Path, "/")));
}

#[test]
fn a_source_is_told_by_its_certificate() {
    let by = |principal: &str| Request::new().and(Fact::Principal, principal);
    let web = "spiffe://cluster.local/ns/shop/sa/web";
    for test in [json!({"exact": web}), json!({"suffix": "/sa/web"}), json!({"regex": "spiffe://.*/web"})] {
        let scope = json!({"source": {"principal": test}});
        assert!(matches(scope.clone(), &by(web)));
        assert!(!matches(scope.clone(), &by("spiffe://cluster.local/ns/shop/sa/webby")));
        assert!(!matches(scope.clone(), &by("SPIFFE://cluster.local/ns/shop/sa/WEB")));
        assert!(!matches(scope, &Request::new()));
    }
}

#[test]
fn the_explanation_names_what_fails() {
    let scope = json!({"dependency": "db", "source": {"principal": {"exact": "a"}}, "match": [{"path": {"exact": "/"}}]});
    let plan = plan("first_match", &[scenario("a", scope)]);
    let told = |request: Request| -> Vec<String> {
        let explained = plan.explain(&Seed::from_text("w"), &mut request.clone()).remove(0);
        explained.mismatches.iter().map(ToString::to_string).collect()
    };
    let none = "dependency does not match: the request has none";
    assert_eq!(told(Request::new().and(Fact::Path, "/x")), ["path does not match \"/x\"", none]);
    let called = Request::new().and(Fact::Path, "/").and(Fact::Cluster, "db").and(Fact::Principal, "b");
    assert_eq!(told(called), ["source.principal does not match \"b\""]);
}
