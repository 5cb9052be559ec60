//! The first requests of each key: the table that counts them, and what the policy makes of a turn.

mod request;

use proptest::prelude::*;
use request::{Request, plan};
use serde_json::json;
use squall_policy::{Direction, Fact, Facts, Plan, Seed, Spared, Turn, Turns};
use std::collections::{BTreeMap, HashMap};

const PIECE_MOST: usize = 60;

/// The whole table, as shared data holds it.
#[derive(Default)]
struct Table(BTreeMap<u16, Vec<u8>>);

impl Table {
    fn count(&mut self, turns: &Turns, now_ms: u64) -> Turn {
        let piece = self.0.entry(turns.piece).or_default();
        let (turn, changed) = turns.count(piece, now_ms);
        if turn == Turn::First {
            assert!(changed.len() < 1024, "{} bytes", changed.len());
            *piece = changed;
        } else {
            assert!(changed.is_empty());
        }
        turn
    }
}

/// A key of the piece 0.
fn crowded(number: u64, requests: u32, forget_after_ms: u64) -> Turns {
    Turns::new(0, (number + 1) << 8, requests, forget_after_ms)
}

fn spread(number: u64) -> Turns {
    let mut chance = Seed::from_text("s").chance("test", &number.to_le_bytes(), "");
    Turns::new(chance.word(), chance.word(), 2, 60_000)
}

proptest! {
    /// Against a map that never forgets to forget: each step is a key and the time that has passed.
    #[test]
    fn a_table_with_room_counts_as_a_map_would(
        steps in prop::collection::vec((0..50_u64, 0..400_u64), 1..600),
        requests in 1..6_u32,
    ) {
        let mut table = Table::default();
        let mut map: HashMap<u64, (u32, u64)> = HashMap::new();
        let mut now = 0;
        for (key, passed) in steps {
            now += passed;
            let (count, forgotten) = map.get(&key).copied().filter(|(_, at)| *at > now).unwrap_or((0, 0));
            let wanted = if count < requests { Turn::First } else { Turn::Done };
            let entry = if count < requests { (count + 1, now + 5_000) } else { (count, forgotten) };
            map.insert(key, entry);
            prop_assert_eq!(table.count(&crowded(key, requests, 5_000), now), wanted);
        }
    }

    #[test]
    fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..200), now in any::<u64>()) {
        let turns = crowded(1, 3, u64::MAX);
        let (turn, changed) = turns.count(&bytes, now);
        let readable = bytes.is_empty() || (bytes[0] == 1 && bytes.len() % 16 == 1);
        prop_assert_eq!(turn == Turn::Unknown, !readable);
        prop_assert_eq!(changed.is_empty(), turn != Turn::First);
    }
}

#[test]
fn a_new_key_finds_no_room_in_a_full_piece_until_another_is_forgotten() {
    let mut table = Table::default();
    for key in 0..PIECE_MOST as u64 {
        assert_eq!(table.count(&crowded(key, 2, 1_000), key), Turn::First);
    }
    let late = crowded(1_000, 2, 1_000);
    assert_eq!(table.count(&late, 999), Turn::Full);
    // Those that are in go on as before.
    assert_eq!(table.count(&crowded(59, 2, 1_000), 999), Turn::First);
    assert_eq!(table.count(&crowded(59, 2, 1_000), 999), Turn::Done);
    // The first of them is forgotten now, and makes room; then it is new itself, and the second makes room for it.
    assert_eq!(table.count(&late, 1_000), Turn::First);
    assert_eq!(table.count(&crowded(0, 2, 1_000), 1_000), Turn::Full);
    assert_eq!(table.count(&crowded(0, 2, 1_000), 1_001), Turn::First);
    assert_eq!(table.count(&late, 1_001), Turn::First);
    assert_eq!(table.count(&late, 1_001), Turn::Done);
}

#[test]
fn thirty_thousand_keys_fit() {
    let mut table = Table::default();
    for _ in 0..2 {
        assert!((0..30_000).all(|key| table.count(&spread(key), 0) == Turn::First));
    }
    assert!((0..30_000).all(|key| table.count(&spread(key), 0) == Turn::Done));
    assert_eq!(table.0.len(), 1024);
    let full = (30_000..1_000_000).filter(|key| table.count(&spread(*key), 0) == Turn::Full).count();
    assert!(full > 900_000, "{full}: the table does not grow");
    assert!(table.0.values().map(Vec::len).sum::<usize>() < 1 << 20);
}

