//! What the cockpit knows, and what a message makes of it: pure, without clock, terminal or network.

use crate::observed::{Event, Observed, Standing};
use serde_json::Value;
use std::collections::VecDeque;
use std::time::Duration;

/// Events of a proxy that are kept.
const MOST_EVENTS: usize = 200;
/// A proxy that has not answered for so long is silent, milliseconds; longer where it is looked at more seldom.
const STALE_MS: u64 = 3_500;
/// So long an answer may be late.
const LATE_MS: u64 = 2_500;

pub struct Model {
    pub proxies: Vec<Watched>,
    /// `None` is all of them together.
    pub selected: Option<usize>,
    pub dialog: Dialog,
    /// Milliseconds since 1970.
    pub now_ms: u64,
    stale_ms: u64,
}

/// One proxy.
pub struct Watched {
    pub url: String,
    /// The last answer, and when it came.
    pub heard: Option<(Observed, u64)>,
    pub lost: Option<Lost>,
    pub events: VecDeque<Event>,
}

/// A proxy that does not answer any more.
#[derive(Clone, Debug)]
pub struct Lost {
    pub since_ms: u64,
    pub why: String,
}

pub enum Dialog {
    None,
    Help,
    AskHalt,
    /// What each proxy answered to the halt, in their order.
    Halting(Vec<Option<Result<String, String>>>),
}

pub enum Message {
    Tick(u64),
    Key(Key),
    Heard { proxy: usize, at_ms: u64, status: Value },
    Silent { proxy: usize, at_ms: u64, why: String },
    Events { proxy: usize, anew: bool, events: Vec<Value> },
    Halted { proxy: usize, answer: Result<String, String> },
    Leave,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    Char(char),
    Enter,
    Escape,
    Next,
    Previous,
    Interrupt,
}

/// What has to be done outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    Halt,
    Leave,
}

impl Model {
    pub fn new(urls: Vec<String>, now_ms: u64) -> Self {
        let new = |url| Watched { url, heard: None, lost: None, events: VecDeque::new() };
        let proxies: Vec<Watched> = urls.into_iter().map(new).collect();
        let selected = (proxies.len() == 1).then_some(0);
        Self { proxies, selected, dialog: Dialog::None, now_ms, stale_ms: STALE_MS }
    }

    /// Who is looked at so often is silent no sooner than after the next look.
    #[must_use]
    pub fn looked_at_every(self, every: Duration) -> Self {
        let every_ms = u64::try_from(every.as_millis()).unwrap_or(u64::MAX);
        Self { stale_ms: STALE_MS.max(every_ms.saturating_add(LATE_MS)), ..self }
    }

    pub fn update(&mut self, message: Message) -> Option<Effect> {
        match message {
            Message::Tick(now_ms) => self.now_ms = now_ms,
            Message::Key(key) => return self.press(key),
            Message::Heard { proxy, at_ms, status } => {
                self.now_ms = self.now_ms.max(at_ms);
                let observed = Observed::read(&status);
                let watched = self.proxies.get_mut(proxy)?;
                match observed {
                    Some(observed) => (watched.heard, watched.lost) = (Some((observed, at_ms)), None),
                    None => watched.lose(at_ms, "its answer is no status"),
                }
            }
            Message::Silent { proxy, at_ms, why } => {
                self.now_ms = self.now_ms.max(at_ms);
                self.proxies.get_mut(proxy)?.lose(at_ms, &why);
            }
            Message::Events { proxy, anew, events } => self.proxies.get_mut(proxy)?.note(anew, &events),
            Message::Halted { proxy, answer } => {
                if let Dialog::Halting(answers) = &mut self.dialog {
                    *answers.get_mut(proxy)? = Some(answer);
                }
            }
            Message::Leave => return Some(Effect::Leave),
        }
        None
    }

    fn press(&mut self, key: Key) -> Option<Effect> {
        match (&self.dialog, key) {
            (_, Key::Interrupt) => return Some(Effect::Leave),
            (Dialog::AskHalt, Key::Enter | Key::Char('y' | 'Y')) => {
                self.dialog = Dialog::Halting(vec![None; self.proxies.len()]);
                return Some(Effect::Halt);
            }
            // Whoever hits another key in haste has not halted, and sees that the question still stands.
            (Dialog::AskHalt, Key::Escape | Key::Char('n' | 'N')) => self.dialog = Dialog::None,
            (Dialog::AskHalt, _) => {}
            (_, Key::Char('q')) => return Some(Effect::Leave),
            (_, Key::Char('h' | 'H')) => self.dialog = Dialog::AskHalt,
            (Dialog::Help | Dialog::Halting(_), Key::Escape | Key::Enter | Key::Char('?')) => {
                self.dialog = Dialog::None;
            }
            (_, Key::Char('?')) => self.dialog = Dialog::Help,
            (_, Key::Next) => self.step(1),
            (_, Key::Previous) => self.step(-1),
            (_, Key::Char(_) | Key::Enter | Key::Escape) => {}
        }
        None
    }

