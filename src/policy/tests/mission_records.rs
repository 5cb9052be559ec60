//! The forms in which workers and modules of a proxy agree through shared data.

use proptest::prelude::*;
use squall_policy::mission::{
    Current, CurrentMission, End, Ended, HaltRecord, MissionRecord, Order, Rules, Source, Stage, Stamp,
};

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 200,
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(2),
        ..ProptestConfig::default()
    }
}

fn stamp() -> impl Strategy<Value = Stamp> {
    (any::<u64>(), any::<i64>()).prop_map(|(wall_ms, mono_ns)| Stamp { wall_ms, mono_ns })
}

fn rules() -> impl Strategy<Value = Rules> {
    let stages = prop::collection::btree_map(any::<u64>(), 1_u32..=1_000_000, 0..100);
    (any::<[u64; 4]>(), stages).prop_map(|([duration_ms, baseline_ms, recovery_ms, lease_ms], stages)| {
        let stages = stages.into_iter().map(|(until_ms, intensity_ppm)| Stage { until_ms, intensity_ppm });
        Rules { duration_ms, baseline_ms, recovery_ms, lease_ms, stages: stages.collect() }
    })
}

fn ended() -> impl Strategy<Value = Ended> {
    let end = prop::sample::select(vec![End::Done, End::Halted, End::Stopped, End::Lease]);
    (end, stamp(), ".{0,40}", ".{0,40}").prop_map(|(end, at, by, reason)| Ended { end, at, by, reason })
}

fn source() -> impl Strategy<Value = Source> {
    prop::sample::select(vec![Source::Configuration, Source::Order])
}

fn record() -> impl Strategy<Value = MissionRecord> {
    let instants = (stamp(), stamp(), stamp());
    let rest = (prop::option::of(any::<i64>()), any::<u64>(), source(), ".{0,128}");
    (instants, rest, rules(), prop::option::of(ended())).prop_map(
        |((start, not_before, renewed), (recovers_from_ns, halts, source, seed), rules, ended)| {
            MissionRecord { start, not_before, renewed, recovers_from_ns, halts, source, seed, rules, ended }
        },
    )
}

fn halt() -> impl Strategy<Value = HaltRecord> {
    let texts = (".{0,40}", ".{0,40}", ".{0,40}", ".{0,40}");
    (any::<u64>(), any::<u64>(), any::<u64>(), stamp(), texts).prop_map(
        |(one, two, released_until_ms, at, (reason, detail, by, mission))| HaltRecord {
            count: one.max(two),
            released: one.min(two),
            at,
            reason,
            detail,
            by,
            mission,
            released_until_ms,
        },
    )
}

fn current() -> impl Strategy<Value = Current> {
    let names = || prop::collection::vec("[a-z]{1,9}", 0..5);
    let mission = ("[a-z]{1,9}", "[a-z]{1,9}", source(), names(), names()).prop_map(
        |(id, namespace, source, scenarios, approved_by)| CurrentMission {
            id,
            namespace,
            source,
            scenarios,
            approved_by,
        },
    );
    let runs = prop::collection::vec(("[a-z]{0,9}", "[a-z]{1,9}"), 0..64);
    (prop::collection::vec(mission, 0..16), runs).prop_map(|(missions, runs)| Current { missions, runs })
}

