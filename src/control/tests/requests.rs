//! What a request asks for, and what is refused before anybody reads its body.

use squall_control::head;
use squall_control::problem::Problem;
use squall_control::route::Route;

type Headers<'h> = Vec<(&'h str, &'h [u8])>;

const HOSTS: [&str; 1] = ["squall.shop.svc"];

fn read(headers: &Headers<'_>) -> Result<Route, Problem> {
    let hosts: Vec<String> = HOSTS.iter().map(|host| (*host).to_owned()).collect();
    let values = |name: &str| {
        headers.iter().filter(|(known, _)| *known == name).map(|(_, value)| value.to_vec()).collect()
    };
    head::read(&values, &hosts)
}

fn get(path: &str) -> Headers<'_> {
    vec![(":method", b"GET"), (":path", path.as_bytes()), (":authority", b"127.0.0.1:9000")]
}

fn post(path: &str) -> Headers<'_> {
    vec![
        (":method", b"POST"),
        (":path", path.as_bytes()),
        (":authority", b"127.0.0.1:9000"),
        ("content-type", b"application/json"),
    ]
}

/// Status and code, or the route.
fn told(headers: &Headers<'_>) -> String {
    match read(headers) {
        Ok(route) => format!("{route:?}"),
        Err(problem) => format!("{} {}", problem.kind.status(), problem.code()),
    }
}

fn with<'h>(mut headers: Headers<'h>, name: &'h str, value: &'h [u8]) -> Headers<'h> {
    headers.retain(|(known, _)| *known != name);
    headers.push((name, value));
    headers
}

