//! Events: what a line looks like whatever is put into it, and what the ring of the last lines keeps.

use proptest::prelude::*;
use serde_json::{Value, json};
use squall_policy::events::{Event, LONGEST_LINE, MOST_BYTES, MOST_LINES, Name, Ring, rfc3339};

/// 2026-12-01T09:00:00Z.
const NOON: u64 = 1_796_115_600_000;

fn parsed(event: &Event) -> Value {
    serde_json::from_str(&event.line()).expect("a line of JSON")
}

fn numbered(number: usize) -> Event {
    Event::new(Name::StageStarted, NOON).number("stage", number as u64)
}

#[test]
fn a_line_begins_with_its_name_and_its_moment_and_keeps_the_order_of_its_keys() {
    let event = Event::new(Name::GuardrailTripped, NOON + 7)
        .text("mission", "db-latency")
        .text_if("scenario", Some("slow"))
        .text_if("group", None)
        .number("requests", 1200)
        .thousandths("value_percent", 6_250)
        .thousandths("points", -70)
        .thousandths("limit", 5_000)
        .flag("halts", true)
        .texts("approved_by", &["alice", "bob"]);
    assert_eq!(
        event.line(),
        r#"{"event":"guardrail.tripped","at":"2026-12-01T09:00:00.007Z","mission":"db-latency","scenario":"slow","requests":1200,"value_percent":6.25,"points":-0.07,"limit":5,"halts":true,"approved_by":["alice","bob"]}"#
    );
}

#[test]
fn a_moment_without_end_is_the_last_one_that_can_be_written() {
    assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
    assert_eq!(rfc3339(NOON), "2026-12-01T09:00:00.000Z");
    assert_eq!(rfc3339(u64::MAX), "9999-12-31T23:59:59.999Z");
}

#[test]
fn names_are_words_with_a_dot_and_none_stands_for_two_events() {
    let mut words: Vec<&str> = Name::ALL.iter().map(|name| name.word()).collect();
    assert!(words.iter().all(|word| word.split('.').count() == 2), "{words:?}");
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), Name::ALL.len());
}

#[test]
fn a_text_from_outside_writes_no_line_of_its_own() {
    let hostile = "\"}\n{\"event\":\"halt.released\"}\r\u{1b}[2J\u{7f}\u{9b}\u{2028}\\";
    let event = Event::new(Name::RequestRefused, NOON).text("reason", hostile);
    assert!(!event.line().contains(char::is_control), "{}", event.line());
    assert_eq!(parsed(&event)["reason"], json!(hostile));
    assert_eq!(parsed(&event)["event"], "request.refused");
}

#[test]
fn what_is_too_long_is_cut_and_says_so() {
    let long = "é".repeat(5000);
    let event = Event::new(Name::MissionRefused, NOON).text("a", &long);
    let text = parsed(&event)["a"].as_str().expect("text").to_owned();
    assert!(text.ends_with("é…") && text.len() <= 1024 + 3, "{}", text.len());

    let mut event = Event::new(Name::MissionRefused, NOON);
    for _ in 0..10 {
        event = event.text("many", &long);
    }
    let event = event.number("after", 1);
    assert!(event.line().len() <= LONGEST_LINE);
    assert_eq!((&parsed(&event)["cut"], &parsed(&event)["after"]), (&json!(true), &json!(1)));

    let items = vec!["x"; 1000];
    let event = Event::new(Name::MissionRefused, NOON).texts("items", &items);
    assert_eq!(parsed(&event)["items"].as_array().map(Vec::len), Some(32));
}

#[test]
fn the_ring_keeps_the_last_lines_under_their_numbers() {
    let mut ring = Ring::default();
    assert_eq!((ring.last(), ring.since(0).count()), (0, 0));
    for number in 1..=MOST_LINES + 50 {
        ring.append(&numbered(number));
    }
    assert_eq!(ring.last(), 250);
    let kept: Vec<_> = ring.since(0).collect();
    assert_eq!(kept.len(), MOST_LINES);
    for (number, entry) in kept {
        assert_eq!(entry.line, numbered(number as usize).line());
    }
    assert_eq!(ring.since(247).map(|(number, _)| number).collect::<Vec<_>>(), [248, 249, 250]);
    assert_eq!(ring.since(250).count(), 0);
    assert_eq!(ring.since(10).count(), MOST_LINES, "those up to 50 are gone");
}

#[test]
fn a_number_of_an_earlier_ring_gives_all_lines() {
    let mut ring = Ring::default();
    ring.append(&numbered(1));
    assert_eq!(ring.since(77).count(), 1);
}

#[test]
fn long_lines_push_out_more_than_one() {
    let mut ring = Ring::default();
    for number in 0..300 {
        let event = numbered(number).text("a", &"x".repeat(1024)).text("b", &"y".repeat(1024));
        ring.append(&event);
    }
    let size: usize = ring.since(0).map(|(_, entry)| entry.line.len()).sum();
    assert!(size <= MOST_BYTES && size > MOST_BYTES - LONGEST_LINE, "{size}");
    assert!(ring.to_bytes().len() <= MOST_BYTES + 9 + MOST_LINES * 10);
}

