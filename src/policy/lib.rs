//! The policy of Squall: catalog and mission in, verdict out.
//!
//! Everything here is a pure function of its arguments. Time and chance come in as values, facts about a
//! request through the [`Facts`] trait, and what shall happen goes out as a [`Verdict`] that somebody else
//! acts on. The filter, `chaosctl explain` and the tests all ask the same [`Plan::decide`].

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::unreachable
    )
)]

mod agreement;
mod base64;
mod breakoff;
mod caller;
mod caps;
mod diagnostic;
mod draw;
mod edit;
pub mod events;
mod facts;
mod framing;
pub mod health;
pub mod mission;
mod names;
mod node;
mod pace;
mod plan;
mod plugin;
mod protected;
mod proxy;
mod queue;
mod role;
mod series;
mod sign;
mod slots;
mod traffic;
mod turns;
pub mod wire;
mod worker_time;

pub use base64::{decode as from_base64, encode as base64};
pub use breakoff::{Breakoff, Put, Step, Woken};
pub use caller::{
    Asked, BAGGAGE_HEADER, Callers, FAULT_HEADER, Ignored, MintError, Minted, TOKEN_HEADER, mint,
};
pub use caps::{Cap, Limits, Usage};
pub use diagnostic::{Code, Diagnostic, Level, Report};
pub use draw::{Chance, PPM, Seed};
pub use edit::{BodyChange, Edit, EditState, Length, Unfit};
pub use facts::{Direction, Fact, Facts, Moment};
pub use framing::{Framing, Messages};
pub use node::{Entry, Node, Position, Value};
pub use pace::{Cut, Pace, Piece};
pub use plan::{
    Abort, Burn, Composition, Concurrency, Delay, DelayPhase, Drop, Explanation, Fault, Grpc, HeaderChanges,
    Injected, Injection, Mismatch, Mutate, Outcome, Plan, Protector, Requested, Scenario, Spared, StreamEnd,
    StreamFault, StreamPoint, StreamStatus, Throttle, Verdict, is_grpc,
};
pub use plugin::{
    CONFIG_LIMIT, Identity, Loaded, MISSION_LIMIT, check_catalog, check_mission, load_json, load_mission_on,
    load_plugin, load_plugin_on,
};
pub use proxy::{Dormant, Identified, Proxy};
pub use queue::{DeadlineQueue, SLACK_NS, Ticket};
pub use series::{DEFAULT_SERIES, SERIES_OF_A_SCENARIO};
pub use sign::{
    Approval, Approved, FRESH_MS, LONGEST_EXPIRY_MS, MISSION_TYPE, Nonces, Operators, REQUEST_TYPE, Refused,
    Wanted, digest, digest_text, is_envelope, pae, verify_request,
};
pub use slots::{Joined, LONGEST_QUEUE, Pool, Standing};
pub use traffic::{Busy, Measured, Traffic};
pub use turns::{Turn, Turns};
pub use worker_time::WorkerTime;
