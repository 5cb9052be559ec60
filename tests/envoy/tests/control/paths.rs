//! Every path and what it answers, over HTTP/1.1 and HTTP/2.

use super::{JSON, Site, mission, plugin, problem, told};
use serde_json::{Value, json};
use squall_envoy_tests::{HttpClient, Protocol, request};

#[tokio::test]
async fn every_path_answers_over_both_versions_of_http() {
    let site = Site::start(&plugin("low")).await;
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let client = HttpClient::new(site.envoy.addr("control"), protocol);
        for path in ["/", "/v1/status", "/v1/catalog", "/v1/events", "/v1/events?since=0", "/v1/stat%75s"] {
            let reply = client.get(path).await.unwrap();
            assert_eq!(reply.status, 200, "{path}");
            assert_eq!(reply.header("cache-control"), Some("no-store"), "{path}");
            assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{path}");
            let head = client.send(request("HEAD", path, &[], "")).await.unwrap();
            assert_eq!((head.status, head.body.len()), (200, 0), "{path}");
            assert_eq!(head.header("content-type"), reply.header("content-type"), "{path}");
        }
        let page = client.get("/").await.unwrap();
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        assert!(page.header("content-security-policy").unwrap().contains("script-src 'sha256-"));
        assert!(page.text().starts_with("<!doctype html>") && page.text().ends_with("</html>\n"));
        for (method, path, allow) in [
            ("DELETE", "/v1/status", "GET, HEAD"),
            ("OPTIONS", "/v1/halt", "POST"),
            ("GET", "/v1/missions", "POST"),
            ("PUT", "/v1/missions/a/stop", "POST"),
        ] {
            let reply = client.send(request(method, path, &[JSON], "{}")).await.unwrap();
            assert_eq!(told(&reply), problem(405, "method-not-allowed"), "{method} {path}");
            assert_eq!(reply.header("allow"), Some(allow));
            assert_eq!(reply.header("access-control-allow-origin"), None);
        }
    }
    for path in ["/", "/v1/status", "/v1/catalog", "/v1/events?since=0"] {
        site.get(path).await;
    }
    assert_eq!(told(&site.get("/v1/nowhere").await), problem(404, "not-found"));
    assert_eq!(told(&site.get("/v1/events?since=x").await), problem(400, "bad-query"));
    site.assert_sound();
}

#[tokio::test]
async fn an_idle_proxy_says_who_it_is_and_what_it_could_run() {
    let site = Site::start(&plugin("medium")).await;
    let status = site.get("/v1/status").await.json();
    assert_eq!(status["state"], "idle");
    assert_eq!(status["proxy"], json!({"namespace": "shop", "service": "cart", "id": "squall-test"}));
    assert_eq!((&status["mission"], &status["halt"]), (&Value::Null, &Value::Null));
    let catalog = site.get("/v1/catalog").await.json();
    let scenario = &catalog["scenarios"][0];
    assert_eq!(
        (&scenario["name"], &scenario["severity"], &scenario["faults"]),
        (&json!("cut"), &json!("medium"), &json!(["abort"]))
    );
    assert_eq!(site.get("/v1/events").await.json(), json!({"last": 0, "events": []}));
}

#[tokio::test]
async fn a_mission_with_mistakes_is_refused_with_all_of_them_and_nothing_runs() {
    let site = Site::start(&plugin("low")).await;
    let wrong = [
        (json!([]), 422, "invalid-mission", "wrong-type"),
        (json!({}), 422, "invalid-mission", "missing-key"),
        (json!({"a": 1}), 422, "invalid-mission", "unknown-key"),
        (json!(null), 422, "invalid-mission", "wrong-type"),
    ];
    for (body, status, code, finding) in wrong {
        let reply = site.post("/v1/missions", &body).await;
        assert_eq!(told(&reply), problem(status, code), "{body}");
        let findings = reply.json()["findings"].as_array().unwrap().clone();
        assert!(findings.iter().any(|found| found["code"] == finding), "{findings:?}");
    }
    let mut several = mission("m");
    several["duration"] = json!(5);
    several["scenarios"] = json!(["cut", "absent"]);
    several["enabel"] = json!(false);
    let reply = site.post("/v1/missions", &several).await;
    assert_eq!(reply.json()["findings"].as_array().map(Vec::len), Some(3), "{}", reply.text());
    assert_eq!(told(&site.post_text("/v1/missions", "{\"version\": 1,").await), problem(400, "bad-body"));
    assert_eq!(told(&site.post_text("/v1/missions", "").await), problem(400, "bad-body"));
    let mut elsewhere = mission("m");
    elsewhere["namespace"] = json!("prod");
    assert_eq!(told(&site.post("/v1/missions", &elsewhere).await), problem(403, "wrong-namespace"));
    let mut off = mission("m");
    off["enable"] = json!(false);
    assert_eq!(told(&site.post("/v1/missions", &off).await), problem(422, "invalid-mission"));
    assert_eq!(site.state().await, "idle");
    assert!(!site.is_cut().await);
    let refused = site.events().await.iter().filter(|event| event["event"] == "mission.refused").count();
    assert!(refused >= 5, "{refused}");
    site.assert_sound();
}

#[tokio::test]
async fn bodies_up_to_256_kib_are_read_and_no_byte_more() {
    let site = Site::start(&plugin("low")).await;
    let mut body = mission("m").to_string();
    body += &" ".repeat(256 * 1024 - body.len());
    let more = format!("{body} ");
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let client = HttpClient::new(site.envoy.addr("control"), protocol);
        let reply = client.post("/v1/missions", &[JSON], more.clone()).await.unwrap();
        assert_eq!(told(&reply), problem(413, "too-large"));
        site.document.check("post", "/v1/missions", &reply);
        let huge = client.post("/v1/halt", &[JSON], "x".repeat(8 << 20)).await;
        // The client may see the end of the connection before it has sent all.
        assert!(huge.as_ref().is_err() || told(huge.as_ref().unwrap()) == problem(413, "too-large"));
    }
    assert_eq!(site.post_text("/v1/missions", &body).await.status, 201);
    site.assert_sound();
}

#[tokio::test]
async fn a_rejected_configuration_leaves_status_events_and_halt() {
    let mut wrong = plugin("low");
    wrong["catalog"]["scenarios"][0]["faults"] = json!([]);
    let site = Site::start(&wrong).await;
    assert_eq!(site.state().await, "idle");
    for path in ["/v1/missions", "/v1/missions/m/stop", "/v1/release"] {
        assert_eq!(told(&site.post(path, &json!({})).await), problem(503, "config-rejected"), "{path}");
    }
    assert_eq!(told(&site.get("/v1/catalog").await), problem(503, "config-rejected"));
    assert_eq!(site.post("/v1/halt", &json!({"reason": "something is wrong"})).await.status, 200);
    assert_eq!(site.state().await, "halted");
    // Filter and control have other bytes: each is told once, whatever the number of machines.
    let rejected = site.events().await.iter().filter(|event| event["event"] == "config.rejected").count();
    assert_eq!(rejected, 2);
    site.assert_sound();
}
