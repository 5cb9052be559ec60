//! The files as they are written: every key with its type, range, default and meaning, in one place.
//!
//! The same declarations read a configuration (collecting every mistake instead of stopping at the first,
//! which a derived `Deserialize` would) and write `docs/catalog.md` and `schemas/`.

mod body;
mod catalog;
mod declare;
mod decode;
mod delay;
mod faults;
mod form;
mod mission;
mod mutate;
mod scalar;
#[cfg(feature = "docs")]
pub mod schema;
mod scope;
mod size;
mod status;

pub use body::{DropFault, DropMode, ThrottleFault};
pub use catalog::{Catalog, Scenario, Severity};
pub use decode::{Decode, KeyDoc, Kind, Section};
pub use delay::{DelayFault, LogNormal, Normal, Pareto, Percentiles, PhaseWord, Uniform};
pub use faults::{AbortFault, Fault, Headers};
pub use form::{FieldName, FieldValue, Method, MissionId, Name, Template};
pub use mission::{CompositionWord, Identity, Mission, Plugin, Role};
pub use mutate::{MergePatch, MutateBody, MutateFault, MutateRequest, MutateResponse};
pub use scalar::{FormatVersion, Number, Percent, Regex, Span, Text, Timestamp};
pub use scope::{DirectionWord, HeaderMatch, MatchRule, PathMatch, Sample, SampleBy, Scope, TextMatch};
pub use size::{Rate, Size, show_bytes};
pub use status::{GrpcCode, HttpStatus};
