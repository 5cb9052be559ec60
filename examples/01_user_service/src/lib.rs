//! What the programs of the example share: how a service runs, how it is started as a child process,
//! and the API of the auth-service.

pub mod auth_api;
pub mod child;
pub mod run;
