//! Safety rules: caps and the longest mission.

use crate::{Mistake, check, errors, good, load, mistake, mistake_in, put};
use squall_policy::Code::{NothingGiven, OutOfRange, TooLong, UnknownKey, WrongType};

const SAFETY: &str = "/catalog/scenarios/0/safety";

#[test]
fn caps() {
    const TOTAL: &str = "catalog.scenarios[0].safety.max_total";
    const MISTAKES: &[Mistake] = &[
        mistake(SAFETY, "{}", NothingGiven),
        mistake(SAFETY, "[]", WrongType),
        mistake(SAFETY, "null", WrongType),
        mistake_in(SAFETY, "{\"max_totl\": 1}", UnknownKey, "catalog.scenarios[0].safety.max_totl"),
        mistake_in(SAFETY, "{\"max_total\": 0}", OutOfRange, TOTAL),
        mistake_in(SAFETY, "{\"max_total\": -1}", OutOfRange, TOTAL),
        mistake_in(SAFETY, "{\"max_total\": 1.5}", OutOfRange, TOTAL),
        mistake_in(SAFETY, "{\"max_total\": 1e300}", OutOfRange, TOTAL),
        mistake_in(SAFETY, "{\"max_total\": 1000000001}", OutOfRange, TOTAL),
        mistake_in(SAFETY, "{\"max_total\": \"5\"}", WrongType, TOTAL),
        mistake_in(SAFETY, "{\"max_total\": \"5%\"}", WrongType, TOTAL),
        mistake_in(
            SAFETY,
            "{\"max_concurrent\": 0}",
            OutOfRange,
            "catalog.scenarios[0].safety.max_concurrent",
        ),
        mistake_in(
            SAFETY,
            "{\"max_per_second\": \"9/s\"}",
            WrongType,
            "catalog.scenarios[0].safety.max_per_second",
        ),
        mistake_in(SAFETY, "{\"max_duration\": 60}", WrongType, "catalog.scenarios[0].safety.max_duration"),
        mistake_in(
            SAFETY,
            "{\"max_duration\": \"8days\"}",
            OutOfRange,
            "catalog.scenarios[0].safety.max_duration",
        ),
        mistake("/mission/safety", "{}", NothingGiven),
        mistake_in("/mission/safety", "{\"max_total\": 0}", OutOfRange, "mission.safety.max_total"),
        // A mission's own length is its `duration`.
        mistake_in(
            "/mission/safety",
            "{\"max_duration\": \"1m\"}",
            UnknownKey,
            "mission.safety.max_duration",
        ),
    ];
    check(MISTAKES);
}

#[test]
fn a_mission_longer_than_the_shortest_longest_of_its_scenarios_is_refused() {
    // 15 minutes; the third scenario is not part of the mission.
    let longest = |seconds: [&str; 3]| {
        let mut configuration = good();
        for (number, longest) in seconds.iter().enumerate() {
            let at = format!("/catalog/scenarios/{number}/safety");
            put(&mut configuration, &at, &format!("{{\"max_duration\": \"{longest}\"}}"));
        }
        load(configuration.to_string().as_bytes())
    };
    let (loaded, findings) = longest(["15m", "1h", "1s"]);
    assert!(loaded.is_some(), "{findings:?}");
    let (loaded, findings) = longest(["14m 59s", "10m", "1s"]);
    assert!(loaded.is_none());
    match errors(&findings)[..] {
        [found] => {
            assert_eq!((found.code, found.path.as_str()), (TooLong, "mission.duration"));
            assert!(found.message.contains("`fail-auth`") && found.message.contains("10m"), "{found}");
            assert!(found.hint.contains("10m"), "{found}");
        }
        ref others => panic!("{others:?}"),
    }
}
