//! What keys and messages do to the model.

use super::fleet::{BEGIN_MS, at, exceeding, fleet, halted, heard, idle, injecting, one};
use crate::watch::model::{Dialog, Effect, Key, Message, Model};
use crate::watch::scene::Scene;
use serde_json::json;

fn press(model: &mut Model, key: Key) -> Option<Effect> {
    model.update(Message::Key(key))
}

#[test]
fn a_halt_is_asked_for_once_and_confirmed_by_enter_or_y_alone() {
    let mut model = fleet();
    assert_eq!(press(&mut model, Key::Char('h')), None);
    for other in [Key::Char('x'), Key::Char('q'), Key::Next, Key::Char('h'), Key::Char('?')] {
        assert_eq!(press(&mut model, other), None);
        assert!(matches!(model.dialog, Dialog::AskHalt), "{other:?}");
    }
    assert_eq!(press(&mut model, Key::Escape), None);
    assert!(matches!(model.dialog, Dialog::None));
    for yes in [Key::Enter, Key::Char('y')] {
        press(&mut model, Key::Char('h'));
        assert_eq!(press(&mut model, yes), Some(Effect::Halt));
        assert!(matches!(&model.dialog, Dialog::Halting(answers) if answers.len() == 4));
        assert_eq!(press(&mut model, Key::Enter), None);
        assert!(matches!(model.dialog, Dialog::None));
    }
}

#[test]
fn the_answer_of_each_proxy_to_a_halt_is_kept_and_a_late_one_does_no_harm() {
    let mut model = fleet();
    press(&mut model, Key::Char('h'));
    press(&mut model, Key::Enter);
    model.update(Message::Halted { proxy: 2, answer: Err("no answer".to_owned()) });
    model.update(Message::Halted { proxy: 0, answer: Ok("halted".to_owned()) });
    model.update(Message::Halted { proxy: 9, answer: Ok("halted".to_owned()) });
    let Dialog::Halting(answers) = &model.dialog else { panic!("no answers") };
    assert_eq!(answers.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, true, false]);
    press(&mut model, Key::Escape);
    model.update(Message::Halted { proxy: 1, answer: Ok("halted".to_owned()) });
    assert!(matches!(model.dialog, Dialog::None));
}

#[test]
fn leaving_is_always_possible() {
    let mut model = fleet();
    assert_eq!(press(&mut model, Key::Char('q')), Some(Effect::Leave));
    for open in ['h', '?'] {
        press(&mut model, Key::Char(open));
        assert_eq!(press(&mut model, Key::Interrupt), Some(Effect::Leave));
        press(&mut model, Key::Escape);
    }
    assert_eq!(model.update(Message::Leave), Some(Effect::Leave));
}

#[test]
fn proxies_are_ranked_by_trouble_and_selected_in_that_order() {
    let mut model = fleet();
    // Lost, exceeding, running, idle.
    assert_eq!(model.ranked(), [2, 1, 0, 3]);
    heard(&mut model, 3, halted());
    assert_eq!(model.ranked(), [3, 2, 1, 0]);
    let mut seen = vec![model.selected];
    for _ in 0..5 {
        press(&mut model, Key::Next);
        seen.push(model.selected);
    }
    assert_eq!(seen, [None, Some(3), Some(2), Some(1), Some(0), None]);
    press(&mut model, Key::Previous);
    assert_eq!(model.selected, Some(0));
    let mut alone = one(idle());
    press(&mut alone, Key::Next);
    assert_eq!(alone.selected, Some(0));
}

#[test]
fn a_proxy_that_does_not_answer_is_lost_since_its_last_answer() {
    let mut model = one(injecting(1));
    let lose = |at_ms| Message::Silent { proxy: 0, at_ms, why: "gone".to_owned() };
    model.update(lose(BEGIN_MS + 380_000));
    model.update(lose(BEGIN_MS + 390_000));
    let lost = model.proxies[0].lost.clone().expect("lost");
    assert_eq!((lost.since_ms, lost.why.as_str()), (BEGIN_MS + 372_000, "gone"));
    assert!(model.proxies[0].observed().is_some(), "what was known last stays in sight");
    heard(&mut model, 0, injecting(1));
    assert!(model.proxies[0].lost.is_none());
    model.update(Message::Heard { proxy: 0, at_ms: BEGIN_MS + 400_000, status: json!({"no": "status"}) });
    assert!(model.proxies[0].lost.is_some());
}

/// One that hangs has not failed yet.
#[test]
fn a_proxy_that_takes_long_to_answer_is_silent_and_its_countdown_goes_on() {
    let mut model = one(injecting(1));
    assert!(!model.is_silent(&model.proxies[0]));
    model.update(Message::Tick(BEGIN_MS + 377_000));
    assert!(model.is_silent(&model.proxies[0]));
    assert_eq!(model.left_s(&model.proxies[0], 528), 523);
    assert_eq!(model.left_s(&model.proxies[0], 2), 0);
}

#[test]
fn of_all_together_counts_add_up_and_the_worst_stands_first() {
    let model = fleet();
    let scene = Scene::of(&model);
    let treatment = scene.group("treatment").expect("a group");
    assert_eq!((treatment.requests, scene.ledger[0].matched), (4_804, 48_620));
    assert_eq!(scene.guards[0].0.url, "http://10.0.0.6:9902");
    let errors = &scene.signals[1];
    assert_eq!((errors.violated, errors.inconclusive, errors.signal.verdict.as_str()), (1, 1, "violated"));
    assert_eq!(scene.events.len(), 6);
    assert_eq!((scene.of.len(), scene.other_missions), (4, 0));
}

#[test]
fn events_come_once_and_begin_anew_after_a_restart_of_the_proxy() {
    let mut model = one(exceeding());
    let event = |number: u64| json!({"number": number, "event": "stage.started", "at": at(number)});
    model.update(Message::Events { proxy: 0, anew: false, events: vec![event(3), event(4)] });
    let numbers =
        |model: &Model| model.proxies[0].events.iter().map(|event| event.number).collect::<Vec<_>>();
    assert_eq!(numbers(&model), [1, 2, 3, 4]);
    model.update(Message::Events { proxy: 0, anew: true, events: vec![event(1)] });
    assert_eq!(numbers(&model), [1]);
    model.update(Message::Events { proxy: 0, anew: false, events: (2..900).map(event).collect() });
    assert_eq!(model.proxies[0].events.len(), 200);
}

#[test]
fn whoever_leaves_is_told_what_goes_on() {
    assert_eq!(
        crate::watch::farewell(&fleet()),
        "left; the mission goes on: 2026-12-01-db-latency on 2 proxies, 8m 47s left; `chaosctl halt` ends it at once\n"
    );
    assert_eq!(crate::watch::farewell(&one(halted())), "left; no mission runs there\n");
}
