//! Requests that no client of ours sends: each gets a status, nothing changes, and the module lives.

use super::{Site, plugin};
use squall_envoy_tests::raw_exchange;

const HALT: &str = "POST /v1/halt HTTP/1.1\r\nhost: 127.0.0.1\r\n";
const TYPE: &str = "content-type: application/json\r\n";

/// What is sent, and the statuses that may come back; 0 is a connection that just ends.
fn rows() -> Vec<(&'static str, String, &'static [u16])> {
    let get = |path: &str, more: &str| {
        format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n{more}\r\n")
    };
    let halt = |more: &str| format!("{HALT}connection: close\r\n{more}");
    vec![
        ("no host", "GET /v1/status HTTP/1.1\r\nconnection: close\r\n\r\n".to_owned(), &[400]),
        (
            "two hosts",
            "GET /v1/status HTTP/1.1\r\nhost: 127.0.0.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n"
                .to_owned(),
            &[400, 421],
        ),
        (
            "another host",
            "GET /v1/status HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n".to_owned(),
            &[421],
        ),
        (
            "another host in the target",
            "GET http://evil.example/v1/status HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n"
                .to_owned(),
            &[421],
        ),
        (
            "a host with a user",
            "GET /v1/status HTTP/1.1\r\nhost: a@127.0.0.1\r\nconnection: close\r\n\r\n".to_owned(),
            &[400, 421],
        ),
        ("an encoded zero", get("/v1/status%00", ""), &[400]),
        ("an encoded line break", get("/v1/status%0d%0ax:y", ""), &[400]),
        ("half an encoding", get("/v1/status%", ""), &[400]),
        ("no hexadecimal digits", get("/v1/%zz", ""), &[400]),
        ("bytes that are no UTF-8", get("/v1/%ff%fe", ""), &[400]),
        ("an encoded slash", get("/v1%2fstatus", ""), &[404]),
        ("dots", get("/v1/../v1/status", ""), &[200, 404]),
        ("encoded dots", get("/v1/%2e%2e/status", ""), &[404]),
        ("double slash", get("//v1/status", ""), &[404]),
        ("a backslash", get("/v1\\status", ""), &[400]),
        ("a fragment", get("/v1/status#a", ""), &[400]),
        ("a long path", get(&format!("/{}", "a".repeat(10_000)), ""), &[400]),
        ("a hundred kilobytes of path", get(&format!("/{}", "a".repeat(100_000)), ""), &[431, 400, 0]),
        (
            "a header of 200 KB",
            get("/v1/status", &format!("x-a: {}\r\n", "a".repeat(200_000))),
            &[431, 400, 0],
        ),
        ("300 headers", get("/v1/status", &"x-a: b\r\n".repeat(300)), &[431, 400, 0]),
        ("a header beyond ASCII", get("/v1/status", "x-a: \u{fffd}\r\n"), &[200, 400]),
        ("a number beyond all", get("/v1/events?since=99999999999999999999999", ""), &[400]),
        ("a query within a query", get("/v1/events?since=1?since=2", ""), &[400]),
        (
            "another method",
            "BREW /v1/halt HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n".to_owned(),
            &[405, 400],
        ),
        (
            "connect",
            "CONNECT 127.0.0.1:80 HTTP/1.1\r\nhost: 127.0.0.1:80\r\nconnection: close\r\n\r\n".to_owned(),
            &[400, 403, 404, 405],
        ),
        (
            "an upgrade",
            get("/v1/status", "upgrade: websocket\r\nsec-websocket-version: 13\r\n"),
            &[200, 400, 403],
        ),
        ("no media type", halt("content-length: 2\r\n\r\n{}"), &[415]),
        (
            "a form",
            halt("content-type: application/x-www-form-urlencoded\r\ncontent-length: 2\r\n\r\n{}"),
            &[415],
        ),
        ("plain text", halt("content-type: text/plain\r\ncontent-length: 2\r\n\r\n{}"), &[415]),
        (
            "two media types",
            halt(&format!("{TYPE}content-type: text/plain\r\ncontent-length: 2\r\n\r\n{{}}")),
            &[415],
        ),
        ("a coding", halt(&format!("{TYPE}content-encoding: gzip\r\ncontent-length: 2\r\n\r\n{{}}")), &[415]),
        (
            "a foreign origin",
            halt(&format!("{TYPE}origin: http://evil.example\r\ncontent-length: 2\r\n\r\n{{}}")),
            &[403],
        ),
        (
            "no origin of its own",
            halt(&format!("{TYPE}origin: null\r\ncontent-length: 2\r\n\r\n{{}}")),
            &[403],
        ),
        (
            "another site",
            halt(&format!("{TYPE}sec-fetch-site: cross-site\r\ncontent-length: 2\r\n\r\n{{}}")),
            &[403],
        ),
        ("two lengths", halt(&format!("{TYPE}content-length: 2\r\ncontent-length: 3\r\n\r\n{{}}x")), &[400]),
        ("a negative length", halt(&format!("{TYPE}content-length: -2\r\n\r\n{{}}")), &[400, 413]),
        (
            "length and chunks",
            halt(&format!(
                "{TYPE}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n"
            )),
            &[400],
        ),
        (
            "a wrong chunk",
            halt(&format!("{TYPE}transfer-encoding: chunked\r\n\r\nxx\r\n{{}}\r\n0\r\n\r\n")),
            &[400],
        ),
        ("a length beyond the limit", halt(&format!("{TYPE}content-length: 300000\r\n\r\n{{}}")), &[413]),
        ("a list", halt(&format!("{TYPE}content-length: 2\r\n\r\n[]")), &[400]),
        ("no JSON", halt(&format!("{TYPE}content-length: 5\r\n\r\nhalt!")), &[400]),
        ("an unknown key", halt(&format!("{TYPE}content-length: 9\r\n\r\n{{\"why\":1}}")), &[400]),
        (
            "a reason that is a number",
            halt(&format!("{TYPE}content-length: 12\r\n\r\n{{\"reason\":1}}")),
            &[400],
        ),
        (
            "a control character",
            halt(&format!("{TYPE}content-length: 22\r\n\r\n{{\"reason\":\"\\u0000abc\"}}")),
            &[400],
        ),
        (
            "deep nesting",
            {
                let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
                halt(&format!("{TYPE}content-length: {}\r\n\r\n{deep}", deep.len()))
            },
            &[400],
        ),
        (
            "a mission nobody knows",
            format!(
                "POST /v1/missions/{}/stop HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n{TYPE}content-length: 2\r\n\r\n{{}}",
                "a".repeat(128)
            ),
            &[404],
        ),
        (
            "an id that is none",
            format!(
                "POST /v1/missions/%2e%2e/stop HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n{TYPE}content-length: 2\r\n\r\n{{}}"
            ),
            &[404],
        ),
        ("no HTTP", "\u{0}\u{1}\u{2}\r\n\r\n".to_owned(), &[400, 0]),
    ]
}

