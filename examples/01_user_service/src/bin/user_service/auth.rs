//! The client of the auth-service: a timeout for each try, and a retry when it is UNAVAILABLE.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::http::{Uri, uri::PathAndQuery};
use tokio::time::timeout;
use tonic::{
    Code, Request, Status,
    client::Grpc,
    metadata::MetadataValue,
    transport::{Channel, Endpoint},
};
use tonic_prost::ProstCodec;
use user_service_example::auth_api::{CHECK, CheckReply, CheckRequest};

use crate::Counters;

pub struct AuthClient {
    channel: Channel,
    timeout: Duration,
    retries: u32,
    counters: Arc<Counters>,
}

/// Why a check did not succeed.
pub enum AuthError {
    /// The token is not valid.
    Denied,
    /// Nobody could say whether the token is valid.
    NoAnswer,
}

impl AuthClient {
    /// A client that connects on first use.
    ///
    /// # Errors
    /// When no endpoint can be made of `address`.
    pub fn new(
        address: SocketAddr,
        timeout: Duration,
        retries: u32,
        counters: Arc<Counters>,
    ) -> anyhow::Result<Self> {
        let channel = Endpoint::from_shared(format!("http://{address}"))?
            .origin(Uri::from_static("http://auth-service"))
            .connect_lazy();
        Ok(Self { channel, timeout, retries, counters })
    }

    /// Checks a token; `request_id` names the request of the user that needs it.
    ///
    /// # Errors
    /// [`AuthError::Denied`] for an invalid token, else [`AuthError::NoAnswer`].
    pub async fn check(&self, token: &str, request_id: &str) -> Result<(), AuthError> {
        for attempt in 1..=1 + self.retries {
            self.counters.count(|stats| stats.auth_tries += 1);
            let id = format!("{request_id}-auth-{attempt}");
            let Ok(answer) = timeout(self.timeout, self.call(token, &id)).await else {
                self.counters.count(|stats| stats.auth_timeouts += 1);
                return Err(AuthError::NoAnswer);
            };
            match answer.map_err(|status| status.code()) {
                Ok(_) if attempt == 1 => return Ok(()),
                Ok(_) => {
                    self.counters.count(|stats| stats.auth_recovered += 1);
                    return Ok(());
                }
                Err(Code::Unauthenticated) => return Err(AuthError::Denied),
                Err(Code::Unavailable) => self.counters.count(|stats| stats.auth_unavailable += 1),
                Err(_) => return Err(AuthError::NoAnswer),
            }
        }
        self.counters.count(|stats| stats.auth_lost += 1);
        Err(AuthError::NoAnswer)
    }

    /// One try. It has a request id of its own: whatever acts on the id (sampling, tracing, a chaos
    /// filter) then judges each try anew.
    async fn call(&self, token: &str, request_id: &str) -> Result<CheckReply, Status> {
        let mut request = Request::new(CheckRequest { token: token.into() });
        if let Ok(id) = MetadataValue::try_from(request_id) {
            request.metadata_mut().insert("x-request-id", id);
        }
        let mut client = Grpc::new(self.channel.clone());
        client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
        let codec = ProstCodec::<CheckRequest, CheckReply>::default();
        let reply = client.unary(request, PathAndQuery::from_static(CHECK), codec).await?;
        Ok(reply.into_inner())
    }
}