#[test]
fn what_every_worker_tells_is_told_once_within_ten_seconds() {
    let rejected = |at, errors| Event::new(Name::ConfigRejected, at).number("errors", errors);
    let mut ring = Ring::default();
    assert!(ring.append_once(&rejected(NOON, 3)));
    assert!(!ring.append_once(&rejected(NOON + 40, 3)));
    assert!(ring.append_once(&rejected(NOON + 40, 4)), "another one");
    assert!(!ring.append_once(&rejected(NOON - 40, 3)), "the clock has stepped");
    assert!(ring.append_once(&rejected(NOON + 10_000, 3)), "it came again");
    assert!(ring.append_once(&Event::new(Name::ConfigRejected, NOON)));
    assert!(!ring.append_once(&Event::new(Name::ConfigRejected, NOON)));
    assert!(ring.append_once(&Event::new(Name::RequestRefused, NOON).number("errors", 3)), "another event");
    assert_eq!(ring.last(), 5);
}

#[test]
fn bytes_that_are_no_ring_are_refused() {
    let mut ring = Ring::default();
    ring.append(&numbered(1));
    ring.append(&numbered(2));
    let good = ring.to_bytes();
    assert_eq!(Ring::from_bytes(&good), Some(ring));
    assert_eq!(Ring::from_bytes(b""), Some(Ring::default()));
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    let line = 9 + 10;
    let rows: Vec<(&str, Vec<u8>)> = vec![
        ("another form", with(0, 2)),
        ("fewer numbers than lines", with(1, 1)),
        ("lines and no number", with(1, 0)),
        ("a number and no lines", good[..9].to_vec()),
        ("one byte less", good[..good.len() - 1].to_vec()),
        ("one byte more", [good.clone(), vec![0]].concat()),
        ("a line that is too long for the rest", with(9 + 9, 0xff)),
        ("no UTF-8", with(line + 1, 0xff)),
        ("a line break", with(line + 1, b'\n')),
        ("no object", with(line, b'[')),
        ("only a form", vec![1]),
        ("text", b"squall".to_vec()),
    ];
    for (what, bytes) in rows {
        assert_eq!(Ring::from_bytes(&bytes), None, "{what}");
    }
    // Longer than any of ours, and more of them than there may be.
    let entry =
        |line: &str| [&NOON.to_le_bytes()[..], &(line.len() as u16).to_le_bytes(), line.as_bytes()].concat();
    let head = |last: u64| [&[1_u8][..], &last.to_le_bytes()].concat();
    let long = format!("{{{}}}", "x".repeat(LONGEST_LINE));
    assert_eq!(Ring::from_bytes(&[head(1), entry(&long)].concat()), None);
    let many = entry("{}").repeat(MOST_LINES + 1);
    assert_eq!(Ring::from_bytes(&[head(1000), many].concat()), None);
    let filling = format!("{{{}}}", "x".repeat(LONGEST_LINE - 2));
    let heavy = entry(&filling).repeat(MOST_BYTES / LONGEST_LINE + 1);
    assert_eq!(Ring::from_bytes(&[head(1000), heavy].concat()), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_texts_make_one_line_of_json(
        texts in prop::collection::vec((any::<String>(), any::<String>()), 0..12),
        at in any::<u64>(),
        number in any::<u64>(),
        thousandths in any::<i64>(),
    ) {
        let mut event = Event::new(Name::MissionHalted, at);
        for (key, value) in &texts {
            event = event.text(key, value);
        }
        let event = event.number("number", number).thousandths("part", thousandths);
        let line = event.line();
        prop_assert!(line.len() <= LONGEST_LINE && !line.contains(char::is_control));
        prop_assert!(serde_json::from_str::<Value>(&line).expect("JSON").is_object());
        let mut ring = Ring::default();
        ring.append(&event);
        prop_assert_eq!(ring.last(), 1);
    }

    #[test]
    fn what_is_written_is_read_again(sizes in prop::collection::vec(0_usize..4000, 0..400)) {
        let mut ring = Ring::default();
        for (number, size) in sizes.iter().enumerate() {
            ring.append(&numbered(number).text("a", &"z".repeat(*size)).text("b", &"z".repeat(*size)));
        }
        let read = Ring::from_bytes(&ring.to_bytes());
        prop_assert_eq!(read.as_ref(), Some(&ring));
        prop_assert_eq!(ring.last(), sizes.len() as u64);
        let numbers: Vec<u64> = ring.since(0).map(|(number, _)| number).collect();
        prop_assert!(numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]));
        prop_assert_eq!(numbers.last().copied().unwrap_or(0), ring.last());
    }

    #[test]
    fn garbage_is_read_as_a_ring_or_refused_and_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Some(ring) = Ring::from_bytes(&bytes) {
            prop_assert!(bytes.is_empty() || ring.to_bytes() == bytes);
        }
    }

    #[test]
    fn a_changed_byte_is_refused_or_still_a_ring(at in 0_usize..400, byte in any::<u8>()) {
        let mut ring = Ring::default();
        for number in 0..4 {
            ring.append(&numbered(number));
        }
        let mut bytes = ring.to_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Some(read) = Ring::from_bytes(&bytes) {
            prop_assert_eq!(read.to_bytes(), bytes);
            prop_assert!(read.since(0).all(|(_, entry)| !entry.line.contains('\n')));
        }
    }
}
