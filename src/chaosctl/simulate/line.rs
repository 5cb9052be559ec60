//! One line of an access log: the keys that are read, and the request as the policy sees it.

use crate::access_log::{self, DETAILS, METHOD, TIME};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use squall_policy::{Direction, Fact, Facts, Moment, Turn, Turns};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// What a line says under a key; `None`: `null`, the request has no such thing.
type Told<'l> = Option<Cow<'l, str>>;

/// The keys of a line that somebody may ask for.
pub struct Line<'l> {
    told: Vec<(Cow<'l, str>, Told<'l>)>,
}

/// Answers of the proxy before any filter: these requests are in the log, and no filter has seen them.
const UNSEEN: [&str; 6] = [
    "absolute_path_rejected",
    "low_version",
    "missing_host_header",
    "missing_path_rejected",
    "overload",
    "path_normalization_failed",
];

impl Line<'_> {
    fn get(&self, key: &str) -> Option<&Told<'_>> {
        self.told.iter().find(|(known, _)| known == key).map(|(_, told)| told)
    }

    pub fn time(&self) -> Option<&str> {
        self.get(TIME)?.as_deref()
    }

    /// The beginning of the request in milliseconds since 1970.
    pub fn wall_ms(&self) -> Option<u64> {
        milliseconds(self.time()?)
    }

    /// Whether the filter has seen the request. One without a method has failed in the codec.
    pub fn was_seen(&self) -> bool {
        let details = self.get(DETAILS).and_then(Option::as_deref);
        let no_request = self.get(METHOD) == Some(&None);
        !no_request && !details.is_some_and(|details| UNSEEN.contains(&details))
    }
}

impl<'de> Deserialize<'de> for Line<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Lines;
        impl<'de> Visitor<'de> for Lines {
            type Value = Line<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Line<'de>, A::Error> {
                let mut told = Vec::with_capacity(8);
                while let Some(Text(key)) = map.next_key()? {
                    if !access_log::is_read(&key) {
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    }
                    match map.next_value()? {
                        Scalar::Text(text) => told.push((key, Some(text))),
                        Scalar::Null => told.push((key, None)),
                        Scalar::Other => {}
                    }
                }
                Ok(Line { told })
            }
        }
        deserializer.deserialize_map(Lines)
    }
}

/// Text that is borrowed from the line where it has no escapes.
struct Text<'l>(Cow<'l, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Scalar::deserialize(deserializer)? {
            Scalar::Text(text) => Ok(Self(text)),
            _ => Err(serde::de::Error::custom("a key is text")),
        }
    }
}

enum Scalar<'l> {
    Text(Cow<'l, str>),
    Null,
    /// A list, an object, a boolean: no operator of the format writes one.
    Other,
}

impl<'de> Deserialize<'de> for Scalar<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Scalars;
        impl<'de> Visitor<'de> for Scalars {
            type Value = Scalar<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Text(Cow::Owned(text.to_owned())))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Text(Cow::Owned(number.to_string())))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Text(Cow::Owned(number.to_string())))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Text(Cow::Owned(number.to_string())))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Other)
            }

            fn visit_unit<E>(self) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Null)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Scalar<'de>, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Scalar::Other)
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<Scalar<'de>, A::Error> {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Scalar::Other)
            }
        }
        deserializer.deserialize_any(Scalars)
    }
}

/// What was asked of a line that has no such key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    Fact(Fact),
    Direction,
    Moment,
}

impl Question {
    pub fn key(&self) -> access_log::Key {
        match self {
            Self::Fact(fact) => access_log::of_fact(fact),
            Self::Direction => access_log::of_direction(),
            Self::Moment => access_log::of_moment(),
        }
    }
}

/// The keys that were asked for so far, worked out once for each question.
#[derive(Default)]
pub struct Questions {
    asked: Vec<Asked>,
    /// The pieces of the table in which the filter counts the first requests of each key.
    turns: BTreeMap<u16, Vec<u8>>,
}

pub struct Asked {
    pub question: Question,
    pub key: access_log::Key,
    /// Whether any line so far had the key.
    pub answered: bool,
}

impl Questions {
    fn index(&mut self, question: impl Fn(&Question) -> bool, new: impl FnOnce() -> Question) -> usize {
        if let Some(index) = self.asked.iter().position(|asked| question(&asked.question)) {
            return index;
        }
        let question = new();
        self.asked.push(Asked { key: question.key(), question, answered: false });
        self.asked.len() - 1
    }

    pub fn asked(&self) -> &[Asked] {
        &self.asked
    }
}

/// A line while it is decided about.
pub struct Request<'r, 'l> {
    line: &'r Line<'l>,
    questions: &'r mut Questions,
    /// When the mission began, in milliseconds since 1970.
    start_ms: u64,
    /// Number of the first question that the line has no key for.
    pub lacks: Option<usize>,
    /// A draw depends on the request id, and the request had none: the filter made one up.
    pub drew_without_id: bool,
    /// Whether a draw depends on the request id at all.
    pub asked_for_id: bool,
}

impl<'r, 'l> Request<'r, 'l> {
    pub fn new(line: &'r Line<'l>, questions: &'r mut Questions, start_ms: u64) -> Self {
        Self { line, questions, start_ms, lacks: None, drew_without_id: false, asked_for_id: false }
    }

    fn answer(&mut self, index: usize) -> Option<&'r str> {
        let asked = self.questions.asked.get_mut(index)?;
        match self.line.get(&asked.key.name) {
            Some(told) => {
                asked.answered = true;
                told.as_deref()
            }
            // Nobody asks for a fault in a log that does not tell it.
            None if super::is_request(&asked.key.name) => None,
            None => {
                self.lacks.get_or_insert(index);
                None
            }
        }
    }
}

fn milliseconds(time: &str) -> Option<u64> {
    let since = humantime::parse_rfc3339(time).ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    u64::try_from(since.as_millis()).ok()
}

impl Facts for Request<'_, '_> {
    fn fact(&mut self, fact: &Fact) -> Option<&[u8]> {
        let is_id = *fact == Fact::RequestId;
        let index = self
            .questions
            .index(|q| matches!(q, Question::Fact(known) if known == fact), || Question::Fact(fact.clone()));
        let answer = self.answer(index);
        self.asked_for_id |= is_id;
        self.drew_without_id |= is_id && answer.is_none();
        answer.map(str::as_bytes)
    }

    fn direction(&mut self) -> Direction {
        let index = self.questions.index(|q| *q == Question::Direction, || Question::Direction);
        self.answer(index).map_or(Direction::Unspecified, access_log::direction)
    }

    fn moment(&mut self) -> Option<Moment> {
        let index = self.questions.index(|q| *q == Question::Moment, || Question::Moment);
        let wall_ms = milliseconds(self.answer(index)?)?;
        Some(Moment { wall_ms, running_ns: wall_ms.saturating_sub(self.start_ms).saturating_mul(1_000_000) })
    }

    /// By the line's time, in the order of the lines.
    fn count(&mut self, turns: &Turns) -> Turn {
        let Some(moment) = self.moment() else { return Turn::Unknown };
        let piece = self.questions.turns.entry(turns.piece).or_default();
        let (turn, changed) = turns.count(piece, moment.wall_ms);
        if turn == Turn::First {
            *piece = changed;
        }
        turn
    }
}