/// Its own bytes are read as it is; any cut, addition or other version is refused, and nothing panics.
fn check<T: PartialEq + std::fmt::Debug>(
    value: &T,
    bytes: &[u8],
    read: fn(&[u8]) -> Option<T>,
    at: usize,
    noise: &[u8],
) -> Result<(), TestCaseError> {
    let own = read(bytes);
    prop_assert_eq!(own.as_ref(), Some(value));
    let cut = at % bytes.len();
    prop_assert!(cut == 0 || read(&bytes[..cut]).is_none(), "cut at {cut}");
    let longer = [bytes, &[0]].concat();
    prop_assert!(read(&longer).is_none(), "a byte too many");
    let mut other = bytes.to_vec();
    other[at % 8] ^= 1;
    prop_assert!(read(&other).is_none(), "another version");
    let _ = read(noise);
    // A right beginning with noise behind it.
    let _ = read(&[&bytes[..cut], noise].concat());
    Ok(())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_mission_record_is_read_as_it_was_written(
        value in record(), at in any::<usize>(), noise in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        check(&value, &value.to_bytes(), MissionRecord::from_bytes, at, &noise)?;
    }

    #[test]
    fn a_halt_record_is_read_as_it_was_written(
        value in halt(), at in any::<usize>(), noise in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        check(&value, &value.to_bytes(), HaltRecord::from_bytes, at, &noise)?;
    }

    #[test]
    fn the_current_missions_are_read_as_they_were_written(
        value in current(), at in any::<usize>(), noise in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        check(&value, &value.to_bytes(), Current::from_bytes, at, &noise)?;
    }

    #[test]
    fn an_order_is_read_as_it_was_written(serial in any::<u64>(), wall_ms in any::<u64>(), bytes in any::<Vec<u8>>()) {
        let order = Order { serial, wall_ms, bytes };
        let written = order.to_bytes();
        prop_assert_eq!(Order::from_bytes(&written), Some(order));
        prop_assert_eq!(Order::from_bytes(&written[..20]), None);
        prop_assert_eq!(Order::from_bytes(&written[1..]), None);
    }
}

#[test]
fn a_proxy_without_records_has_no_halts_and_no_missions_and_no_mission_is_read_from_nothing() {
    assert_eq!(HaltRecord::from_bytes(b""), Some(HaltRecord::default()));
    assert_eq!(Current::from_bytes(b""), Some(Current::default()));
    assert_eq!((MissionRecord::from_bytes(b""), Order::from_bytes(b"")), (None, None));
    assert_eq!(MissionRecord::from_bytes(br#"{"start_wall_ms":1,"ended":false}"#), None);
}

#[test]
fn more_was_released_than_ever_halted_is_no_record() {
    let record = HaltRecord { count: 1, released: 2, ..HaltRecord::default() };
    assert_eq!(HaltRecord::from_bytes(&record.to_bytes()), None);
}

#[test]
fn the_newest_mission_is_the_last_and_only_so_many_are_remembered() {
    let mission = |id: String| CurrentMission {
        id,
        namespace: "shop".to_owned(),
        source: Source::Order,
        scenarios: vec!["db".to_owned()],
        approved_by: Vec::new(),
    };
    let mut current = Current::default();
    for number in 0..40 {
        current = current.with(&mission(format!("m{number}"))).expect("a new one");
    }
    assert_eq!(current.with(&mission("m39".to_owned())), None, "it is the newest already");
    let again = current.with(&mission("m30".to_owned())).expect("it becomes the newest");
    assert_eq!(again.missions.len(), 16);
    assert_eq!(again.missions.last().map(|m| m.id.as_str()), Some("m30"));
    assert_eq!(Current::from_bytes(&again.to_bytes()), Some(again));
}

#[test]
fn a_mission_is_run_while_the_newest_configuration_of_some_plugin_asks_for_it() {
    let mut current = Current::default();
    let mut tell = |plugin: &str, mission: Option<&str>, beside: bool| {
        let next = current.with_plugin(plugin, mission, beside);
        let is_new = next.is_some();
        if let Some(next) = next {
            current = next;
        }
        (is_new, ["m", "n"].map(|mission| current.is_run(mission)))
    };
    assert_eq!(tell("one", None, false), (false, [false, false]));
    assert_eq!(tell("one", Some("m"), false), (true, [true, false]));
    assert_eq!(tell("one", Some("m"), false), (false, [true, false]), "known already");
    assert_eq!(tell("two", Some("m"), false), (true, [true, false]));
    assert_eq!(tell("one", Some("n"), false), (true, [true, true]), "the other one still runs it");
    assert_eq!(tell("two", None, false), (true, [false, true]));
    // The same name twice: one configuration came, and the other one turned out to go on beside it.
    assert_eq!(tell("one", None, false), (true, [false, false]));
    assert_eq!(tell("one", Some("m"), true), (true, [true, false]));
    assert_eq!(tell("one", Some("n"), true), (true, [true, true]));
    for number in 0..100 {
        tell(&format!("p{number}"), Some("m"), false);
    }
    assert_eq!(current.runs.len(), 64);
    assert_eq!(Current::from_bytes(&current.to_bytes()), Some(current));
}
