//! One stream of messages that breaks off: what becomes of each piece of it, of its end, and when its time has come.
//!
//! The host holds pieces back whole, and puts bytes only before those of a piece that has just come. So where a piece
//! is cut in two, its rest stays here until the next one comes.

use crate::framing::{Framing, Messages};
use crate::pace::Cut;
use crate::plan::{StreamEnd, StreamFault, StreamPoint};

/// How long the rest of a piece waits after the release for a piece that it can go before (promise P1).
const NEXT_PIECE_NS: u64 = 1_000_000_000;

/// A stream whose messages are counted.
#[derive(Debug)]
pub struct Breakoff {
    then: StreamEnd,
    messages: Messages,
    /// From the response headers on, nanoseconds.
    after_ns: Option<u64>,
    state: State,
}

#[derive(Debug)]
enum State {
    Counting,
    /// Nothing passes: the rest of the piece that was cut, whether the host holds pieces or the end, and whether the rest
    /// can go nowhere any more, so that what is held would not follow on what has passed.
    Stalled {
        rest: Vec<u8>,
        by_host: bool,
        broken: bool,
    },
    /// It goes on: these bytes before the next piece, which has to come until then.
    Released {
        rest: Vec<u8>,
        until_ns: u64,
    },
    /// What the upstream still sends is dropped.
    Dropping,
    /// Nothing passes, and the stream is closed.
    Closing,
}

/// What to do with a piece, or with the trailers.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// The host holds it back, after all else here is done.
    pub holds: bool,
    pub put: Put,
    /// The fault takes effect.
    pub strikes: bool,
    /// The trailers get the status of the fault.
    pub sets_status: bool,
    /// The stream is closed.
    pub closes: bool,
    /// The rest of the response needs no watching.
    pub is_over: bool,
    /// It is to be looked at then, and not when it was before.
    pub wake_ns: Option<u64>,
}

/// Bytes that are put into a body.
#[derive(Debug, Default, PartialEq, Eq)]
pub enum Put {
    #[default]
    Nothing,
    /// In place of all those in hand.
    Instead(Vec<u8>),
    Before(Vec<u8>),
}

/// What to do when the time has come.
#[derive(Debug, PartialEq, Eq)]
pub enum Woken {
    Nothing,
    /// The fault takes effect; it is to be looked at again then.
    Strikes(u64),
    /// It is to be looked at again then.
    Waits(u64),
    /// What the host holds goes on.
    Continues,
    Closes,
}

impl Breakoff {
    #[must_use]
    pub fn new(fault: &StreamFault, framing: Framing) -> Self {
        let (wanted, after_ns) = match fault.after {
            StreamPoint::Messages(count) => (count, None),
            StreamPoint::Time(ns) => (u64::MAX, Some(ns)),
        };
        let messages = Messages::new(framing, wanted);
        Self { then: fault.then.clone(), messages, after_ns, state: State::Counting }
    }

    /// What comes after the last message.
    #[must_use]
    pub fn then(&self) -> &StreamEnd {
        &self.then
    }

    /// The response begins.
    pub fn begin(&mut self, headers_ns: u64, ends_ns: u64) -> Step {
        match self.after_ns {
            Some(ns) => Step { wake_ns: Some(headers_ns.saturating_add(ns).min(ends_ns)), ..Step::default() },
            None if self.messages.is_reached() => self.strike(&[], 0, false, headers_ns, ends_ns),
            None => Step::default(),
        }
    }

    /// Whether [`Self::piece`] wants to see the bytes.
    #[must_use]
    pub fn is_counting(&self) -> bool {
        matches!(self.state, State::Counting)
    }

    /// A piece of the body has come.
    pub fn piece(&mut self, bytes: &[u8], last: bool, now_ns: u64, ends_ns: u64) -> Step {
        match &mut self.state {
            State::Counting => match self.messages.piece(bytes) {
                Some(at) => self.strike(bytes, at, last, now_ns, ends_ns),
                None if last && self.messages.is_reached_at_end() => {
                    self.strike(bytes, bytes.len(), last, now_ns, ends_ns)
                }
                None => Step { is_over: last, ..Step::default() },
            },
            State::Stalled { rest, by_host, .. } => {
                *by_host = true;
                Step { holds: true, put: Put::before(rest), ..Step::default() }
            }
            State::Released { rest, .. } => Step { put: Put::before(rest), is_over: true, ..Step::default() },
            State::Dropping => {
                Step { put: Put::Instead(Vec::new()), sets_status: last, is_over: last, ..Step::default() }
            }
            State::Closing => Step { holds: true, ..Step::default() },
        }
    }

