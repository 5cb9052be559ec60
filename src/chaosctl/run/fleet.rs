//! What is known of each proxy while the mission runs.

use super::decide::Seen;
use super::document::Expected;
use super::preflight::{self, Looked};
use super::standing::{self, Standing};
use crate::control::client::{Answer, Client};
use crate::journal::{Entry, Proxy, ProxyState, Sample};
use crate::terminal::shown;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// One answer may get lost.
const FAILURES: u32 = 2;
/// So long a mission that was taken may need to come to a filter.
const ON_ITS_WAY: Duration = Duration::from_secs(3);
const FORGOTTEN: &str = "it has no such mission; was it started anew?";
const NEVER_BEGUN: &str = "none of its filters has begun the mission; have they the catalog of their control listener? Envoy's log has a \
                           `mission.refused` with the reason";

pub struct Site {
    pub client: Client,
    pub name: String,
    /// Id of Envoy's node.
    pub proxy: Option<String>,
    /// The last one that came.
    pub status: Option<Value>,
    pub standing: Standing,
    /// Number of its last event before the start.
    pub events: u64,
    digests: BTreeMap<String, String>,
    /// When it last had the mission.
    seen: Instant,
    failures: u32,
    is_told: bool,
    sampled: Option<Instant>,
}

impl Site {
    pub fn new(looked: &Looked) -> Self {
        Self {
            client: looked.site.client.clone(),
            name: looked.name(),
            proxy: looked.site.text("/proxy/id").map(ToOwned::to_owned),
            status: None,
            standing: Standing::Absent,
            events: looked.status().and_then(|s| s.pointer("/events/last")?.as_u64()).unwrap_or_default(),
            digests: looked.digests(),
            seen: Instant::now(),
            failures: 0,
            is_told: false,
            sampled: None,
        }
    }

    /// Takes what was answered; tells what has to be written down.
    pub fn take(&mut self, answer: Answer, expected: &Expected, sample: Duration) -> Vec<Entry> {
        let mut entries = Vec::new();
        let status = match answer {
            Answer::Done(status) => status,
            Answer::Refused(problem) => {
                self.failures += 1;
                return self.lost(&problem.line());
            }
            Answer::Failed(failure) => {
                self.failures += 1;
                return self.lost(&shown(&failure.why));
            }
        };
        self.failures = 0;
        let before = std::mem::replace(&mut self.standing, standing::of(&status, expected));
        let is_other =
            status.pointer("/mission/id").and_then(Value::as_str).is_some_and(|id| id != expected.id);
        if is_other {
            // What an earlier mission did is none of this one's, but for a halt.
        } else if self.standing != before || self.sampled.is_none_or(|at| at.elapsed() >= sample) {
            self.sampled = Some(Instant::now());
            entries.push(Entry::Sample(Sample {
                proxy: self.name.clone(),
                status: with_newest_points(&status),
            }));
        }
        self.keep(status, expected);
        if self.standing == Standing::Absent {
            entries.extend(self.lost(if self.had() { FORGOTTEN } else { NEVER_BEGUN }));
            return entries;
        }
        self.seen = Instant::now();
        if std::mem::take(&mut self.is_told) {
            entries.push(self.state(ProxyState::Back, "it answers again"));
        }
        match &self.standing {
            Standing::Halted(halt) if self.standing != before => {
                entries.push(self.state(ProxyState::Halted, &halt.detail));
            }
            Standing::Skewed(detail) if self.standing != before => {
                entries.push(self.state(ProxyState::Skewed, detail));
            }
            _ => {}
        }
        entries
    }

    /// Whether it has ever told of our mission.
    fn had(&self) -> bool {
        self.status.as_ref().is_some_and(|status| status.pointer("/mission/id").is_some())
    }

    /// A proxy that has another mission, or has forgotten ours, told of ours before.
    fn keep(&mut self, status: Value, expected: &Expected) {
        if status.pointer("/mission/id").and_then(Value::as_str) == Some(&expected.id) {
            self.status = Some(status);
        } else if let Some(halt) = status.get("halt").filter(|halt| !halt.is_null()) {
            let kept = self.status.get_or_insert_with(|| json!({}));
            kept["halt"] = halt.clone();
            kept["state"] = status["state"].clone();
        }
    }

    /// Its catalog may change while the mission runs.
    pub fn take_catalog(&self, catalog: &Value, scenarios: &[String]) -> Option<String> {
        let now = preflight::digests(catalog);
        let changed = |name: &&String| now.get(*name) != self.digests.get(*name);
        let changed: Vec<&str> = scenarios.iter().filter(changed).map(String::as_str).collect();
        (!changed.is_empty()).then(|| format!("its catalog has changed: {}", changed.join(", ")))
    }

    fn lost(&mut self, detail: &str) -> Vec<Entry> {
        if self.is_told || self.lost_for().is_none() {
            return Vec::new();
        }
        self.is_told = true;
        vec![self.state(ProxyState::Lost, detail)]
    }

    pub fn state(&self, state: ProxyState, detail: &str) -> Entry {
        Entry::Proxy(Proxy { proxy: self.name.clone(), state, detail: detail.to_owned() })
    }

    pub fn lost_for(&self) -> Option<Duration> {
        let since = self.seen.elapsed();
        let is_lost = self.failures >= FAILURES || (self.standing == Standing::Absent && since >= ON_ITS_WAY);
        is_lost.then_some(since)
    }

    pub fn seen(&self) -> Seen<'_> {
        Seen { proxy: &self.name, standing: &self.standing, lost_for: self.lost_for() }
    }
}

