//! The files as they are written: every key with its type, range, default and meaning, in one place.
//!
//! The same declarations read a configuration (collecting every mistake instead of stopping at the first,
//! which a derived `Deserialize` would) and write `docs/catalog.md`.

mod catalog;
mod decode;
mod mission;
mod scalar;

pub use catalog::{
    AbortFault, Catalog, DelayFault, DirectionWord, Fault, HeaderMatch, LogNormal, MatchRule, Normal, Pareto,
    PathMatch, Percentiles, PhaseWord, Sample, SampleBy, Scenario, Scope, Severity, TextMatch, Uniform,
};
pub use decode::{Decode, KeyDoc, Kind, Section};
pub use mission::{CompositionWord, Identity, Mission, Plugin, Role};
pub use scalar::{
    FieldName, FieldValue, FormatVersion, GrpcCode, HttpStatus, MissionId, Name, Number, Percent, Regex,
    Span, Template, Text, Timestamp,
};
