//! The files that a user starts from are what the commands print, and keep the rules of those who read them.

mod run;

use run::{assert_file, root, run};
use serde_json::Value;
use squall_policy::{Report, load_plugin};

const ENVOY: [&str; 4] = ["--catalog", "envoy/catalog.yaml", "--mission", "envoy/mission.yaml"];
const ISTIO: [&str; 4] = ["--catalog", "istio/catalog.yaml", "--mission", "istio/mission.yaml"];

/// Files in `istio/` and the arguments that print them.
const ISTIO_FILES: [(&str, &[&str]); 4] = [
    ("wasmplugin-workload.yaml", &["--scope", "workload", "--selector", "app=user-service"]),
    ("wasmplugin-namespace.yaml", &["--scope", "namespace"]),
    ("wasmplugin-mesh.yaml", &["--scope", "mesh"]),
    ("trafficextension-workload.yaml", &["--kind", "traffic-extension", "--selector", "app=user-service"]),
];

fn render(what: &str, arguments: &[&str]) -> String {
    let ran = run(&[&["render", what], arguments].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
    ran.out
}

fn render_json(what: &str, arguments: &[&str]) -> Value {
    serde_json::from_str(&render(what, &[arguments, &["--output", "json"]].concat())).expect("JSON")
}

/// What the filter would find wrong with a configuration.
fn refusals(plugin: &str) -> Vec<String> {
    let mut report = Report::default();
    load_plugin(plugin.as_bytes(), None, &mut report);
    report.findings.iter().map(ToString::to_string).collect()
}

#[test]
fn the_envoy_configuration_in_the_repository() {
    let command = format!("chaosctl render envoy {}", ENVOY.join(" "));
    assert_file(
        &root().join("envoy/envoy.yaml"),
        &render("envoy", &ENVOY),
        &format!("{command} > envoy/envoy.yaml"),
    );
}

#[test]
fn the_control_listener_in_the_repository() {
    let arguments = ["--catalog", "envoy/catalog.yaml", "--control", "127.0.0.1:9902"];
    let command = format!("chaosctl render envoy {}", arguments.join(" "));
    assert_file(
        &root().join("envoy/control.yaml"),
        &render("envoy", &arguments),
        &format!("{command} > envoy/control.yaml"),
    );
}

/// The plugin configurations of the two listeners, and their modules.
#[test]
fn a_control_listener_knows_what_its_filter_knows_and_shares_its_data() {
    let more = [
        "--control",
        "[::1]:7001",
        "--control-host",
        "squall.shop.svc",
        "--control-module",
        "/opt/control.wasm",
    ];
    let who = ["--namespace", "default", "--service", "shop"];
    let bootstrap = render_json("envoy", &[&ENVOY[..], &who, &more].concat());
    let listeners = bootstrap["static_resources"]["listeners"].as_array().expect("a list");
    assert_eq!(listeners.len(), 2);
    let address = &listeners[1]["address"]["socket_address"];
    assert_eq!((&address["address"], &address["port_value"]), (&"::1".into(), &7001.into()));
    let wasm = |listener: &Value| {
        let filter = &listener["filter_chains"][0]["filters"][0]["typed_config"]["http_filters"][0];
        let config = filter["typed_config"]["config"].clone();
        let text = config["configuration"]["value"].as_str().expect("text").to_owned();
        (config, text)
    };
    let ((filter, knows), (control, shown)) = (wasm(&listeners[0]), wasm(&listeners[1]));
    assert_eq!(control["vm_config"]["vm_id"], filter["vm_config"]["vm_id"]);
    assert_eq!(control["vm_config"]["code"]["local"]["filename"], "/opt/control.wasm");
    assert_eq!(
        (&control["failure_policy"], &control["allow_on_headers_stop_iteration"]),
        (&"FAIL_OPEN".into(), &true.into())
    );
    assert_eq!(refusals(&shown), [""; 0], "{shown}");
    let (mut expected, shown): (Value, Value) =
        (serde_json::from_str(&knows).expect("JSON"), serde_json::from_str(&shown).expect("JSON"));
    expected["role"] = "control".into();
    expected["control_hosts"] = serde_json::json!(["squall.shop.svc"]);
    expected.as_object_mut().expect("an object").remove("mission");
    assert_eq!(shown, expected);
    assert_eq!(
        render_json("envoy", &ENVOY)["static_resources"]["listeners"].as_array().map(Vec::len),
        Some(1)
    );
}

#[test]
fn the_istio_files_in_the_repository() {
    for (file, arguments) in ISTIO_FILES {
        let arguments = [&ISTIO[..], arguments].concat();
        let command = format!("chaosctl render istio {} > istio/{file}", arguments.join(" "));
        assert_file(&root().join("istio").join(file), &render("istio", &arguments), &command);
    }
    for (file, arguments) in [("stat-tags-pods.yaml", &[][..]), ("stat-tags-mesh.yaml", &["--mesh"])] {
        let command = format!("chaosctl render stat-tags {} > istio/{file}", arguments.join(" "));
        assert_file(&root().join("istio").join(file), &render("stat-tags", arguments), &command);
    }
}

#[test]
fn the_plugin_configuration_loads_into_the_filter() {
    for arguments in [&ENVOY[..], &[&ENVOY[..], &["--compact", "--only-used"]].concat(), &ENVOY[..2]] {
        let plugin = render("plugin", arguments);
        assert_eq!(refusals(&plugin), [""; 0], "{plugin}");
    }
    let who = render("plugin", &[&ENVOY[..], &["--namespace", "default", "--service", "shop"]].concat());
    let who: Value = serde_json::from_str(&who).expect("JSON");
    assert_eq!(who["identity"], serde_json::json!({"namespace": "default", "service": "shop"}));
    assert_eq!(render("plugin", &[&ENVOY[..], &["--compact"]].concat()).lines().count(), 1);
}

#[test]
fn only_the_used_scenarios_are_carried_when_asked() {
    let folder = tempfile::tempdir().expect("a folder");
    let mission = folder.path().join("m.json");
    std::fs::write(
        &mission,
        r#"{"version":1,"id":"m","namespace":"n","scenarios":["failing-checkout"],"duration":"1m"}"#,
    )
    .expect("written");
    let mission = mission.display().to_string();
    let names = |more: &[&str]| -> Vec<String> {
        let plugin = render_json(
            "plugin",
            &[&["--catalog", "envoy/catalog.yaml", "--mission", &mission], more].concat(),
        );
        let scenarios = plugin["catalog"]["scenarios"].as_array().expect("a list").clone();
        scenarios.iter().map(|s| s["name"].as_str().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(names(&[]), ["slow-profiles", "failing-checkout"]);
    assert_eq!(names(&["--only-used"]), ["failing-checkout"]);
}

#[test]
fn what_the_filter_would_refuse_is_not_rendered() {
    let bad = ["--catalog", "src/chaosctl/tests/bad/catalog.yaml"];
    let mixed = ["--catalog", "envoy/catalog.yaml", "--mission", "istio/mission.yaml"];
    let elsewhere = [&ENVOY[..], &["--namespace", "elsewhere"]].concat();
    for (what, arguments, wanted) in [
        ("plugin", &bad[..], "error[unknown-key]"),
        ("envoy", &bad[..], "error[unknown-key]"),
        ("plugin", &mixed[..], "error[unknown-scenario]"),
        ("plugin", &elsewhere[..], "error[wrong-namespace]"),
        ("istio", &[&elsewhere[..], &["--scope", "namespace"]].concat(), "error[wrong-namespace]"),
    ] {
        let ran = run(&[&["render", what], arguments].concat());
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{what} {arguments:?}");
        assert!(ran.err.contains(wanted), "{}", ran.err);
    }
}

#[test]
fn the_envoy_configuration_follows_its_options() {
    let more = [
        "--listen",
        "[::1]:8000",
        "--admin",
        "127.0.0.1:7000",
        "--module",
        "/opt/squall.wasm",
        "--direction",
        "outbound",
        "--upstream",
        "10.0.0.1:80",
        "--upstream",
        "profile-db=db.local:5433",
    ];
    let all = render_json("envoy", &[&ENVOY[..], &more].concat());
    let listener = &all["static_resources"]["listeners"][0];
    assert_eq!(listener["traffic_direction"], "OUTBOUND");
    assert_eq!(
        listener["address"]["socket_address"],
        serde_json::json!({"address": "::1", "port_value": 8000})
    );
    let manager = &listener["filter_chains"][0]["filters"][0]["typed_config"];
    let wasm = &manager["http_filters"][0]["typed_config"]["config"];
    assert_eq!(wasm["failure_policy"], "FAIL_OPEN");
    assert_eq!(wasm["vm_config"]["vm_id"], "squall");
    assert_eq!(wasm["vm_config"]["code"]["local"]["filename"], "/opt/squall.wasm");
    assert_eq!(refusals(wasm["configuration"]["value"].as_str().expect("text")), [""; 0]);
    let hosts = manager["route_config"]["virtual_hosts"].as_array().expect("a list");
    assert_eq!(hosts[0]["domains"], serde_json::json!(["*"]));
    assert_eq!(hosts[1]["domains"], serde_json::json!(["profile-db", "profile-db:*"]));
    let kinds: Vec<_> =
        all["static_resources"]["clusters"].as_array().expect("a list").iter().map(|c| &c["type"]).collect();
    assert_eq!(kinds, ["STATIC", "STRICT_DNS"]);
    for bad in ["nonsense", "a:0", "a:70000", "=a:1", "default=a:1", "a b:1"] {
        let ran = run(&[&["render", "envoy"], &ENVOY[..], &["--upstream", bad]].concat());
        assert_eq!(ran.code, 2, "{bad}");
    }
}

/// The rules of the resource definitions (extensions.istio.io/v1alpha1) for what is written here.
fn check_resource(resource: &Value) {
    assert_eq!(resource["apiVersion"], "extensions.istio.io/v1alpha1");
    let spec = resource["spec"].as_object().expect("a spec");
    let outer: &[&str] = match resource["kind"].as_str() {
        Some("WasmPlugin") => {
            &["selector", "phase", "priority", "url", "sha256", "pluginName", "failStrategy", "pluginConfig"]
        }
        Some("TrafficExtension") => &["selector", "phase", "priority", "wasm"],
        other => panic!("{other:?}"),
    };
    assert!(spec.keys().all(|k| outer.contains(&k.as_str())), "{:?}", spec.keys());
    assert!(["AUTHN", "AUTHZ", "STATS"].contains(&spec["phase"].as_str().expect("a phase")));
    assert!(spec["priority"].as_i64().is_some_and(|p| i32::try_from(p).is_ok()), "int32, and always set");
    let wasm = if spec.contains_key("wasm") { &spec["wasm"] } else { &resource["spec"] };
    assert!(!wasm["url"].as_str().expect("a url").is_empty());
    assert_eq!(wasm["failStrategy"], "FAIL_OPEN");
    assert!((1..=256).contains(&wasm["pluginName"].as_str().expect("a name").len()));
    if let Some(sum) = wasm.get("sha256") {
        let sum = sum.as_str().expect("text");
        assert!(sum.len() == 64 && sum.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase()));
    }
    assert!(wasm["pluginConfig"].is_object());
    for (_, value) in spec.get("selector").and_then(|s| s["matchLabels"].as_object()).into_iter().flatten() {
        assert!(value.as_str().expect("text").len() <= 63);
    }
    // A Struct carries numbers as doubles: what must keep all of its digits is text.
    assert!(wasm["pluginConfig"]["mission"]["seed"].is_string());
    assert_eq!(refusals(&wasm["pluginConfig"].to_string()), [""; 0]);
}

#[test]
fn istio_resources_keep_the_rules_of_their_definitions() {
    let sum = "0123456789abcdef".repeat(4);
    for (_, arguments) in ISTIO_FILES {
        for more in
            [&[][..], &["--sha256", &sum, "--phase", "authn", "--priority", "-5", "--url", "file:///a.wasm"]]
        {
            check_resource(&render_json("istio", &[&ISTIO[..], arguments, more].concat()));
        }
    }
    let mesh = render_json("istio", &[&ISTIO[..], &["--scope", "mesh"]].concat());
    assert_eq!(mesh["metadata"]["namespace"], "istio-system");
    assert!(mesh["spec"].get("selector").is_none());
    let workload = render_json(
        "istio",
        &[&ISTIO[..], &["--selector", "app=a", "--selector", "example.com/tier=b"]].concat(),
    );
    assert_eq!(workload["metadata"]["namespace"], "shop");
    assert_eq!(
        workload["spec"]["selector"]["matchLabels"],
        serde_json::json!({"app": "a", "example.com/tier": "b"})
    );
}

#[test]
fn arguments_that_istio_would_refuse_are_refused_here() {
    let selector = ["--selector", "app=a"];
    for bad in [
        &[][..],
        &["--scope", "mesh", "--selector", "app=a"],
        &["--selector", "app"],
        &["--selector", "app=a b"],
        &["--selector", "app=a", "--selector", "app=b"],
        &[&selector[..], &["--sha256", "ABC"]].concat(),
        &[&selector[..], &["--url", "squall.wasm"]].concat(),
        &[&selector[..], &["--url", "oci://"]].concat(),
        &[&selector[..], &["--name", "Squall"]].concat(),
        &[&selector[..], &["--priority", "2147483648"]].concat(),
    ] {
        let ran = run(&[&["render", "istio"], &ISTIO[..], bad].concat());
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{bad:?}");
    }
}

#[test]
fn mesh_wide_missions_say_where_they_are_refused() {
    let ran = run(&[&["render", "istio"], &ISTIO[..], &["--scope", "mesh"]].concat());
    assert_eq!(ran.code, 0);
    assert!(ran.err.contains("namespace `shop`") && ran.err.contains("mission.refused"), "{}", ran.err);
}

#[test]
fn the_stat_tags_are_those_of_the_envoy_configuration() {
    let pods = render_json("stat-tags", &[]);
    let pods = pods["spec"]["template"]["metadata"]["annotations"]["sidecar.istio.io/extraStatTags"].clone();
    let mesh = render_json("stat-tags", &["--mesh"])["meshConfig"]["defaultConfig"]["extraStatTags"].clone();
    let mesh: Vec<&str> = mesh.as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    assert_eq!(pods.as_str().expect("text"), mesh.join(","));
    let envoy = render_json("envoy", &ENVOY);
    for (tag, rule) in mesh.iter().zip(envoy["stats_config"]["stats_tags"].as_array().expect("a list")) {
        assert_eq!(rule["regex"], format!("({tag}=\\.=(.*?);\\.;)"));
        assert_eq!(format!("chaos_{}", rule["tag_name"].as_str().expect("text")), *tag);
        let endings = mesh.iter().filter(|other| other.ends_with(tag)).count();
        assert_eq!(endings, 1, "{tag} is the end of another tag, and the expressions are not anchored");
    }
}