/// The whole series would be most of a journal. Where `--sample` is no longer than three of its points, all samples together tell
/// the percentiles of each moment.
fn with_newest_points(status: &Value) -> Value {
    const NEWEST: usize = 3;
    let mut status = status.clone();
    if let Some(series) = status.pointer_mut("/health/series").and_then(Value::as_array_mut) {
        series.drain(..series.len().saturating_sub(NEWEST));
    }
    status
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::address::Address;
    use crate::control::client::Failure;
    use crate::control::start;
    use std::time::SystemTime;

    fn site() -> Site {
        let address = Address::read("http://a:1").expect("an address");
        let catalog = json!({"scenarios": [{"name": "slow", "digest": "sha256:1"}]});
        Site::new(&Looked {
            site: start::Site {
                client: Client::new(address, Duration::from_secs(1)),
                status: Answer::Done(json!({"proxy": {"id": "p"}})),
            },
            asked: (SystemTime::now(), SystemTime::now()),
            catalog: Answer::Done(catalog),
        })
    }

    fn expected() -> Expected {
        let stages = vec![(60, 100.0)];
        Expected { id: "run-1".to_owned(), duration_s: 60, baseline_s: 0, recovery_s: 0, seed: None, stages }
    }

    fn status(state: &str) -> Answer {
        Answer::Done(
            json!({"state": state, "halt": null, "health": {"series": [1, 2, 3, 4, 5]}, "mission": {"id": "run-1",
            "duration_s": 60, "baseline_s": 0, "recovery_s": 0, "ended": null,
            "stages": [{"for_s": 60, "intensity_percent": 100}]}}),
        )
    }

    fn kinds(entries: &[Entry]) -> Vec<String> {
        let kind = |entry: &Entry| match entry {
            Entry::Sample(_) => "sample".to_owned(),
            Entry::Proxy(proxy) => format!("{:?}", proxy.state),
            other => format!("{other:?}"),
        };
        entries.iter().map(kind).collect()
    }

    #[test]
    fn a_sample_is_kept_at_each_change_and_every_so_often_with_the_newest_of_its_series() {
        let (mut site, hour) = (site(), Duration::from_secs(3600));
        let first = site.take(status("baseline"), &expected(), hour);
        assert_eq!(kinds(&first), ["sample"]);
        let Entry::Sample(sample) = &first[0] else { panic!("{first:?}") };
        assert_eq!(sample.status["health"], json!({"series": [3, 4, 5]}));
        assert_eq!(kinds(&site.take(status("baseline"), &expected(), hour)), [""; 0]);
        assert_eq!(kinds(&site.take(status("recovery"), &expected(), hour)), ["sample"]);
        assert_eq!(kinds(&site.take(status("recovery"), &expected(), Duration::ZERO)), ["sample"]);
    }

    /// It ended well, and long ago: with `--max-lost` its numbers would count as those of this run.
    #[test]
    fn the_status_of_an_earlier_mission_is_neither_sampled_nor_kept() {
        let (mut site, hour) = (site(), Duration::from_secs(3600));
        let earlier = |halt: Value| {
            let mut earlier = status("done");
            if let Answer::Done(status) = &mut earlier {
                status["mission"]["id"] = json!("run-0");
                status["mission"]["ended"] = json!({"how": "done"});
                status["ledger"] = json!([{"matched": 9, "injected": {"delay": 9}}]);
                status["halt"] = halt;
            }
            earlier
        };
        assert_eq!(kinds(&site.take(earlier(Value::Null), &expected(), Duration::ZERO)), [""; 0]);
        assert_eq!(site.status, None);
        site.take(status("injecting"), &expected(), hour);
        let ours = site.status.clone();
        assert_eq!(kinds(&site.take(earlier(Value::Null), &expected(), Duration::ZERO)), [""; 0]);
        assert_eq!(site.status, ours);
        let halt = json!({"reason": "person", "by": "eve"});
        assert_eq!(kinds(&site.take(earlier(halt.clone()), &expected(), hour)), ["Halted"]);
        let kept = site.status.expect("ours");
        assert_eq!(
            (&kept["halt"], &kept["mission"]["id"], &kept["ledger"]),
            (&halt, &json!("run-1"), &Value::Null)
        );
    }

    #[test]
    fn a_proxy_is_lost_at_the_second_answer_that_does_not_come_and_comes_back() {
        let (mut site, hour) = (site(), Duration::from_secs(3600));
        site.take(status("baseline"), &expected(), hour);
        let failed = || Answer::Failed(Failure { why: "gone".to_owned(), sent: true });
        assert_eq!(kinds(&site.take(failed(), &expected(), hour)), [""; 0]);
        assert!(site.lost_for().is_none());
        assert_eq!(kinds(&site.take(failed(), &expected(), hour)), ["Lost"]);
        assert!(site.lost_for().is_some());
        assert_eq!(kinds(&site.take(failed(), &expected(), hour)), [""; 0]);
        assert_eq!(kinds(&site.take(status("baseline"), &expected(), hour)), ["Back"]);
        assert!(site.lost_for().is_none());
        let mut other = status("baseline");
        if let Answer::Done(status) = &mut other {
            status["mission"]["duration_s"] = json!(5);
        }
        assert_eq!(kinds(&site.take(other, &expected(), hour)), ["sample", "Skewed"]);
    }

    #[test]
    fn a_catalog_that_changes_is_noticed() {
        let catalog = |digest: &str| json!({"scenarios": [{"name": "slow", "digest": digest}]});
        let scenarios = ["slow".to_owned()];
        assert_eq!(site().take_catalog(&catalog("sha256:1"), &scenarios), None);
        assert!(
            site().take_catalog(&catalog("sha256:2"), &scenarios).is_some_and(|told| told.contains("slow"))
        );
    }
}
