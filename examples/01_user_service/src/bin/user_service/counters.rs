//! What the user-service counts about its calls, as `GET /stats` answers it.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

/// Events since the start of the process.
#[derive(Default)]
pub struct Counters {
    /// Tries of an auth check, the first one and retries.
    pub auth_tries: AtomicU64,
    /// Tries that were answered UNAVAILABLE.
    pub auth_unavailable: AtomicU64,
    /// Checks that a retry saved: UNAVAILABLE first, then an answer.
    pub auth_recovered: AtomicU64,
    /// Tries that got no answer in time.
    pub auth_timeouts: AtomicU64,
    /// Profiles that did not come in time.
    pub profile_timeouts: AtomicU64,
    /// Pages that were answered with `"profile": null`, whatever the reason.
    pub pages_without_profile: AtomicU64,
}

impl Counters {
    pub fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub fn snapshot(&self) -> Value {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        json!({
            "auth_tries": read(&self.auth_tries),
            "auth_unavailable": read(&self.auth_unavailable),
            "auth_recovered": read(&self.auth_recovered),
            "auth_timeouts": read(&self.auth_timeouts),
            "profile_timeouts": read(&self.profile_timeouts),
            "pages_without_profile": read(&self.pages_without_profile),
        })
    }
}
