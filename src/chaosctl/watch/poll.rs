//! Asks every proxy again and again, each for itself, so that one that hangs holds up none of the others.

use super::model::Message;
use crate::control::{Answer, Client};
use serde_json::Value;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc::Sender;
use tokio::time::MissedTickBehavior;

/// Milliseconds since 1970.
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Follows one proxy until nobody listens any more.
pub async fn follow(proxy: usize, client: Client, every: Duration, to: Sender<Message>) {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last = 0;
    loop {
        ticks.tick().await;
        let status = match client.get("/v1/status").await {
            Answer::Done(status) => status,
            failed => {
                if to.send(silent(proxy, failed)).await.is_err() {
                    return;
                }
                continue;
            }
        };
        let newest = status.pointer("/events/last").and_then(Value::as_u64).unwrap_or(0);
        if to.send(Message::Heard { proxy, at_ms: now_ms(), status }).await.is_err() {
            return;
        }
        if newest == last {
            continue;
        }
        // A number that goes back: the proxy was restarted, and counts anew.
        let anew = newest < last;
        let since = if anew { 0 } else { last };
        // What cannot be had now is asked for again.
        let Answer::Done(answer) = client.get(&format!("/v1/events?since={since}")).await else { continue };
        last = answer.get("last").and_then(Value::as_u64).unwrap_or(newest);
        let events = answer.get("events").and_then(Value::as_array).cloned().unwrap_or_default();
        if to.send(Message::Events { proxy, anew, events }).await.is_err() {
            return;
        }
    }
}

fn silent(proxy: usize, answer: Answer) -> Message {
    let why = match answer {
        Answer::Failed(failure) => failure.why,
        Answer::Refused(problem) => problem.line(),
        Answer::Done(_) => String::new(),
    };
    Message::Silent { proxy, at_ms: now_ms(), why }
}