#[test]
fn every_path_has_its_methods() {
    let gets = [
        ("/", "Page"),
        ("/?v=2", "Page"),
        ("/v1/status", "Status"),
        ("/v1/catalog", "Catalog"),
        ("/v1/events", "Events { since: 0 }"),
        ("/v1/events?since=17", "Events { since: 17 }"),
        ("/v1/events?", "Events { since: 0 }"),
    ];
    for (path, expected) in gets {
        for method in ["GET", "HEAD"] {
            assert_eq!(told(&with(get(path), ":method", method.as_bytes())), expected, "{path}");
        }
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "get", "", "TRACE", "\u{fc}"] {
            let problem = read(&with(post(path), ":method", method.as_bytes())).unwrap_err();
            assert_eq!(problem.kind.status(), 405, "{method} {path}");
            assert_eq!(problem.headers, [("allow".to_owned(), "GET, HEAD".to_owned())]);
        }
    }
    let posts = [
        ("/v1/missions", "Start"),
        ("/v1/missions/db-1/renew", r#"Renew { mission: "db-1" }"#),
        ("/v1/missions/db-1/stop", r#"Stop { mission: "db-1" }"#),
        ("/v1/halt", "Halt"),
        ("/v1/release", "Release"),
    ];
    for (path, expected) in posts {
        assert_eq!(told(&post(path)), expected, "{path}");
        let problem = read(&get(path)).unwrap_err();
        assert_eq!((problem.kind.status(), problem.headers[0].1.as_str()), (405, "POST"), "{path}");
    }
}

#[test]
fn a_path_is_compared_by_what_it_means_and_nothing_else_is_a_path() {
    let rows = [
        ("/v1/stat%75s", "Status"),
        ("/%76%31/status", "Status"),
        ("/v1/events?sin%63e=1%37", "Events { since: 17 }"),
        ("/v1/status/", "404 not-found"),
        ("//v1/status", "404 not-found"),
        ("/v1//status", "404 not-found"),
        ("/V1/status", "404 not-found"),
        ("/v1/./status", "404 not-found"),
        ("/x/../v1/status", "404 not-found"),
        ("/v1%2fstatus", "404 not-found"),
        ("/v1/status%00", "400 bad-path"),
        ("/v1/status%0d%0ax-a:%20b", "400 bad-path"),
        ("/v1/status%", "400 bad-path"),
        ("/v1/status%2", "400 bad-path"),
        ("/v1/status%zz", "400 bad-path"),
        ("/v1/status%+1", "400 bad-path"),
        ("/v1/status%ff", "400 bad-path"),
        ("/v1/status#top", "400 bad-path"),
        ("\\v1\\status", "400 bad-path"),
        ("*", "400 bad-path"),
        ("", "400 bad-path"),
        ("http://127.0.0.1:9000/v1/status", "400 bad-path"),
        ("/v1/status?a", "400 bad-query"),
        ("/v1/events?since=", "400 bad-query"),
        ("/v1/events?since=-1", "400 bad-query"),
        ("/v1/events?since=+1", "400 bad-query"),
        ("/v1/events?since=1e3", "400 bad-query"),
        ("/v1/events?since=99999999999999999999", "400 bad-query"),
        ("/v1/events?since=1&since=2", "400 bad-query"),
        ("/v1/events?until=1", "400 bad-query"),
        ("/v1/events?since=%zz", "400 bad-query"),
        ("/v1/missions/a", "404 not-found"),
        ("/admin", "404 not-found"),
    ];
    for (path, expected) in rows {
        assert_eq!(told(&get(path)), expected, "{path}");
    }
    assert_eq!(told(&get(&format!("/{}", "a".repeat(5000)))), "400 bad-path");
    assert_eq!(told(&with(get("/"), ":path", b"/\xff\xfe")), "400 bad-path");
    assert_eq!(
        told(&post("/v1/missions/%64b%2f1/stop")),
        r#"Stop { mission: "db/1" }"#,
        "no such mission, later"
    );
}

#[test]
fn only_addresses_localhost_and_configured_names_are_answered() {
    let own = [
        "127.0.0.1",
        "127.0.0.1:9000",
        "10.1.2.3:80",
        "[::1]",
        "[::1]:9000",
        "localhost",
        "localhost:9000",
        "LocalHost:9000",
        "squall.localhost:9000",
        "squall.shop.svc",
        "SQUALL.shop.svc:9000",
    ];
    for host in own {
        assert_eq!(told(&with(get("/v1/status"), ":authority", host.as_bytes())), "Status", "{host}");
    }
    let foreign = [
        "",
        ":9000",
        "evil.example",
        "evil.example:9000",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "evillocalhost",
        ".localhost",
        "localhost.",
        "squall.shop.svc.evil.example",
        "shop.svc",
        "127.0.0.1:9000:9000",
        "127.0.0.1:",
        "127.0.0.1:x",
        "127.0.0.1:99999",
        "127.1",
        "0x7f000001",
        "2130706433",
        "::1",
        "[::1",
        "[::1]x",
        "[evil.example]",
        "user@127.0.0.1",
        "127.0.0.1/",
        "127.0.0.1, evil.example",
        "\u{ff4c}ocalhost",
    ];
    for host in foreign {
        for headers in [get("/v1/status"), post("/v1/halt"), get("/nowhere")] {
            assert_eq!(told(&with(headers, ":authority", host.as_bytes())), "421 foreign-host", "{host}");
        }
    }
    assert_eq!(told(&with(get("/"), ":authority", b"\xff")), "421 foreign-host");
    let mut twice = get("/");
    twice.push((":authority", b"127.0.0.1:9000"));
    assert_eq!(told(&twice), "421 foreign-host");
}

#[test]
fn a_page_of_another_origin_changes_nothing() {
    let rows: [(&str, &[u8], bool); 16] = [
        ("origin", b"http://127.0.0.1:9000", true),
        ("origin", b"http://127.0.0.1:9001", false),
        ("origin", b"http://127.0.0.1", false),
        ("origin", b"http://localhost:9000", false),
        ("origin", b"https://127.0.0.1:9000", true),
        ("origin", b"http://evil.example", false),
        ("origin", b"http://127.0.0.1:9000.evil.example", false),
        ("origin", b"http://127.0.0.1:9000@evil.example", false),
        ("origin", b"http://127.0.0.1:9000/", false),
        ("origin", b"null", false),
        ("origin", b"", false),
        ("origin", b"\xff", false),
        ("sec-fetch-site", b"same-origin", true),
        ("sec-fetch-site", b"none", true),
        ("sec-fetch-site", b"same-site", false),
        ("sec-fetch-site", b"cross-site", false),
    ];
    for (name, value, good) in rows {
        let expected = if good { "Halt" } else { "403 foreign-origin" };
        let shown = String::from_utf8_lossy(value);
        assert_eq!(told(&with(post("/v1/halt"), name, value)), expected, "{name}: {shown}");
    }
    let mut twice = with(post("/v1/halt"), "origin", b"http://127.0.0.1:9000");
    twice.push(("origin", b"http://evil.example"));
    assert_eq!(told(&twice), "403 foreign-origin");
    let default = with(post("/v1/halt"), ":authority", b"squall.shop.svc");
    assert_eq!(told(&with(default, "origin", b"http://squall.shop.svc:80")), "Halt");
    assert_eq!(
        told(&with(get("/v1/status"), "origin", b"http://evil.example")),
        "Status",
        "unread by that page"
    );
}

#[test]
fn what_changes_something_comes_as_json_of_at_most_256_kib() {
    let types: [(&[u8], bool); 11] = [
        (b"application/json", true),
        (b"Application/JSON; charset=utf-8", true),
        (b"application/json;", true),
        (b"", false),
        (b"text/plain", false),
        (b"text/plain; application/json", false),
        (b"application/x-www-form-urlencoded", false),
        (b"multipart/form-data; boundary=x", false),
        (b"application/json, text/plain", false),
        (b"application/jsonp", false),
        (b"\xffapplication/json", false),
    ];
    for (value, good) in types {
        let expected = if good { "Start" } else { "415 wrong-media-type" };
        let shown = String::from_utf8_lossy(value);
        assert_eq!(told(&with(post("/v1/missions"), "content-type", value)), expected, "{shown}");
    }
    let mut without = post("/v1/halt");
    without.retain(|(name, _)| *name != "content-type");
    assert_eq!(told(&without), "415 wrong-media-type");
    let mut twice = post("/v1/halt");
    twice.push(("content-type", b"application/json"));
    assert_eq!(told(&twice), "415 wrong-media-type");
    assert_eq!(told(&with(post("/v1/halt"), "content-encoding", b"gzip")), "415 wrong-media-type");
    assert_eq!(told(&with(post("/v1/halt"), "content-encoding", b"Identity")), "Halt");

    let lengths: [(&[u8], &str); 7] = [
        (b"0", "Start"),
        (b"262144", "Start"),
        (b"262145", "413 too-large"),
        (b"99999999999999999999999", "413 too-large"),
        (b"-1", "413 too-large"),
        (b"", "413 too-large"),
        (b"\xff", "413 too-large"),
    ];
    for (value, expected) in lengths {
        let shown = String::from_utf8_lossy(value);
        assert_eq!(told(&with(post("/v1/missions"), "content-length", value)), expected, "{shown}");
    }
}