/// A request whose turns a table counts.
struct Counting<'t>(&'t mut Table, Request);

impl Facts for Counting<'_> {
    fn fact(&mut self, fact: &Fact) -> Option<&[u8]> {
        self.1.get(fact)
    }

    fn direction(&mut self) -> Direction {
        self.1.direction
    }

    fn count(&mut self, turns: &Turns) -> Turn {
        self.0.count(turns, 0)
    }
}

fn first_two(name: &str, more: serde_json::Value) -> serde_json::Value {
    let mut scope = json!({"allow_protected": true, "first": {"requests": 2, "per": {"header": "x-key"}}});
    scope.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
    json!({"name": name, "scope": scope, "faults": [{"abort": {"status": 503}}]})
}

fn spared(plan: &Plan, table: &mut Table, request: Request) -> Vec<Option<Spared>> {
    let verdict = plan.decide(&Seed::from_text("s"), &mut Counting(table, request));
    verdict.outcomes.iter().map(|outcome| outcome.spared).collect()
}

fn with_key(key: &str) -> Request {
    Request::with_id(key).header("x-key", key)
}

#[test]
fn the_first_requests_of_each_key_fail_and_then_it_succeeds() {
    let plan = plan("first_match", &[first_two("a", json!({}))]);
    let mut table = Table::default();
    let outcomes: Vec<_> = ["k", "k", "l", "k", "l", "l", "k"]
        .iter()
        .map(|key| spared(&plan, &mut table, with_key(key))[0])
        .collect();
    let done = Some(Spared::FirstDone);
    assert_eq!(outcomes, [None, None, None, done, None, done, done]);
    assert_eq!(spared(&plan, &mut table, Request::new()), [Some(Spared::NoKey)]);
    for cause in [Spared::FirstDone, Spared::FirstFull, Spared::NoKey] {
        assert!(!cause.is_control(), "it could never have got a fault");
    }
}

/// What is spared for another reason takes no turn, and each scenario and mission counts for itself.
#[test]
fn only_what_is_about_to_get_faults_takes_a_turn() {
    let half = first_two("half", json!({"sample": {"percent": 50}}));
    let tries = first_two("tries", json!({"attempts": [1]}));
    let plan = plan("first_match", &[half, first_two("all", json!({})), tries]);
    let mut table = Table::default();
    let (mut halves, mut alls, mut tried) = (0, 0, 0);
    for number in 0..60 {
        let request = Request::with_id(&number.to_string()).header("x-key", "k");
        let outcomes = spared(&plan, &mut table, request.clone().header("x-envoy-attempt-count", "2"));
        assert_eq!(outcomes[2], Some(Spared::Attempt));
        halves += u64::from(outcomes[0].is_none());
        alls += u64::from(outcomes[1].is_none());
        tried += u64::from(outcomes[2].is_none());
    }
    assert_eq!((halves, alls, tried), (2, 2, 0));
    let request = || Request::with_id("z").header("x-key", "k");
    let third = |table: &mut Table| spared(&plan, table, request())[2];
    assert_eq!([third(&mut table), third(&mut table)], [None, None], "no turn was taken before");
    assert_eq!(third(&mut table), Some(Spared::FirstDone));
    let mut other = request::plugin("first_match", &[first_two("all", json!({}))]);
    other["mission"]["id"] = json!("other");
    let other = request::load(&other).plan.expect("a mission");
    assert_eq!(spared(&other, &mut table, request()), [None]);
}

/// A worker that cannot count is on the safe side.
#[test]
fn an_unreadable_table_spares() {
    let plan = plan("first_match", &[first_two("a", json!({}))]);
    let mut table = Table::default();
    spared(&plan, &mut table, with_key("k"));
    table.0.values_mut().for_each(|piece| piece[0] = 9);
    assert!(matches!(spared(&plan, &mut table, with_key("k"))[0], Some(Spared::Capped(_))));
}
