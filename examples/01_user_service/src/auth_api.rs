//! The gRPC API of the auth-service, written by hand so that building the example needs no `protoc`:
//!
//! ```proto
//! package auth.v1;
//! service Auth { rpc Check(CheckRequest) returns (CheckReply); }
//! ```

/// The path of `Check` on the wire.
pub const CHECK: &str = "/auth.v1.Auth/Check";

/// The one token that the auth-service of the example accepts.
pub const DEMO_TOKEN: &str = "demo-token";

/// Asks whether a bearer token is valid.
#[derive(Clone, PartialEq, prost::Message)]
pub struct CheckRequest {
    #[prost(string, tag = "1")]
    pub token: String,
}

/// The token is valid and belongs to `subject`. An invalid one is answered with `UNAUTHENTICATED`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct CheckReply {
    #[prost(string, tag = "1")]
    pub subject: String,
}
