//! What the user-service counts about its calls; `GET /stats` answers it as JSON.

use serde::{Deserialize, Serialize};

/// Events since the start of the user-service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallStats {
    /// Tries of an auth check: the first one, and retries.
    pub auth_tries: u64,
    /// Tries that were answered UNAVAILABLE.
    pub auth_unavailable: u64,
    /// Checks that a retry saved: UNAVAILABLE first, then an answer.
    pub auth_recovered: u64,
    /// Checks that were UNAVAILABLE to the last try.
    pub auth_lost: u64,
    /// Checks that ended because a try got no answer in time.
    pub auth_timeouts: u64,
    /// Profiles that did not come in time.
    pub profile_timeouts: u64,
    /// Pages that were answered with `"profile": null`, whatever the reason.
    pub pages_without_profile: u64,
}
