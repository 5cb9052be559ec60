//! The run itself: follows the mission on all proxies, and ends it where something is not as it should be.

use super::baseline;
use super::decide::{self, Ending};
use super::document::{Document, Expected};
use super::fleet::Site;
use super::interrupts::Interrupts;
use super::log::Log;
use super::numbers;
use super::screen::Screen;
use super::standing::Standing;
use super::stop;
use super::tasks::{self, Lease, Message};
use super::watch::Watch;
use crate::arguments::Run;
use crate::control::act::Order;
use crate::control::client::{Answer, Client};
use crate::control::request::Signer;
use crate::journal::{self, Entry, PhaseName, ProxyState, What};
use crate::terminal::shown;
use serde_json::Value;
use squall_policy::wire::Action;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

/// What is looked at again when nothing comes in.
const TICK: Duration = Duration::from_millis(250);
/// Ended missions are seen to have ended within this.
const SETTLE: Duration = Duration::from_secs(10);
/// Between two looks at what was injected, after the end.
const STILL: Duration = Duration::from_millis(1500);

pub struct Conductor<'a> {
    pub options: &'a Run,
    pub document: Document,
    pub expected: Expected,
    pub sites: Vec<Site>,
    pub watch: Watch,
    pub signer: Signer,
    pub log: Log,
    pub screen: Screen,
    pub interrupts: Interrupts,
    /// Scenarios whose signals are about what comes in; `None` without a catalog.
    pub inbound: Option<Vec<String>>,
    pub messages: UnboundedReceiver<Message>,
    /// The furthest phase so far, as a number.
    pub reached: Option<u64>,
    pub is_judged: bool,
    /// Proxies whose last renewal failed.
    pub unrenewed: Vec<usize>,
}

/// What was found at the end.
pub struct Ended {
    pub ending: Ending,
    /// Proxies that injected something after it.
    pub still: Vec<String>,
}

