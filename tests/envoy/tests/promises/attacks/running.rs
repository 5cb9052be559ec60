//! Requests that must not touch a mission which runs.

use super::{ALICE, Attack, BOB, Besieged, asked, flipped, from_now, good, request, request_at, row};
use crate::BOUND;
use crate::signing::CAROL;
use serde_json::{Value, json};
use squall_envoy_tests::eventually;

const STOP: &str = "/v1/missions/runs/stop";
const RENEW: &str = "/v1/missions/runs/renew";
pub const MISSION: &str = "runs";

pub async fn scene(besieged: &mut Besieged) {
    let started = besieged.proxy.post("/v1/missions", &good(MISSION)).await;
    assert_eq!(started.status, 201, "{}", started.text());
    let proxy = &besieged.proxy;
    let all = async || {
        let report = proxy.load("/size/1").connections(16).requests(64).await.ok()?;
        (report.count(503) == 64).then_some(())
    };
    eventually("the mission on all workers", BOUND, all).await.unwrap();
    let used = asked(&request("renew", Some(MISSION)), &[ALICE]);
    assert_eq!(proxy.post(RENEW, &used).await.status, 200);
    let mut attacks = attacks();
    attacks.push(row(("replayed", "a renewal"), RENEW, &used, (403, "replayed")));
    attacks.push(row(("replayed", "a renewal as a stop"), STOP, &used, (403, "other-target")));
    besieged.stand(attacks, "injecting", 503).await;
}

fn attacks() -> Vec<Attack> {
    let stop = || request("stop", Some(MISSION));
    let refused = |kind, what, body: Value, code| row((kind, what), STOP, body, (403, code));
    let other_proxy = {
        let mut body = stop();
        body["proxy"] = json!("another");
        asked(&body, &[ALICE])
    };
    let cut = asked(&stop(), &[ALICE]).to_string();
    vec![
        refused("forged", "a stop that nobody has signed", stop(), "signature-needed"),
        refused("forged", "a stop by a stranger", asked(&stop(), &[("mallory", 9)]), "unknown-operator"),
        refused("forged", "a stop with a foreign key", asked(&stop(), &[("alice", 9)]), "bad-signature"),
        refused(
            "forged",
            "a stop, one bit changed",
            flipped(asked(&stop(), &[ALICE]), "/signatures/0/sig"),
            "bad-signature",
        ),
        row(("forged", "a stop by two"), STOP, asked(&stop(), &[ALICE, BOB]), (400, "bad-body")),
        row(
            ("forged", "a renewal by one who may only stop"),
            RENEW,
            asked(&request("renew", Some(MISSION)), &[("dave", 4)]),
            (403, "not-allowed"),
        ),
        row(
            ("forged", "a renewal by one who may not so much"),
            RENEW,
            asked(&request("renew", Some(MISSION)), &[CAROL]),
            (403, "not-allowed"),
        ),
        refused(
            "expired",
            "a stop of an hour ago",
            asked(&request_at(from_now(-3_600), "stop", Some(MISSION)), &[ALICE]),
            "stale-request",
        ),
        refused(
            "expired",
            "a stop of the next hour",
            asked(&request_at(from_now(3_600), "stop", Some(MISSION)), &[ALICE]),
            "stale-request",
        ),
        refused(
            "cross-mission",
            "the stop of another one",
            asked(&request("stop", Some("other")), &[ALICE]),
            "other-target",
        ),
        refused(
            "cross-mission",
            "a renewal as a stop",
            asked(&request("renew", Some(MISSION)), &[ALICE]),
            "other-target",
        ),
        refused("cross-mission", "a stop for another proxy", other_proxy, "other-target"),
        row(("cross-mission", "a mission as a stop"), STOP, good(MISSION), (400, "bad-body")),
        row(
            ("cross-mission", "a stop of one that is not here"),
            "/v1/missions/other/stop",
            asked(&request("stop", Some("other")), &[ALICE]),
            (404, "unknown-mission"),
        ),
        row(("truncated", "half a stop"), STOP, &cut[..cut.len() / 2], (400, "bad-body")),
        row(
            ("oversized", "a stop of 20 KB"),
            STOP,
            format!("{cut}{}", " ".repeat(20_000)),
            (413, "too-large"),
        ),
        row(("replayed", "the mission that runs"), "/v1/missions", good(MISSION), (409, "mission-runs")),
        row(
            ("reordered", "the next mission before the end of this"),
            "/v1/missions",
            good("next"),
            (409, "mission-runs"),
        ),
        row(
            ("reordered", "a release before a halt"),
            "/v1/release",
            asked(&request("release", None), &[ALICE]),
            (409, "not-halted"),
        ),
    ]
}
