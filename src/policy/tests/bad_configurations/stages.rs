//! A mission's phases: stages, baseline, recovery, lease; and the release of halts.

use crate::{Mistake, check, errors, good, load, mistake, mistake_in, put};
use squall_policy::Code::{BadFormat, Conflict, MissingKey, OutOfRange, UnknownKey, WrongType};

#[test]
fn stages() {
    const STAGES: &str = "/mission/stages";
    const MISTAKES: &[Mistake] = &[
        mistake(STAGES, "[]", OutOfRange),
        mistake(STAGES, "\"100%\"", WrongType),
        mistake_in("/mission/stages/0", "{\"for\": \"4m\"}", MissingKey, "mission.stages[0].intensity"),
        mistake("/mission/stages/0/intensity", "10", WrongType),
        mistake("/mission/stages/0/intensity", "0.1", WrongType),
        mistake("/mission/stages/0/intensity", "\"10\"", BadFormat),
        mistake("/mission/stages/0/intensity", "\"%\"", BadFormat),
        mistake("/mission/stages/0/intensity", "\"-5%\"", BadFormat),
        mistake("/mission/stages/0/intensity", "\"1e1%\"", BadFormat),
        mistake("/mission/stages/0/intensity", "\".5%\"", BadFormat),
        mistake("/mission/stages/0/intensity", "\"0.00001%\"", BadFormat),
        mistake("/mission/stages/0/intensity", "\"0%\"", OutOfRange),
        mistake("/mission/stages/0/intensity", "\"0.0000%\"", OutOfRange),
        mistake("/mission/stages/0/intensity", "\"100.0001%\"", BadFormat),
        mistake("/mission/stages/0/intensity", "\"999999999%\"", BadFormat),
        mistake("/mission/stages/0/for", "60", WrongType),
        mistake("/mission/stages/0/for", "\"0s\"", OutOfRange),
        mistake("/mission/stages/0/for", "\"8days\"", OutOfRange),
        mistake("/mission/stages/0/For", "\"1m\"", UnknownKey),
        mistake_in("/mission/stages/0/for", "\"3m\"", Conflict, "mission.stages"),
        mistake_in("/mission/stages/0/for", "\"4m 1ms\"", Conflict, "mission.stages"),
        mistake_in(
            "/mission/stages/2",
            "{\"for\": \"6m\", \"intensity\": \"1%\"}",
            Conflict,
            "mission.stages",
        ),
        mistake("/mission/stages/1/for", "", Conflict),
        mistake("/mission/baseline", "60", WrongType),
        mistake("/mission/baseline", "\"999ms\"", OutOfRange),
        mistake("/mission/baseline", "\"15m\"", Conflict),
        mistake_in("/mission/baseline", "\"2m\"", Conflict, "mission.stages"),
        mistake("/mission/recovery", "\"0s\"", OutOfRange),
        mistake("/mission/recovery", "true", WrongType),
        mistake("/mission/lease", "\"500ms\"", OutOfRange),
        mistake("/mission/lease", "30", WrongType),
        mistake("/release", "\"now\"", BadFormat),
        mistake("/release", "1796115600000", WrongType),
    ];
    check(MISTAKES);
}

#[test]
fn the_last_stage_may_last_until_the_deadline_where_time_is_left_for_it() {
    let mut configuration = good();
    put(&mut configuration, "/mission/stages/2/for", "");
    assert_eq!(load(configuration.to_string().as_bytes()).1, []);
    put(&mut configuration, "/mission/stages/1/for", "\"10m\"");
    let (_, findings) = load(configuration.to_string().as_bytes());
    assert_eq!(
        errors(&findings).iter().map(|d| (d.code, d.path.as_str())).collect::<Vec<_>>(),
        [(Conflict, "mission.stages")]
    );
    put(&mut configuration, "/mission/duration", "\"15m 1s\"");
    assert_eq!(load(configuration.to_string().as_bytes()).1, []);
}

#[test]
fn at_most_a_hundred_stages() {
    for (count, good_ones) in [(100, true), (101, false)] {
        let mut configuration = self::good();
        let stages = vec![serde_json::json!({"for": "1s", "intensity": "1%"}); count];
        configuration["mission"]["stages"] = stages.into();
        put(&mut configuration, "/mission/baseline", "");
        configuration["mission"]["duration"] = format!("{count}s").into();
        let (_, findings) = load(configuration.to_string().as_bytes());
        assert_eq!(errors(&findings).is_empty(), good_ones, "{findings:#?}");
    }
}
