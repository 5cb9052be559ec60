//! Nothing but a good release ends a halt, and nothing brings back what it has ended.

use super::running::MISSION;
use super::{ALICE, Besieged, asked, good, request, row};
use crate::BOUND;
use crate::proxy::until;
use crate::signing::CAROL;

const MISSIONS: &str = "/v1/missions";
const RELEASE: &str = "/v1/release";
const RENEW: &str = "/v1/missions/runs/renew";

pub async fn scene(besieged: &mut Besieged) {
    let halted = besieged.proxy.halt().await;
    until(halted + BOUND).await;
    let release = |mission| request("release", mission);
    let refused = |kind, what, body, code| row((kind, what), RELEASE, body, (403, code));
    let renewal = asked(&request("renew", Some(MISSION)), &[ALICE]);
    let attacks = vec![
        refused("forged", "a release that nobody has signed", release(None), "signature-needed"),
        refused(
            "forged",
            "a release by a stranger",
            asked(&release(None), &[("mallory", 9)]),
            "unknown-operator",
        ),
        refused(
            "forged",
            "a release by one who may only stop",
            asked(&release(None), &[("dave", 4)]),
            "not-allowed",
        ),
        refused(
            "forged",
            "a release by one who may not so much",
            asked(&release(None), &[CAROL]),
            "not-allowed",
        ),
        refused(
            "cross-mission",
            "the release of another one's halt",
            asked(&release(Some("other")), &[ALICE]),
            "other-target",
        ),
        refused(
            "cross-mission",
            "a stop as a release",
            asked(&request("stop", None), &[ALICE]),
            "other-target",
        ),
        row(("reordered", "a renewal after the halt"), RENEW, &renewal, (409, "mission-ended")),
        row(("reordered", "a mission before the release"), MISSIONS, good("next"), (409, "halted")),
        row(("replayed", "the mission that was halted"), MISSIONS, good(MISSION), (409, "halted")),
    ];
    besieged.stand(attacks, "halted", 200).await;
    let used = asked(&release(None), &[ALICE]);
    let released = besieged.proxy.post(RELEASE, &used).await;
    assert_eq!(released.status, 200, "{}", released.text());
    let replays = vec![
        row(("replayed", "the mission after the release"), MISSIONS, good(MISSION), (409, "mission-ended")),
        row(("replayed", "the release of no halt"), RELEASE, &used, (409, "not-halted")),
        row(("replayed", "a renewal that came too late"), RENEW, &renewal, (403, "replayed")),
    ];
    besieged.stand(replays, "halted", 200).await;
    // Another halt is not released by the release of this one.
    besieged.proxy.halt().await;
    let replay = vec![row(("replayed", "the release of an earlier halt"), RELEASE, &used, (403, "replayed"))];
    besieged.stand(replay, "halted", 200).await;
}
