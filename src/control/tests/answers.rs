//! Answers: problems as RFC 9457 has them, the page and its policy, records as the API shows them.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use squall_control::problem::{Kind, Problem};
use squall_control::{page, view};
use squall_policy::events::{Event, Name, Ring};
use squall_policy::{Code, Node, Position, Report};

fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

#[test]
fn a_problem_says_what_is_wrong_where_and_what_to_do() {
    let mut report = Report::default();
    report.add(Code::NeverFires, None, "a suspicion", "not told here");
    report.in_key("mission", |r| {
        let at = Some(Position { line: 3, column: 7 });
        r.in_key("id", |r| r.add(Code::BadFormat, at, "\"x y\" is not a mission id", "use letters"));
        r.in_key("namespace", |r| r.add(Code::MissingKey, None, "it is missing", "add it"));
    });
    let answer = Problem::found(Kind::InvalidMission, report).with_header("x-a", "b").answer();
    assert_eq!((answer.status, header(&answer.headers, "x-a")), (422, Some("b")));
    assert_eq!(header(&answer.headers, "content-type"), Some("application/problem+json"));
    assert_eq!(answer.details, "squall_control{invalid-mission}");
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(
        body,
        json!({
            "type": "urn:squall:problem:invalid-mission",
            "title": "The mission has mistakes",
            "status": 422,
            "detail": "\"x y\" is not a mission id (and 1 more)",
            "code": "invalid-mission",
            "findings": [
                {"code": "bad-format", "at": "mission.id", "line": 3, "column": 7,
                    "message": "\"x y\" is not a mission id", "hint": "use letters"},
                {"code": "missing-key", "at": "mission.namespace", "line": null, "column": null,
                    "message": "it is missing", "hint": "add it"},
            ],
        })
    );
}

#[test]
fn codes_of_problems_are_unique() {
    let mut codes: Vec<&str> = Kind::ALL.iter().map(|kind| kind.code()).collect();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), Kind::ALL.len());
    assert!(Kind::ALL.iter().all(|kind| (400..=503).contains(&kind.status()) && !kind.title().is_empty()));
}

#[test]
fn the_documentation_has_every_problem_with_its_status() {
    let text = include_str!("../../../docs/control.md");
    let rows = text.lines().filter(|line| line.starts_with("| `") && line.split('|').count() == 5);
    let said: Vec<(String, String)> = rows
        .filter_map(|row| {
            let mut cells = row.split('|').map(str::trim).skip(1);
            let (code, status) = (cells.next()?, cells.next()?);
            status.parse::<u16>().ok()?;
            Some((code.trim_matches('`').to_owned(), status.to_owned()))
        })
        .collect();
    let mut kinds: Vec<(String, String)> =
        Kind::ALL.iter().map(|kind| (kind.code().to_owned(), kind.status().to_string())).collect();
    let mut said_sorted = said;
    said_sorted.sort();
    kinds.sort();
    assert_eq!(said_sorted, kinds);
}

#[test]
fn nothing_is_kept_sniffed_or_read_by_other_origins() {
    for answer in [page::answer(), Problem::new(Kind::NotFound, "").answer()] {
        assert_eq!(header(&answer.headers, "cache-control"), Some("no-store"));
        assert_eq!(header(&answer.headers, "x-content-type-options"), Some("nosniff"));
        assert_eq!(header(&answer.headers, "cross-origin-resource-policy"), Some("same-origin"));
        assert_eq!(header(&answer.headers, "access-control-allow-origin"), None);
    }
}

/// As a browser computes it: over the text between the tags.
fn source(text: &str) -> String {
    let digest = Sha256::digest(text);
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = String::new();
    for group in digest.chunks(3) {
        let word =
            group.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let digit = (word >> (18 - 6 * place)) & 63;
            encoded.push(if place <= group.len() { DIGITS[digit as usize] as char } else { '=' });
        }
    }
    format!("'sha256-{encoded}'")
}

