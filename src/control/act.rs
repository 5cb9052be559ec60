//! What a request that may be asked for does, and its answer.

use crate::answer::Answer;
use crate::config::{Config, Valid};
use crate::page;
use crate::problem::{Kind, Problem};
use crate::route::Route;
use crate::view;
use squall_adapter::{events, host};
use squall_policy::digest_text;

/// Does it.
pub fn on(config: &Config, route: &Route, _body: &[u8]) -> Answer {
    let answer = match route {
        Route::Page => Ok(page::answer()),
        Route::Events { since } => tell_events(*since),
        Route::Catalog => valid(config)
            .map(|valid| Answer::json(200, view::catalog(valid.plugin.get("catalog"), &digest_text))),
        _ => Err(Problem::new(Kind::HostError, "")),
    };
    answer.unwrap_or_else(Problem::answer)
}

fn valid(config: &Config) -> Result<&Valid, Problem> {
    config
        .valid
        .as_ref()
        .ok_or_else(|| Problem::new(Kind::ConfigRejected, "Envoy's log and GET /v1/events say why"))
}

fn tell_events(since: u64) -> Result<Answer, Problem> {
    let ring = events::read().map_err(unreadable)?;
    Ok(Answer::json(200, view::events(&ring, since)))
}

fn unreadable(status: host::Status) -> Problem {
    Problem::new(Kind::HostError, format!("shared data cannot be read: status {}", status.0))
}
