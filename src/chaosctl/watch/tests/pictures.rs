//! What is drawn, as text, beside the golden files; and that nothing makes drawing fail.

use super::fleet::{exceeding, fleet, halted, heard, idle, injecting, one};
use crate::watch::model::{Key, Message, Model};
use crate::watch::render::{Theme, draw};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier};
use serde_json::json;
use std::path::Path;

fn drawn(model: &Model, (width, height): (u16, u16), color: bool) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a backend");
    terminal.draw(|frame| draw(frame, model, Theme { color })).expect("it is drawn");
    terminal.backend().buffer().clone()
}

fn text(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width).max(1);
    let rows = buffer.content.chunks(width);
    rows.map(|row| {
        let row: String = row.iter().map(ratatui::buffer::Cell::symbol).collect();
        row.trim_end().to_owned() + "\n"
    })
    .collect()
}

/// Compares with `tests/golden/watch/NAME.txt`; `UPDATE_GOLDEN=1` writes the file instead.
fn assert_picture(name: &str, model: &Model, size: (u16, u16)) {
    let found = text(&drawn(model, size, false));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/watch").join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("the folder can be made");
        std::fs::write(&path, &found).expect("the file can be written");
    }
    let held = std::fs::read_to_string(&path).unwrap_or_default();
    let command = "UPDATE_GOLDEN=1 cargo test -p chaosctl watch";
    assert!(held == found, "{name} looks otherwise; look at it, and run `{command}`\n{held}\n{found}");
}

#[test]
fn a_fleet_at_the_usual_sizes() {
    let model = fleet();
    for (width, height) in [(80, 24), (120, 40), (40, 15)] {
        assert_picture(&format!("fleet-{width}x{height}"), &model, (width, height));
    }
}

#[test]
fn one_proxy_at_the_usual_sizes() {
    for (width, height) in [(80, 24), (120, 40), (40, 15)] {
        assert_picture(&format!("one-{width}x{height}"), &one(exceeding()), (width, height));
    }
}

#[test]
fn other_states() {
    assert_picture("halted-80x24", &one(halted()), (80, 24));
    assert_picture("idle-80x24", &one(idle()), (80, 24));
    let mut selected = fleet();
    selected.update(Message::Key(Key::Next));
    assert_picture("lost-selected-80x24", &selected, (80, 24));
}

#[test]
fn dialogs() {
    let mut model = fleet();
    model.update(Message::Key(Key::Char('?')));
    assert_picture("help-80x24", &model, (80, 24));
    model.update(Message::Key(Key::Escape));
    model.update(Message::Key(Key::Char('h')));
    assert_picture("ask-80x24", &model, (80, 24));
    assert_picture("ask-40x15", &model, (40, 15));
    model.update(Message::Key(Key::Enter));
    model.update(Message::Halted {
        proxy: 0,
        answer: Ok("halted by dana at 2026-12-01T09:06:13Z".to_owned()),
    });
    model.update(Message::Halted {
        proxy: 2,
        answer: Err("cannot be reached: Connection refused".to_owned()),
    });
    assert_picture("halting-80x24", &model, (80, 24));
}

#[test]
fn without_colours_nothing_is_coloured_and_with_them_trouble_is_red() {
    let colors = |color| {
        let buffer = drawn(&one(halted()), (100, 30), color);
        let colors: Vec<Color> =
            buffer.content.iter().map(|cell| cell.fg).filter(|fg| *fg != Color::Reset).collect();
        (colors.contains(&Color::Red), colors.len())
    };
    assert_eq!(colors(false), (false, 0));
    assert!(colors(true).0);
    let bold = drawn(&one(halted()), (100, 30), false);
    assert!(bold.content.iter().any(|cell| cell.modifier.contains(Modifier::BOLD)));
}

#[test]
fn every_size_can_be_drawn() {
    let mut model = fleet();
    for key in [Key::Escape, Key::Char('?'), Key::Char('h'), Key::Enter] {
        model.update(Message::Key(key));
        for width in (1..12).chain([39, 40, 71, 72, 80, 99, 100, 140]) {
            for height in (1..8).chain([11, 12, 15, 24, 29, 30, 60]) {
                drawn(&model, (width, height), true);
            }
        }
    }
}

#[test]
fn what_a_hostile_proxy_answers_is_drawn_and_steers_nothing() {
    let evil = "\u{1b}]0;title\u{7}\u{1b}[2J\u{202e}evil\n日本語";
    let mut status = halted();
    for at in [
        "/mission/id",
        "/halt/detail",
        "/halt/by",
        "/guardrails/0/rule",
        "/signals/0/rule",
        "/signals/0/why",
        "/ledger/0/scenario",
        "/state",
    ] {
        *status.pointer_mut(at).unwrap_or_else(|| panic!("{at}")) = evil.into();
    }
    status["mission"]["stages"] = json!([{"for_s": u64::MAX, "intensity_percent": -3}, 7, {"for_s": "x"}]);
    status["mission"]["duration_s"] = json!(u64::MAX);
    status["mission"]["recovery_s"] = json!(u64::MAX);
    status["health"]["series"] = json!([null, {"at": "never"}, {"at": "2026-12-01T09:00:00Z", "control": 3, "treatment": {"p95_ms": 1e308, "requests": 1}}]);
    status["guardrails"][1]["distance"] = json!(-7e300);
    status["guardrails"][0]["value"] = json!(1e300);
    status["ledger"][0]["injected"] = json!({evil: u64::MAX, "b": u64::MAX});
    status["ledger"][0]["treatment"] = json!(u64::MAX);
    let mut model = one(status.clone());
    let events = vec![json!({"number": 9, "event": evil, "at": evil, evil: {"deep": evil}})];
    model.update(Message::Events { proxy: 0, anew: true, events });
    let mut two = fleet();
    heard(&mut two, 0, status);
    heard(&mut two, 1, injecting(u64::MAX));
    two.update(Message::Silent { proxy: 2, at_ms: 0, why: evil.repeat(300) });
    two.update(Message::Tick(u64::MAX));
    for model in [model, two] {
        for size in [(120, 40), (80, 24), (40, 15), (7, 7)] {
            let seen = text(&drawn(&model, size, true));
            assert!(!seen.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{seen}");
        }
    }
}
