//! What a request that may be asked for does, and its answer.

use crate::answer::Answer;
use crate::config::{Config, Valid};
use crate::look::{self, unreadable};
use crate::problem::{Kind, Problem};
use crate::route::Route;
use crate::{orders, page, requests, view};
use squall_adapter::events;
use squall_policy::digest_text;

/// Does it.
pub fn on(config: &Config, route: &Route, body: &[u8]) -> Answer {
    let answer = match route {
        Route::Page => Ok(page::answer()),
        Route::Status => look::status(config),
        Route::Events { since } => tell_events(*since),
        Route::Halt => requests::halt(body),
        Route::Catalog => valid(config).map(catalog),
        Route::Start => valid(config).and_then(|valid| orders::start(valid, body)),
        Route::Stop { mission } => valid(config).and_then(|valid| requests::stop(valid, mission, body)),
        Route::Renew { mission } => valid(config).and_then(|valid| requests::renew(valid, mission, body)),
        Route::Release => valid(config).and_then(|valid| requests::release(valid, body)),
    };
    answer.unwrap_or_else(Problem::answer)
}

fn valid(config: &Config) -> Result<&Valid, Problem> {
    config
        .valid
        .as_ref()
        .ok_or_else(|| Problem::new(Kind::ConfigRejected, "Envoy's log and GET /v1/events say why"))
}

fn catalog(valid: &Valid) -> Answer {
    Answer::json(200, view::catalog(valid.plugin.get("catalog"), &digest_text))
}

fn tell_events(since: u64) -> Result<Answer, Problem> {
    let ring = events::read().map_err(unreadable)?;
    Ok(Answer::json(200, view::events(&ring, since)))
}
