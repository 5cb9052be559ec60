//! Stops a mission on many proxies: by a signed request, and where that is refused by a halt, which needs no key.

use super::fleet::Site;
use super::log::Log;
use crate::control::act::Order;
use crate::control::client::{Answer, Client};
use crate::control::request::Signer;
use crate::control::{all, halt, start};
use crate::journal::What;
use crate::terminal::shown;
use squall_policy::wire::Action;
use std::sync::Arc;

/// Longest reason that a proxy takes, in bytes.
const REASON: usize = 500;

/// What became of it at one proxy.
pub struct Stopped {
    proxy: String,
    stop: Result<(), String>,
    halt: Option<Result<(), String>>,
}

/// # Errors
/// When no proxy could read the request.
pub async fn everywhere(
    sites: impl Iterator<Item = &Site>,
    id: &str,
    why: &str,
    signer: Signer,
) -> anyhow::Result<Vec<Stopped>> {
    let mut reason: String = format!("chaosctl run: {}", shown(why));
    while reason.len() > REASON {
        reason.pop();
    }
    let order = Arc::new(Order::new(Action::Stop, Some(id), Some(&reason), signer)?);
    let halt = Arc::new(halt::body(Some(&reason), None)?);
    let sites = sites.map(|site| (site.client.clone(), site.name.clone(), site.proxy.clone()));
    Ok(all(sites, |(client, name, proxy)| {
        let (order, halt, id) = (Arc::clone(&order), Arc::clone(&halt), id.to_owned());
        async move { one(&client, name, proxy.as_deref(), &order, &id, &halt).await }
    })
    .await)
}

async fn one(
    client: &Client,
    name: String,
    proxy: Option<&str>,
    order: &Order,
    id: &str,
    halt: &[u8],
) -> Stopped {
    let kept = match start::stop(client, order, id, proxy, true).await {
        Ok(()) => return Stopped { proxy: name, stop: Ok(()), halt: None },
        Err(kept) => kept,
    };
    let halted = if kept.is_refused {
        Some(match client.post("/v1/halt", halt.to_vec()).await {
            Answer::Done(_) => Ok(()),
            Answer::Refused(problem) => Err(problem.line()),
            Answer::Failed(failure) => Err(failure.why),
        })
    } else {
        None
    };
    Stopped { proxy: name, stop: Err(kept.why), halt: halted }
}

impl Stopped {
    /// It is stopped or halted, or nothing is left to try.
    pub fn is_settled(&self) -> bool {
        self.stop.is_ok() || self.halt.is_some()
    }

    pub fn proxy(&self) -> &str {
        &self.proxy
    }

    /// Writes it down; gives what a person has to know.
    pub fn tell(&self, log: &Log) -> Vec<String> {
        let Self { proxy, stop, halt } = self;
        let line =
            |result: &Result<(), String>| result.as_ref().err().map(|why| shown(why)).unwrap_or_default();
        log.action(What::Stop, proxy, stop.is_ok(), &line(stop));
        if let Some(halt) = halt {
            log.action(What::Halt, proxy, halt.is_ok(), &line(halt));
        }
        match (stop, halt) {
            (Ok(()), _) => vec![format!("{proxy} stopped")],
            (Err(_), Some(Ok(()))) => vec![format!(
                "{proxy} halted, as it refuses the stop: {}; `chaosctl release --proxy {proxy}` lets missions start again",
                line(stop)
            )],
            (Err(_), _) => {
                vec![format!("{proxy} not stopped: {}; `chaosctl halt --proxy {proxy}`", line(stop))]
            }
        }
    }
}