#[test]
fn the_page_may_run_its_own_script_and_nothing_else() {
    let page = "<!doctype html>\n<!-- a <style> and a <script> -->\n<style>\nb{}\n</style>\n<p>\n<script>\nlet a = 1\n</script>\n";
    let expected = format!(
        "default-src 'none'; script-src {}; style-src {}; img-src data:; connect-src 'self'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'",
        source("\nlet a = 1\n"),
        source("\nb{}\n")
    );
    assert_eq!(page::policy(page), expected);
    assert!(page::policy("<p>").contains("script-src 'none'; style-src 'none'"));
}

#[test]
fn the_cockpit_has_one_script_and_one_style_that_its_policy_names() {
    let answer = page::answer();
    let page = answer.body.as_str();
    let policy = header(&answer.headers, "content-security-policy").unwrap();
    for element in ["script", "style"] {
        let lines = page.lines().filter(|line| *line == format!("<{element}>")).count();
        assert_eq!(lines, 1, "{element}");
        let (_, rest) = page.split_once(&format!("\n<{element}>")).unwrap();
        let (text, _) = rest.split_once(&format!("</{element}>")).unwrap();
        assert!(policy.contains(&source(text)), "{element}: {policy}");
    }
    assert_eq!(header(&answer.headers, "x-frame-options"), Some("DENY"));
    for outside in ["src=\"http", "href=\"http", "@import", "url(http"] {
        assert!(!page.contains(outside), "{outside}");
    }
}

#[test]
fn events_are_told_with_their_numbers_and_garbage_is_left_out() {
    let mut ring = Ring::default();
    for number in 1..=3 {
        ring.append(&Event::new(Name::StageStarted, 0).number("stage", number));
    }
    let told: Value = serde_json::from_str(&view::events(&ring, 1)).unwrap();
    assert_eq!(told["last"], 3);
    let events = told["events"].as_array().unwrap();
    assert_eq!(events.len(), 2);
    assert_eq!(
        events[0],
        json!({"number": 2, "event": "stage.started", "at": "1970-01-01T00:00:00.000Z", "stage": 2})
    );

    // Somebody else writes to the ring.
    let line = |text: &str| [&[0; 8][..], &(text.len() as u16).to_le_bytes(), text.as_bytes()].concat();
    let head = [&[1_u8][..], &4_u64.to_le_bytes()].concat();
    let bytes = [head, line("{}"), line("{\"a\":}"), line("{ \"b\": 1}"), line("{}]}{}")].concat();
    let ring = Ring::from_bytes(&bytes).unwrap();
    let told: Value = serde_json::from_str(&view::events(&ring, 0)).unwrap();
    assert_eq!(told["events"], json!([{"number": 1}, {"number": 3, "b": 1}]));
    assert_eq!(view::events(&Ring::default(), 0), r#"{"last":0,"events":[]}"#);
}

#[test]
fn the_catalog_shows_what_a_mission_can_name() {
    let catalog: Node = serde_json::from_value(json!({"version": 1, "scenarios": [
        {"name": "db", "description": "late", "severity": "high", "faults": [{"delay": {"fixed": "1ms"}}, {"abort": {"status": 503}}]},
        {"name": "cut", "faults": [{"drop": {"mode": "reset"}}]},
    ]}))
    .unwrap();
    let digest =
        |scenario: &Node| format!("digest of {}", scenario.get("name").and_then(Node::text).unwrap());
    let told: Value = serde_json::from_str(&view::catalog(Some(&catalog), &digest)).unwrap();
    assert_eq!(
        told,
        json!({"version": 1, "scenarios": [
            {"name": "db", "description": "late", "severity": "high", "faults": ["delay", "abort"], "digest": "digest of db"},
            {"name": "cut", "description": null, "severity": "low", "faults": ["drop"], "digest": "digest of cut"},
        ]})
    );
}