fn status(answer: &[u8]) -> u16 {
    let text = String::from_utf8_lossy(answer);
    text.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok()).unwrap_or(0)
}

#[tokio::test]
async fn hostile_requests_change_nothing_and_the_module_lives() {
    let site = Site::start(&plugin("low")).await;
    let address = site.envoy.addr("control");
    let rows = rows();
    assert!(rows.len() >= 40, "{}", rows.len());
    // Together: many of these connections stay open for a second.
    let mut answers = tokio::task::JoinSet::new();
    for (what, sent, statuses) in rows {
        // A connection that is reset ends without an answer.
        answers.spawn(async move {
            (what, statuses, raw_exchange(address, sent.as_bytes()).await.unwrap_or_default())
        });
    }
    while let Some(answer) = answers.join_next().await {
        let (what, statuses, answer) = answer.unwrap();
        let found = status(&answer);
        assert!(statuses.contains(&found), "{what}: {found}\n{}", String::from_utf8_lossy(&answer));
        assert!(!answer.windows(9).any(|part| part == b"no module"), "{what} went past the module");
    }
    assert_eq!(site.state().await, "idle");
    site.assert_sound();
}

#[tokio::test]
async fn a_body_in_chunks_with_trailers_is_read_as_one() {
    let site = Site::start(&plugin("low")).await;
    let chunks = format!(
        "{HALT}connection: close\r\n{TYPE}transfer-encoding: chunked\r\ntrailer: x-a\r\n\r\n\
        3\r\n{{\"r\r\n9\r\neason\":\"a\r\n2\r\n\"}}\r\n0\r\nx-a: b\r\n\r\n"
    );
    let answer = raw_exchange(site.envoy.addr("control"), chunks.as_bytes()).await.unwrap();
    assert_eq!(status(&answer), 200, "{}", String::from_utf8_lossy(&answer));
    assert_eq!(site.get("/v1/status").await.json()["halt"]["detail"], "a");
    site.assert_sound();
}

#[tokio::test]
async fn a_client_that_leaves_within_its_body_leaves_nothing_behind() {
    let site = Site::start(&plugin("low")).await;
    for _ in 0..50 {
        let mut stream = tokio::net::TcpStream::connect(site.envoy.addr("control")).await.unwrap();
        let begun = format!("{HALT}{TYPE}content-length: 200000\r\n\r\n{{");
        tokio::io::AsyncWriteExt::write_all(&mut stream, begun.as_bytes()).await.unwrap();
    }
    assert_eq!(site.state().await, "idle");
    site.assert_sound();
}