    /// Selects the proxy below or above, round and round; above the first stand all of them.
    fn step(&mut self, by: isize) {
        if self.proxies.len() < 2 {
            return;
        }
        let rows: Vec<Option<usize>> =
            std::iter::once(None).chain(self.ranked().into_iter().map(Some)).collect();
        let here = rows.iter().position(|row| *row == self.selected).unwrap_or(0);
        let there = here.checked_add_signed(by).unwrap_or(rows.len() - 1) % rows.len();
        self.selected = rows.get(there).copied().flatten();
    }

    /// The proxies, the one that needs attention most first.
    pub fn ranked(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.proxies.len()).collect();
        let key = |number: &usize| self.proxies.get(*number).map(Watched::trouble).unwrap_or_default();
        order.sort_by(|a, b| {
            let ((a, near_a, errors_a), (b, near_b, errors_b)) = (key(a), key(b));
            b.cmp(&a).then(near_a.total_cmp(&near_b)).then(errors_b.total_cmp(&errors_a))
        });
        order
    }

    /// Milliseconds since the last answer of a proxy.
    pub fn age_ms(&self, heard_ms: u64) -> u64 {
        self.now_ms.saturating_sub(heard_ms)
    }

    pub fn is_silent(&self, watched: &Watched) -> bool {
        watched.lost.is_some()
            || watched.heard.as_ref().is_some_and(|(_, at_ms)| self.age_ms(*at_ms) > self.stale_ms)
    }

    /// Seconds that are left of what had so many seconds left in the last answer.
    pub fn left_s(&self, watched: &Watched, then_s: u64) -> u64 {
        let at_ms = watched.heard.as_ref().map_or(self.now_ms, |(_, at_ms)| *at_ms);
        then_s.saturating_sub(self.age_ms(at_ms) / 1000)
    }
}

impl Watched {
    pub fn observed(&self) -> Option<&Observed> {
        self.heard.as_ref().map(|(observed, _)| observed)
    }

    /// Without `http://`, which all have.
    pub fn name(&self) -> String {
        crate::observed::safe(self.url.strip_prefix("http://").unwrap_or(&self.url))
    }

    fn lose(&mut self, at_ms: u64, why: &str) {
        let why = crate::observed::safe(why);
        let since_ms = self.lost.as_ref().map(|lost| lost.since_ms);
        let since_ms = since_ms.or(self.heard.as_ref().map(|(_, at_ms)| *at_ms)).unwrap_or(at_ms);
        self.lost = Some(Lost { since_ms, why });
    }

    fn note(&mut self, anew: bool, events: &[Value]) {
        if anew {
            self.events.clear();
        }
        let last = self.events.back().map_or(0, |event| event.number);
        let new = events.iter().filter_map(Event::read).filter(|event| event.number > last);
        self.events.extend(new);
        while self.events.len() > MOST_EVENTS {
            self.events.pop_front();
        }
    }

    /// How bad it is: a class (more is worse), the distance of the nearest guardrail, and the share of errors.
    fn trouble(&self) -> (u8, f64, f64) {
        let nothing = Observed::default();
        let observed = self.observed().unwrap_or(&nothing);
        let standing = observed.guards.iter().map(|guard| guard.standing).max().unwrap_or_default();
        let class = match standing {
            _ if observed.halt.is_some() => 5,
            Standing::Tripped => 5,
            _ if self.lost.is_some() => 4,
            Standing::Exceeding => 3,
            Standing::Watching if observed.signals.iter().any(|signal| signal.verdict == "violated") => 2,
            Standing::Watching => u8::from(observed.runs()),
        };
        let near = observed.guards.iter().map(|guard| guard.distance).fold(1.0, f64::min);
        let errors = observed.group("treatment").and_then(crate::observed::Group::error_percent);
        (class, near, errors.unwrap_or(0.0))
    }
}
