//! What goes on beside the run, each proxy for itself so that one that hangs holds up none of the others: looking at it, and
//! renewing its lease; and asking Prometheus.

use super::condition::Condition;
use super::prometheus::{Evaluated, Prometheus};
use crate::control::act::Order;
use crate::control::client::{Answer, Client};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{Instant, sleep, sleep_until};

/// Between two looks at a status.
const LOOK: Duration = Duration::from_millis(500);
/// How long one answer may take: two that do not come, and what is asked between them, are less than the time after which a
/// proxy is lost.
const PATIENCE: Duration = Duration::from_secs(2);
/// Between two looks at what the catalog of a proxy is.
const LOOK_AT_CATALOG: Duration = Duration::from_secs(10);
/// Between two evaluations of what Prometheus is asked.
const ASK: Duration = Duration::from_secs(5);
/// A renewal that failed is tried again so soon at the latest.
const RETRY: Duration = Duration::from_millis(500);

/// What the tasks tell.
pub enum Message {
    Status { site: usize, answer: Answer },
    Events { site: usize, events: Vec<Value> },
    Catalog { site: usize, catalog: Value },
    Renewed { site: usize, answer: Answer },
    Promql(Vec<Evaluated>),
}

/// Looks at a proxy for ever. `since`: the number of the last event that is known.
pub async fn look(site: usize, client: Client, mut since: u64, tell: UnboundedSender<Message>) {
    let client = client.hurried(PATIENCE);
    let mut catalog_at = Instant::now() + LOOK_AT_CATALOG;
    loop {
        let next = Instant::now() + LOOK;
        let answer = client.get("/v1/status").await;
        let is_there = matches!(answer, Answer::Done(_));
        let last = match &answer {
            Answer::Done(status) => status.pointer("/events/last").and_then(Value::as_u64),
            Answer::Refused(_) | Answer::Failed(_) => None,
        };
        if tell.send(Message::Status { site, answer }).is_err() {
            return;
        }
        // A proxy that was started anew counts from 1.
        since = since.min(last.unwrap_or(since));
        if last.is_some_and(|last| last > since)
            && let Answer::Done(answer) = client.get(&format!("/v1/events?since={since}")).await
        {
            let events = answer.get("events").and_then(Value::as_array).cloned().unwrap_or_default();
            since = answer.get("last").and_then(Value::as_u64).unwrap_or(since);
            let _ = tell.send(Message::Events { site, events });
        }
        // Whoever gives no status is not waited for any longer.
        if is_there && Instant::now() >= catalog_at {
            catalog_at = Instant::now() + LOOK_AT_CATALOG;
            if let Answer::Done(catalog) = client.get("/v1/catalog").await {
                let _ = tell.send(Message::Catalog { site, catalog });
            }
        }
        sleep_until(next).await;
    }
}

/// Whose lease is renewed.
pub struct Lease {
    pub site: usize,
    pub client: Client,
    pub id: String,
    /// Id of the proxy.
    pub proxy: Option<String>,
    pub every: Duration,
}

/// Renews a lease until there is none any more.
pub async fn renew(lease: Lease, order: Arc<Order>, tell: UnboundedSender<Message>) {
    let Lease { site, client, id, proxy, every } = lease;
    let path = format!("/v1/missions/{id}/renew");
    let mut next = Instant::now() + every;
    loop {
        sleep_until(next).await;
        let asked = Instant::now();
        let answer = order.post(&client, &path, Some(&id), proxy.as_deref()).await;
        next = match &answer {
            Answer::Done(_) => asked + every,
            // Nothing is wrong with a mission that is over, or recovers.
            Answer::Refused(problem) if matches!(problem.code.as_str(), "mission-ended" | "no-lease") => {
                return;
            }
            Answer::Refused(problem) if problem.status == 403 => asked + every,
            Answer::Refused(_) | Answer::Failed(_) => asked + RETRY.min(every),
        };
        if tell.send(Message::Renewed { site, answer }).is_err() {
            return;
        }
    }
}

/// Asks Prometheus for ever.
pub async fn ask(prometheus: Prometheus, conditions: Vec<Condition>, tell: UnboundedSender<Message>) {
    loop {
        let evaluated = prometheus.evaluate(&conditions).await;
        if tell.send(Message::Promql(evaluated)).is_err() {
            return;
        }
        sleep(ASK).await;
    }
}
