//! A journal whose every text is hostile: proxies, reasons and names are what others wrote.

use super::{Form, page, run_of, text};
use crate::report::compare::Comparison;
use crate::report::pages::comparison;
use serde_json::Value;

const EVIL: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{ 7*7 }}</title></svg></style>\u{1b}[31m\u{202e}|a|`b`**c**[d](javascript:e)\n# f\n````\n";

/// Every text that is not what the reader goes by.
fn spoil(value: &mut Value, key: &str) {
    const KEPT: [&str; 18] = [
        "kind", "at", "phase", "what", "role", "verdict", "state", "start", "deadline", "now", "unit",
        "group", "version", "proxy", "url", "proxies", "signal", "event",
    ];
    match value {
        Value::String(text) if !KEPT.contains(&key) => text.push_str(EVIL),
        Value::Array(items) if key != "proxies" => items.iter_mut().for_each(|item| spoil(item, key)),
        Value::Object(entries) => {
            let spoilt = std::mem::take(entries).into_iter().map(|(name, mut value)| {
                spoil(&mut value, &name);
                // Names of faults and causes come from the proxy too.
                let own = matches!(key, "injected" | "suppressed" | "options");
                (if own { format!("{name}{EVIL}") } else { name }, value)
            });
            *entries = spoilt.collect();
        }
        _ => {}
    }
}

fn hostile() -> String {
    let evil_url = serde_json::to_string(&format!("http://10.0.0.6:9902/{EVIL}")).expect("text");
    text()
        .lines()
        .map(|line| {
            let mut record: Value = serde_json::from_str(line).expect("JSON");
            spoil(&mut record, "");
            format!("{}\n", record.to_string().replace("\"http://10.0.0.6:9902\"", &evil_url))
        })
        .collect()
}

#[test]
fn nothing_of_a_journal_becomes_markup_of_the_page() {
    let run = run_of(&hostile());
    let clean = page(&run_of(&text()), Form::Html);
    let compared = Comparison::of(&run, &run);
    let html = page(&run, Form::Html);
    for html in [&html, &comparison([&run, &run], &compared, Form::Html).expect("a page")] {
        for bad in ["<script", "<img", "onerror=alert(2)>", "49", "\u{1b}", "\u{202e}"] {
            let found =
                html.match_indices(bad).next().map(|(at, _)| html.get(at.saturating_sub(80)..at + 80));
            // 49 may stand in numbers; as the value of the expression it would stand before the escaped title.
            let bad_number = bad == "49" && !html.contains("49&lt;&#x2f;title");
            assert!(found.is_none() || bad_number, "{bad}: {found:?}");
        }
    }
    assert!(html.contains("&lt;script&gt;"));
    // Not one element more or less than of a journal without hostile texts.
    for tag in ["<table", "<section", "<svg", "</svg>", "<h2", "<pre", "<style", "</title>"] {
        assert_eq!(html.matches(tag).count(), clean.matches(tag).count(), "{tag}");
    }
}

#[test]
fn nothing_of_a_journal_becomes_markup_of_the_markdown() {
    let markdown = page(&run_of(&hostile()), Form::Markdown);
    let clean = page(&run_of(&text()), Form::Markdown);
    assert!(!markdown.contains(['\u{1b}', '\u{202e}']));
    let (mut outside, mut fence) = (String::new(), None::<String>);
    for line in markdown.lines() {
        match &fence {
            Some(open) if line == open => fence = None,
            Some(_) => {}
            None if line.starts_with("```") => fence = Some(line.chars().take_while(|c| *c == '`').collect()),
            None => outside += &format!("{line}\n"),
        }
    }
    assert_eq!(fence, None, "every block ends");
    for bad in ["<script", "<img", "**c**", "](javascript"] {
        let at = outside
            .match_indices(bad)
            .find(|(at, _)| !outside.get(..*at).is_some_and(|before| before.ends_with('\\')));
        let escaped = bad == "](javascript";
        assert!(at.is_none() || (escaped && outside.contains("\\](javascript")), "{bad}");
    }
    let heads = |text: &str| text.lines().filter(|line| line.starts_with('#')).count();
    assert_eq!(heads(&outside), heads(&clean), "no text becomes a heading");
    // Cells stay cells.
    let rows = |text: &str| text.lines().filter(|line| line.starts_with("| ")).count();
    assert_eq!(rows(&outside), rows(&clean));
}
