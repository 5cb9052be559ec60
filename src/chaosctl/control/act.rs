//! `stop`, `renew` and `release`: what operators ask for while a mission is there.

use super::client::{Answer, Client};
use super::problem::Problem;
use super::request::{Signer, Wanted};
use super::told::{self, Told};
use super::{all, block_on, clients, halt};
use crate::Outcome;
use crate::arguments::{Proxies, Release, Renew, Stop};
use crate::terminal::{Paint, shown};
use anyhow::ensure;
use serde_json::{Value, json};
use squall_policy::wire::{Action, Decode, MissionId};
use squall_policy::{Report, Value as Tree};
use std::sync::Arc;

/// # Errors
/// When nobody can be asked.
pub fn stop(arguments: &Stop, paints: (Paint, Paint)) -> anyhow::Result<Outcome> {
    let Stop { id, reason, force, signer, proxies } = arguments;
    let mut order = Order::new(Action::Stop, id.as_deref(), reason.as_deref(), Signer::read(signer)?)?;
    if *force {
        order.else_halt = Some(halt::body(reason.as_deref(), None)?);
    }
    run(order, proxies, paints, |answer| match answer.get("stop_refused").and_then(Value::as_str) {
        None => format!("stopped {}", word(answer, "mission")),
        Some(why) => format!(
            "halted, as the stop was refused: {}\n  nothing starts there before `chaosctl release`",
            shown(why)
        ),
    })
}

/// Where there is nothing to stop, there is nothing to halt.
fn is_over(problem: &Problem) -> bool {
    matches!(problem.code.as_str(), "no-mission" | "unknown-mission" | "mission-ended")
}

/// # Errors
/// When nobody can be asked.
pub fn renew(arguments: &Renew, paints: (Paint, Paint)) -> anyhow::Result<Outcome> {
    let Renew { id, signer, proxies } = arguments;
    let order = Order::new(Action::Renew, id.as_deref(), None, Signer::read(signer)?)?;
    run(order, proxies, paints, |answer| {
        let ends = answer.pointer("/lease/ends_in_s").and_then(Value::as_u64);
        let ends = ends.map_or_else(String::new, |s| format!("; its lease ends in {s} s"));
        format!("renewed {}{ends}", word(answer, "mission"))
    })
}

/// # Errors
/// When nobody can be asked.
pub fn release(arguments: &Release, paints: (Paint, Paint)) -> anyhow::Result<Outcome> {
    let Release { reason, signer, proxies } = arguments;
    let order = Order::new(Action::Release, None, reason.as_deref(), Signer::read(signer)?)?;
    run(order, proxies, paints, |answer| format!("released by {}", word(answer, "by")))
}

pub fn word(answer: &Value, key: &str) -> String {
    shown(answer.get(key).and_then(Value::as_str).unwrap_or("?"))
}

/// What every proxy is asked for.
pub struct Order {
    action: Action,
    id: Option<String>,
    reason: Option<String>,
    signer: Signer,
    /// What is sent as a halt where a stop is refused.
    else_halt: Option<Vec<u8>>,
}

impl Order {
    /// # Errors
    /// When no proxy could read it.
    pub fn new(
        action: Action,
        id: Option<&str>,
        reason: Option<&str>,
        signer: Signer,
    ) -> anyhow::Result<Self> {
        if let Some(id) = id {
            ensure!(is_id(id), "{id:?} is no id of a mission");
        }
        // Mistakes are told before anybody is asked.
        signer.request(&Wanted { action, mission: id, proxy: None, reason })?;
        Ok(Self {
            action,
            id: id.map(ToOwned::to_owned),
            reason: reason.map(ToOwned::to_owned),
            signer,
            else_halt: None,
        })
    }

    /// Asks one proxy; where that is refused, it may be halted.
    async fn send_or_halt(&self, client: &Client) -> Answer {
        let answer = self.send(client).await;
        let (Answer::Refused(problem), Some(body)) = (&answer, &self.else_halt) else { return answer };
        if is_over(problem) {
            return answer;
        }
        match client.post("/v1/halt", body.clone()).await {
            Answer::Done(mut halted) => {
                halted["stop_refused"] = json!(problem.line());
                Answer::Done(halted)
            }
            failed => failed,
        }
    }

    /// Asks one proxy, which is looked at first: for the mission that runs there, and for its own id.
    async fn send(&self, client: &Client) -> Answer {
        let status = match client.get("/v1/status").await {
            Answer::Done(status) => status,
            failed @ Answer::Failed(_) => return failed,
            Answer::Refused(problem) if self.id.is_none() && self.action != Action::Release => {
                return Answer::Refused(problem);
            }
            Answer::Refused(_) => Value::Null,
        };
        let running = running(&status).map(ToOwned::to_owned);
        let id = match (self.action, self.id.as_ref().or(running.as_ref())) {
            (Action::Release, _) => None,
            (_, Some(id)) => Some(id.as_str()),
            (_, None) => return nothing_runs(),
        };
        let path = match (self.action, id) {
            (Action::Stop, Some(id)) => format!("/v1/missions/{id}/stop"),
            (Action::Renew, Some(id)) => format!("/v1/missions/{id}/renew"),
            _ => "/v1/release".to_owned(),
        };
        self.post(client, &path, id, status.pointer("/proxy/id").and_then(Value::as_str)).await
    }

    /// Sends a new request.
    pub async fn post(&self, client: &Client, path: &str, id: Option<&str>, proxy: Option<&str>) -> Answer {
        let wanted = Wanted { action: self.action, mission: id, proxy, reason: self.reason.as_deref() };
        match self.signer.request(&wanted) {
            Ok(body) => client.post(path, body).await,
            Err(error) => Answer::Failed(super::client::Failure {
                why: format!("is not asked: {error:#}"),
                sent: false,
            }),
        }
    }
}

/// The id of the mission that runs, or is to.
pub fn running(status: &Value) -> Option<&str> {
    let mission = status.get("mission")?;
    let state = status.get("state").and_then(Value::as_str).unwrap_or_default();
    let over =
        matches!(state, "done" | "stopped") || mission.get("ended").is_some_and(|ended| !ended.is_null());
    mission.get("id").and_then(Value::as_str).filter(|id| !over && is_id(id))
}

fn is_id(text: &str) -> bool {
    MissionId::decode(&Tree::Text(text.to_owned()).into(), &mut Report::default()).is_some()
}

fn nothing_runs() -> Answer {
    let body = json!({
        "type": "about:blank", "title": "No mission runs there", "status": 404, "code": "no-mission",
        "detail": "its status tells of no mission that runs: give the id of the one that is meant",
    });
    Answer::Refused(Problem { status: 404, code: "no-mission".to_owned(), body })
}

fn run(
    order: Order,
    proxies: &Proxies,
    paints: (Paint, Paint),
    line: impl Fn(&Value) -> String,
) -> anyhow::Result<Outcome> {
    let order = Arc::new(order);
    let asked = all(clients(proxies)?, |client| {
        let order = Arc::clone(&order);
        async move { Told::new(&client.address, order.send_or_halt(&client).await) }
    });
    told::print(&block_on(asked)?, proxies.output, None, paints, line)
}