    fn strike(&mut self, bytes: &[u8], at: usize, last: bool, now_ns: u64, ends_ns: u64) -> Step {
        let (passes, rest) = bytes.split_at_checked(at).unwrap_or((bytes, &[]));
        let drops = matches!(self.then, StreamEnd::Status(_));
        // What ends here cannot pass without its end, and of what does not begin here nothing passes.
        let whole = !drops && (at == 0 || last);
        self.state = match self.then {
            StreamEnd::Stall => State::Stalled {
                rest: if whole { Vec::new() } else { rest.to_vec() },
                by_host: last || (whole && !bytes.is_empty()),
                broken: false,
            },
            StreamEnd::Reset => State::Closing,
            StreamEnd::Status(_) => State::Dropping,
        };
        let ends = drops && last;
        Step {
            holds: whole,
            put: if whole || rest.is_empty() { Put::Nothing } else { Put::Instead(passes.to_vec()) },
            strikes: true,
            sets_status: ends,
            closes: false,
            is_over: ends,
            wake_ns: Some(self.due(now_ns, ends_ns)),
        }
    }

    /// When the stream goes on or is closed, if its upstream does nothing.
    fn due(&self, now_ns: u64, ends_ns: u64) -> u64 {
        match &self.then {
            StreamEnd::Stall => ends_ns,
            StreamEnd::Reset => now_ns.saturating_add(Cut::after(self.messages.bytes()).grace_ns()),
            StreamEnd::Status(status) => now_ns.saturating_add(status.within_ns).min(ends_ns),
        }
    }

    /// The trailers have come.
    pub fn trailers(&mut self) -> Step {
        match &mut self.state {
            State::Counting => Step { is_over: true, ..Step::default() },
            State::Stalled { rest, by_host, broken } => {
                // No bytes can be put before trailers.
                *broken |= !rest.is_empty();
                *by_host = true;
                Step { holds: true, ..Step::default() }
            }
            State::Released { rest, .. } if rest.is_empty() => Step { is_over: true, ..Step::default() },
            State::Released { .. } => {
                self.state = State::Closing;
                Step { holds: true, closes: true, ..Step::default() }
            }
            State::Dropping => Step { sets_status: true, is_over: true, ..Step::default() },
            State::Closing => Step { holds: true, ..Step::default() },
        }
    }

    /// Something that was to be done could not be done: the stream cannot go on.
    pub fn give_up(&mut self) {
        self.state = State::Closing;
    }

    /// The time has come. `ends_ns`: the deadline of the mission while it runs.
    pub fn wake(&mut self, now_ns: u64, ends_ns: Option<u64>) -> Woken {
        match &mut self.state {
            State::Counting => {
                let Some(ends_ns) = ends_ns else { return Woken::Nothing };
                // The message that is under way comes to its end.
                self.messages.stop();
                match self.messages.is_reached() {
                    true => {
                        Woken::Strikes(self.strike(&[], 0, false, now_ns, ends_ns).wake_ns.unwrap_or(ends_ns))
                    }
                    false => Woken::Nothing,
                }
            }
            State::Stalled { broken: true, .. } | State::Dropping | State::Closing => {
                self.state = State::Closing;
                Woken::Closes
            }
            State::Stalled { by_host: true, .. } => Woken::Continues,
            State::Stalled { rest, .. } => {
                let (rest, until_ns) = (std::mem::take(rest), now_ns.saturating_add(NEXT_PIECE_NS));
                let waits = !rest.is_empty();
                self.state = State::Released { rest, until_ns };
                if waits { Woken::Waits(until_ns) } else { Woken::Nothing }
            }
            State::Released { rest, .. } if rest.is_empty() => Woken::Nothing,
            State::Released { until_ns, .. } if now_ns < *until_ns => Woken::Waits(*until_ns),
            State::Released { .. } => {
                self.state = State::Closing;
                Woken::Closes
            }
        }
    }

    /// The host has let go what it held.
    pub fn go_on(&mut self) {
        if let State::Stalled { rest, .. } = &mut self.state {
            self.state = State::Released { rest: std::mem::take(rest), until_ns: u64::MAX };
        }
    }
}

impl Put {
    fn before(bytes: &mut Vec<u8>) -> Self {
        match bytes.is_empty() {
            true => Self::Nothing,
            false => Self::Before(std::mem::take(bytes)),
        }
    }
}
