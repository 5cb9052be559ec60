//! The files as they are written: every key with its type, range, default and meaning, in one place.
//!
//! The same declarations read a configuration (collecting every mistake instead of stopping at the first,
//! which a derived `Deserialize` would) and write `docs/catalog.md` and `schemas/`.

mod body;
mod bound;
mod burst;
mod catalog;
mod choice;
mod concurrency;
mod declare;
mod decode;
mod delay;
mod envelope;
mod faults;
mod first;
mod form;
mod guardrail;
mod halt;
mod load;
mod matching;
mod mission;
mod mutate;
mod operator;
mod pressure;
mod regex;
mod regex_size;
mod requested;
mod safety;
mod scalar;
#[cfg(feature = "docs")]
pub mod schema;
mod scope;
mod size;
mod stage;
mod status;
mod stream;
mod trigger;
mod whole;
mod whose;

pub(crate) use body::PACES;
pub use body::{DropFault, DropMode, ThrottleFault};
pub use bound::{AtMost, Bound, Share, show_share};
pub use burst::Burst;
pub use catalog::{Catalog, Scenario, Severity};
pub use choice::Choice;
pub use concurrency::ConcurrencyPressure;
pub use decode::{Decode, KeyDoc, Kind, Section, closest};
pub use delay::{DelayFault, LogNormal, Normal, Pareto, Percentiles, PhaseWord, Uniform};
pub use envelope::{Action, Bytes, Carried, Digests, Envelope, EnvelopeSignature, Request};
pub use faults::{AbortFault, Fault, Headers};
pub use first::{First, FirstPer};
pub use form::{
    EnvironmentName, FieldName, FieldValue, GrpcMethod, GrpcService, HostName, Method, MissionId, Name,
    NamespacePattern, Nonce, RequestField, Template,
};
pub(crate) use guardrail::MOST_OBSERVED;
pub use guardrail::{
    CircuitBreaker, GuardGroup, Guardrail, Metric, OnHalt, Rollback, Signals, Versus, WatchWord,
};
pub use halt::HaltRequest;
pub use load::Load;
pub use matching::{GrpcMatch, HeaderMatch, MatchRule, PathMatch, QueryMatch, TextMatch};
pub(crate) use mission::LONGEST_MISSION_MS;
pub use mission::{CompositionWord, Identity, MarkWord, Mission, Plugin, Role, StatLabels};
pub use mutate::{MergePatch, MutateBody, MutateFault, MutateRequest, MutateResponse};
pub use operator::{Operator, OperatorsFile, Permission, PublicKey, SignOff};
pub use pressure::{CpuPressure, MOST_MEMORY, MemoryPressure, MemorySize, PressureFault, WorkerShare};
pub use regex::Regex;
pub use requested::{CallerKey, RequestedFault, RequestedKind, Secret};
pub use safety::{Count, MissionSafety, Safety};
pub use scalar::{FormatVersion, Number, Percent, Span, Text, Timestamp};
pub use scope::{DirectionWord, Sample, SampleBy, Scope};
pub(crate) use size::bytes as bytes_of;
pub use size::{Rate, Size, show_bytes};
pub(crate) use stage::MOST_STAGES;
pub use stage::Stage;
pub use status::{GrpcCode, HttpStatus};
pub use stream::{StreamAfter, StreamFault, StreamWord};
pub use trigger::{Day, Hours, Offset, Randomize, Trigger, Window};
pub use whole::Whole;
pub use whose::{Labels, Source};
