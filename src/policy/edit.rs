//! Changes to a body that passes in pieces.

use crate::draw::Chance;
use serde_json::Value;

/// A change of a body, compiled.
#[derive(Debug, Clone)]
pub enum BodyChange {
    Replace(String),
    Merge {
        patch: Value,
        max_size: usize,
    },
    /// Share of the bytes, parts per million.
    Corrupt {
        ppm: u32,
    },
}

/// What a change remembers between the pieces of one body.
#[derive(Debug)]
pub struct EditState {
    /// For `Corrupt`: the numbers, and how many bytes pass before the next one that changes.
    chance: Chance,
    gap: u64,
    /// For `Replace`: the new body has gone out. For `Merge`: the body was too large, and passes.
    settled: bool,
}

/// What becomes of the bytes in hand.
#[derive(Debug, PartialEq, Eq)]
pub enum Edit {
    /// They pass as they are.
    Pass,
    /// They pass as they are, and so does the rest.
    GiveUp(Unfit),
    /// These pass in their place.
    Put(Vec<u8>),
    /// They are kept until more has come, and come again then, before the new ones.
    Keep,
}

/// Why a body cannot be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    TooLarge,
    NotJson,
}

impl BodyChange {
    /// The length of the body after the change, where it is known before the body comes.
    #[must_use]
    pub fn length(&self) -> Length {
        match self {
            Self::Replace(text) => Length::Is(text.len()),
            Self::Merge { .. } => Length::Unknown,
            Self::Corrupt { .. } => Length::Stays,
        }
    }

    /// Whether a body of a declared length is too large for it.
    #[must_use]
    pub fn is_too_large(&self, length: u64) -> bool {
        match self {
            Self::Merge { max_size, .. } => usize::try_from(length).map_or(true, |length| length > *max_size),
            Self::Replace(_) | Self::Corrupt { .. } => false,
        }
    }

    /// Begins the change of one body. The seed is the request's own ([`crate::Injection::body_seed`]).
    #[must_use]
    pub fn begin(&self, seed: u64) -> EditState {
        let mut chance = Chance::of_body(seed);
        let gap = match self {
            Self::Corrupt { ppm } => next_gap(*ppm, &mut chance),
            Self::Replace(_) | Self::Merge { .. } => 0,
        };
        EditState { chance, gap, settled: false }
    }

    /// Bytes are there: so many, read by `read` when they are needed. `last`: no more come.
    pub fn piece(
        &self,
        state: &mut EditState,
        size: usize,
        last: bool,
        read: impl FnOnce() -> Option<Vec<u8>>,
    ) -> Edit {
        match self {
            Self::Replace(text) => {
                let first = !std::mem::replace(&mut state.settled, true);
                Edit::Put(if first { text.clone().into_bytes() } else { Vec::new() })
            }
            Self::Merge { patch, max_size } => merge(patch, *max_size, state, size, last, read),
            Self::Corrupt { ppm } => match read() {
                Some(bytes) => Edit::Put(corrupt(bytes, *ppm, state)),
                None => Edit::Pass,
            },
        }
    }
}

/// What a change does to `content-length`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    Is(usize),
    Stays,
    Unknown,
}

fn merge(
    patch: &Value,
    max_size: usize,
    state: &mut EditState,
    size: usize,
    last: bool,
    read: impl FnOnce() -> Option<Vec<u8>>,
) -> Edit {
    if state.settled {
        return Edit::Pass;
    }
    if size > max_size {
        state.settled = true;
        return Edit::GiveUp(Unfit::TooLarge);
    }
    if !last {
        return Edit::Keep;
    }
    state.settled = true;
    let Some(mut value) = read().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok()) else {
        return Edit::GiveUp(Unfit::NotJson);
    };
    apply_patch(&mut value, patch);
    serde_json::to_vec(&value).map_or(Edit::GiveUp(Unfit::NotJson), Edit::Put)
}

/// RFC 7396, section 2. Its depth is bounded by the patch's, and the patch's by the parser of the configuration.
fn apply_patch(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let Value::Object(members) = target else { return };
    for (name, change) in changes {
        if change.is_null() {
            members.remove(name);
        } else {
            apply_patch(members.entry(name.as_str()).or_insert(Value::Null), change);
        }
    }
}

/// How many bytes pass before the next that changes: the geometric distribution, one draw per changed byte
/// instead of one per byte.
fn next_gap(ppm: u32, chance: &mut Chance) -> u64 {
    let share = f64::from(ppm) / 1e6;
    if share >= 1.0 {
        return 0;
    }
    let gap = libm::log(chance.unit()) / libm::log1p(-share);
    if gap >= 1e18 { u64::MAX } else { gap as u64 }
}

fn corrupt(mut bytes: Vec<u8>, ppm: u32, state: &mut EditState) -> Vec<u8> {
    let chance = &mut state.chance;
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let mut at = state.gap;
    while let Some(byte) = usize::try_from(at).ok().and_then(|at| bytes.get_mut(at)) {
        // 1 to 255: always another value.
        let flip = chance.ppm().checked_rem(255).unwrap_or(0).saturating_add(1);
        *byte ^= u8::try_from(flip).unwrap_or(1);
        at = at.saturating_add(1).saturating_add(next_gap(ppm, chance));
    }
    state.gap = at.saturating_sub(size);
    bytes
}
