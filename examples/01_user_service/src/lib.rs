//! What the programs of the example share: how a service runs, how it is started as a child process,
//! the API of the auth-service and the stats of the user-service.

pub mod auth_api;
pub mod call_stats;
pub mod child;
pub mod run;
