//! What the three services of the example share: how a service runs, and the API of the auth-service.

pub mod auth_api;
pub mod run;
