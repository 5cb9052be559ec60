//! The page as a real Envoy with the control module serves it: under the module's own policy, with its own answers.

use serde_json::{Value, json};
use squall_envoy_tests::{
    Browser, Envoy, EnvoyConfig, HttpClient, HttpFilter, Listener, Page, Route, View, VirtualHost,
    control_wasm, request,
};
use tokio::task::JoinHandle;

use crate::pictures;

/// The configuration that filter and control listener share, without a mission.
fn plugin() -> Value {
    json!({
        "version": 1,
        "identity": {"namespace": "shop", "service": "user-service"},
        "catalog": {"version": 1, "scenarios": [{
            "name": "slow-profiles",
            "description": "profiles answer 40 ms late",
            "severity": "low",
            "scope": {"match": [{"path": {"prefix": "/profiles"}}], "sample": {"percent": 30}},
            "faults": [{"delay": {"fixed": "40ms"}}],
        }]},
    })
}

fn mission() -> Value {
    json!({
        "version": 1, "id": "cockpit-run", "namespace": "shop", "scenarios": ["slow-profiles"], "seed": "cockpit",
        "baseline": "3s", "duration": "2m", "recovery": "5s",
        "stages": [{"for": "8s", "intensity": "50%"}, {"intensity": "100%"}],
    })
}

/// The filter of the control listener: a plugin of its own in the same VM id, so that both see the same shared data.
fn control() -> HttpFilter {
    let mut configuration = plugin();
    configuration["role"] = "control".into();
    let module = control_wasm().unwrap();
    let mut config = HttpFilter::wasm_config("squall-control", &module, &configuration.to_string());
    config["config"]["vm_config"]["vm_id"] = "squall".into();
    config["config"]["allow_on_headers_stop_iteration"] = true.into();
    HttpFilter::json(json!({"name": "envoy.filters.http.wasm", "typed_config": config}))
}

async fn start() -> Envoy {
    let host = |body: &str| VirtualHost::any("any").route(Route::prefix("/").answer(200, body));
    let ingress =
        Listener::new("ingress").filter(HttpFilter::squall(&plugin()).unwrap()).virtual_host(host("profile"));
    let control = Listener::new("control").filter(control()).virtual_host(host("no module"));
    Envoy::start(EnvoyConfig::new().listener(ingress).listener(control)).await.unwrap()
}

/// Asks for profiles until it is dropped.
struct Traffic(JoinHandle<()>);

impl Traffic {
    fn at(envoy: &Envoy) -> Self {
        let client = HttpClient::http2(envoy.addr("ingress"));
        Self(tokio::spawn(async move {
            loop {
                client.get("/profiles/7").await.unwrap();
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        }))
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn pictures_of(page: &Page, name: &str) {
    for (size, view) in [("desk", View::DESK), ("phone", View::PHONE)] {
        for (colours, view) in [("light", view), ("dark", view.dark())] {
            page.show(view).await.unwrap();
            page.until(&format!("innerWidth === {}", view.width)).await.unwrap();
            page.screenshot(&pictures::file(&format!("{name}-{size}-{colours}")), true).await.unwrap();
            assert_eq!(page.eval(pictures::SIDEWAYS).await.unwrap(), 0, "{name}, {size}");
        }
    }
    page.show(View::DESK).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mission_is_watched_and_halted_on_a_real_envoy() {
    let envoy = start().await;
    let browser = Browser::start().await.unwrap();
    let page = browser.page(View::DESK).await.unwrap();
    let address = format!("http://{}/", envoy.addr("control"));
    page.go(&address).await.unwrap();
    page.until_text("No mission runs on this proxy").await.unwrap();
    assert_eq!(page.text("#proxy").await.unwrap(), "shop / user-service / squall-test");
    pictures_of(&page, "real-idle").await;

    let traffic = Traffic::at(&envoy);
    let json = [("content-type", "application/json"), ("host", "127.0.0.1")];
    let order = request("POST", "/v1/missions", &json, mission().to_string());
    let answer = HttpClient::http1(envoy.addr("control")).send(order).await.unwrap();
    assert_eq!(answer.status, 201, "{}", answer.text());
    page.until_text("Baseline").await.unwrap();
    page.until_text("stage 1 of 2").await.unwrap();
    assert_eq!(page.text("#hero h2").await.unwrap(), "cockpit-run");
    page.until_text("stage 2 of 2").await.unwrap();
    pictures_of(&page, "real-injecting").await;

    page.eval("document.getElementById('halt').focus()").await.unwrap();
    page.press("Enter").await.unwrap();
    page.press("Enter").await.unwrap();
    page.until("document.getElementById('dialog').innerText.startsWith('Halted')").await.unwrap();
    page.press("Enter").await.unwrap();
    page.until("!document.getElementById('halted').hidden && document.getElementById('halt').hidden")
        .await
        .unwrap();
    page.until(
        "[...document.querySelectorAll('#events b')].some(name => name.innerText === 'mission.halted')",
    )
    .await
    .unwrap();
    let said = page.text("#halted").await.unwrap();
    assert!(said.contains("person") && said.contains("cockpit-run"), "{said}");
    pictures_of(&page, "real-halted").await;

    let after = envoy.injected("slow-profiles", "delay").await.unwrap();
    let asked = HttpClient::http1(envoy.addr("ingress"));
    for _ in 0..50 {
        assert_eq!(asked.get("/profiles/8").await.unwrap().status, 200);
    }
    assert_eq!(envoy.injected("slow-profiles", "delay").await.unwrap(), after, "halted for everybody");
    drop(traffic);
    assert_eq!(pictures::elsewhere(&page, &address), Vec::<String>::new());
    assert_eq!(page.problems(), Vec::<String>::new());
}