impl Conductor<'_> {
    /// # Errors
    /// When no proxy could read a request.
    pub async fn run(&mut self, tell: UnboundedSender<Message>) -> anyhow::Result<Ended> {
        let mut looking = JoinSet::new();
        for (number, site) in self.sites.iter().enumerate() {
            looking.spawn(tasks::look(number, site.client.clone(), site.events, tell.clone()));
        }
        let renewing = self.renew(&tell)?;
        drop(tell);
        let ending = self.follow().await;
        drop(renewing);
        let unanswered = self.end(&ending).await?;
        self.settle(&ending, unanswered).await?;
        let still = self.still().await;
        self.screen.end();
        Ok(Ended { ending, still })
    }

    fn renew(&self, tell: &UnboundedSender<Message>) -> anyhow::Result<JoinSet<()>> {
        let mut renewing = JoinSet::new();
        let Some(lease) = self.document.wire.lease else { return Ok(renewing) };
        let every = Duration::from_millis(lease.millis()) / 3;
        let id = &self.expected.id;
        let order = Arc::new(Order::new(Action::Renew, Some(id), None, self.signer.clone())?);
        let patience = every.min(self.options.proxies.timeout.into());
        for (number, site) in self.sites.iter().enumerate() {
            let client = Client::new(site.client.address.clone(), patience);
            let lease = Lease { site: number, client, id: id.clone(), proxy: site.proxy.clone(), every };
            renewing.spawn(tasks::renew(lease, Arc::clone(&order), tell.clone()));
        }
        Ok(renewing)
    }

    async fn follow(&mut self) -> Ending {
        loop {
            tokio::select! {
                biased;
                by = self.interrupts.reach(1) => {
                    self.log.write(Entry::Interrupted(journal::Interrupted { by: by.to_owned(), count: 1 }));
                    self.screen.line("stopping the mission on all proxies; once more leaves at once");
                    return Ending::Interrupted(by.to_owned());
                }
                Some(message) = self.messages.recv() => self.take(message),
                () = sleep(TICK) => {}
            }
            self.show();
            let seen: Vec<_> = self.sites.iter().map(Site::seen).collect();
            let ending = decide::ending(&seen, self.options.max_lost).or_else(|| self.watch.ending());
            if let Some(ending) = ending.or_else(|| self.judge_baseline()) {
                return ending;
            }
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Status { site, answer } => {
                let sample = self.options.sample.into();
                let Some(site) = self.sites.get_mut(site) else { return };
                for entry in site.take(answer, &self.expected, sample) {
                    if let Entry::Proxy(proxy) = &entry {
                        let state = match proxy.state {
                            ProxyState::Lost => "lost",
                            ProxyState::Back => "back",
                            ProxyState::Halted => "halted",
                            ProxyState::Skewed => "skewed",
                        };
                        self.screen.line(&format!("{} {state}: {}", proxy.proxy, proxy.detail));
                    }
                    self.log.write(entry);
                }
            }
            Message::Events { site, events } => {
                let Some(site) = self.sites.get(site) else { return };
                for event in events {
                    self.log.write(Entry::Event(journal::Event { proxy: site.name.clone(), event }));
                }
            }
            Message::Catalog { site, catalog } => self.take_catalog(site, &catalog),
            Message::Renewed { site, answer } => self.take_renewal(site, &answer),
            Message::Promql(all) => {
                let injects = self.sites.iter().any(|site| matches!(site.standing, Standing::Injecting(_)));
                for line in self.watch.take(&all, injects) {
                    self.screen.line(&format!("prometheus: {}", shown(&line)));
                }
                for one in all {
                    self.log.write(Entry::Promql(one.line));
                }
            }
        }
    }

    fn take_catalog(&mut self, site: usize, catalog: &Value) {
        let scenarios: Vec<String> = self.document.wire.scenarios.iter().map(|name| name.0.clone()).collect();
        let Some(site) = self.sites.get_mut(site) else { return };
        let Some(detail) = site.take_catalog(catalog, &scenarios) else { return };
        if !site.standing.is_ended() {
            site.standing = Standing::Skewed(shown(&detail));
            self.log.write(site.state(ProxyState::Skewed, &detail));
        }
    }

    fn take_renewal(&mut self, number: usize, answer: &Answer) {
        let Some(site) = self.sites.get(number) else { return };
        let (ok, detail) = match answer {
            Answer::Done(_) => (true, String::new()),
            Answer::Refused(problem) => (false, problem.line()),
            Answer::Failed(failure) => (false, shown(&failure.why)),
        };
        self.log.action(What::Renew, &site.name, ok, &detail);
        if ok {
            self.unrenewed.retain(|other| *other != number);
        } else if !self.unrenewed.contains(&number) {
            self.unrenewed.push(number);
            self.screen.line(&format!("{}: its lease is not renewed: {detail}", site.name));
        }
    }

    /// The phase of the proxy that is furthest, and the numbers of all.
    fn show(&mut self) {
        let phases = self.sites.iter().filter_map(|site| Some((site, site.standing.phase()?)));
        let Some((site, (number, phase, stage))) = phases.max_by_key(|(_, (number, ..))| *number) else {
            return;
        };
        let is_new = self.reached.is_none_or(|reached| number > reached);
        if is_new {
            self.reached = Some(number);
            self.log.write(Entry::Phase(journal::Phase { phase, stage }));
        }
        let word = match (phase, stage) {
            (PhaseName::Injecting, Some(stage)) => {
                format!("stage {}/{} at {} %", stage.number, stage.of, stage.intensity_percent)
            }
            (PhaseName::Pending, _) => "pending".to_owned(),
            (PhaseName::Baseline, _) => "baseline".to_owned(),
            _ => "recovery".to_owned(),
        };
        let left_s = site.status.as_ref().and_then(|status| status.pointer("/mission/remaining_s")?.as_u64());
        let left_s = left_s.unwrap_or_default();
        let left = humantime::format_duration(Duration::from_secs(left_s));
        let statuses = self.sites.iter().filter_map(|site| site.status.as_ref());
        let numbers = numbers::line(statuses);
        let elapsed_s = self.expected.duration_s.saturating_sub(left_s);
        self.screen.now(&word, elapsed_s, &format!("{left} left"), &numbers, is_new);
    }

    /// Once, when the first proxy is about to begin.
    fn judge_baseline(&mut self) -> Option<Ending> {
        if self.is_judged || self.expected.baseline_s == 0 {
            return None;
        }
        let is_due = |site: &Site| match &site.standing {
            Standing::Baseline => site.status.as_ref().is_some_and(|s| baseline::is_due(s, &self.expected)),
            Standing::Injecting(_) => true,
            _ => false,
        };
        if !self.sites.iter().any(is_due) {
            return None;
        }
        self.is_judged = true;
        let all: Vec<(&str, &Value)> =
            self.sites.iter().filter_map(|site| Some((site.name.as_str(), site.status.as_ref()?))).collect();
        let (checks, mut unsteady, requests) = baseline::judge(&all, self.inbound.as_deref());
        unsteady.extend(self.watch.failing());
        for check in checks {
            if check.ok != Some(true) {
                let proxy = check.proxy.as_deref().unwrap_or_default();
                self.screen.line(&format!("{proxy} {}: {}", check.check, check.detail));
            }
            self.log.write(Entry::Preflight(check));
        }
        if requests == 0 && !self.options.allow_no_traffic {
            return Some(Ending::NoTraffic);
        }
        (!unsteady.is_empty() && !self.options.allow_unsteady).then_some(Ending::Unsteady(unsteady))
    }

    /// Stops it wherever it may run still; gives the proxies of which no answer came.
    async fn end(&mut self, ending: &Ending) -> anyhow::Result<Vec<String>> {
        let phase = match ending {
            Ending::Done => PhaseName::Done,
            Ending::Halted { .. } => PhaseName::Halted,
            _ => PhaseName::Stopped,
        };
        if *ending != Ending::Done {
            self.screen.line(&format!("the mission ends: {}", ending.told()));
        }
        let running = self.sites.iter().filter(|site| !site.standing.is_ended());
        let stops = stop::everywhere(running, &self.expected.id, &ending.told(), self.signer.clone()).await?;
        let mut unanswered = Vec::new();
        for stopped in stops {
            for line in stopped.tell(&self.log) {
                self.screen.line(&line);
            }
            if !stopped.is_settled() {
                unanswered.push(stopped.proxy().to_owned());
            }
        }
        self.log.write(Entry::Phase(journal::Phase { phase, stage: None }));
        Ok(unanswered)
    }

    /// Waits until all that answer have ended it. A stop that nobody answered may never have come: it is sent again.
    async fn settle(&mut self, ending: &Ending, mut unanswered: Vec<String>) -> anyhow::Result<()> {
        let (until, why) = (Instant::now() + SETTLE, ending.told());
        let is_open = |site: &Site| !site.standing.is_ended() && site.lost_for().is_none();
        while Instant::now() < until && (self.sites.iter().any(is_open) || !unanswered.is_empty()) {
            self.listen(TICK).await;
            let open = |site: &&Site| unanswered.contains(&site.name) && !site.standing.is_ended();
            let open: Vec<&Site> = self.sites.iter().filter(open).collect();
            unanswered = open.iter().map(|site| site.name.clone()).collect();
            let stops = stop::everywhere(open.into_iter(), &self.expected.id, &why, self.signer.clone());
            // What is late then is no answer either.
            let Ok(stops) = tokio::time::timeout_at(until, stops).await else { break };
            for stopped in stops?.iter().filter(|stopped| stopped.is_settled()) {
                unanswered.retain(|name| name != stopped.proxy());
                for line in stopped.tell(&self.log) {
                    self.screen.line(&line);
                }
            }
        }
        Ok(())
    }

    /// Who injects something after the end.
    async fn still(&mut self) -> Vec<String> {
        let faults = |site: &Site| site.status.as_ref().map(numbers::injected).unwrap_or_default().0;
        // What was counted before the end may come in a little later.
        self.listen(STILL).await;
        let before: Vec<u64> = self.sites.iter().map(faults).collect();
        self.listen(STILL).await;
        let after = self.sites.iter().zip(before);
        after.filter(|(site, before)| faults(site) > *before).map(|(site, _)| site.name.clone()).collect()
    }

    async fn listen(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while let Ok(Some(message)) = tokio::time::timeout_at(until, self.messages.recv()).await {
            self.take(message);
        }
    }
}
