//! The client of the profile-db: one call, one timeout, no retry.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::bail;
use axum::http::{Request, StatusCode, header::HOST};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;
use tokio::time::timeout;

use crate::Counters;

pub struct ProfileClient {
    http: Client<HttpConnector, Empty<Bytes>>,
    address: SocketAddr,
    timeout: Duration,
    counters: Arc<Counters>,
}

impl ProfileClient {
    pub fn new(address: SocketAddr, timeout: Duration, counters: Arc<Counters>) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let http = Client::builder(TokioExecutor::new()).build(connector);
        Self { http, address, timeout, counters }
    }

    /// The profile of a user, `None` when there is no such user.
    ///
    /// # Errors
    /// When the profile-db does not answer in time, or with anything but a row or 404.
    pub async fn get(&self, id: u64, request_id: &str) -> anyhow::Result<Option<Value>> {
        let Ok(answer) = timeout(self.timeout, self.query(id, request_id)).await else {
            self.counters.count(|stats| stats.profile_timeouts += 1);
            bail!("no profile within {}", humantime::format_duration(self.timeout));
        };
        answer
    }

    async fn query(&self, id: u64, request_id: &str) -> anyhow::Result<Option<Value>> {
        let request = Request::get(format!("http://{}/profiles/{id}", self.address))
            .header(HOST, "profile-db")
            .header("x-request-id", format!("{request_id}-profile"))
            .body(Empty::new())?;
        let response = self.http.request(request).await?;
        match response.status() {
            StatusCode::OK => {
                let row = response.into_body().collect().await?.to_bytes();
                Ok(Some(serde_json::from_slice(&row)?))
            }
            StatusCode::NOT_FOUND => Ok(None),
            status => bail!("the profile-db answered {status}"),
        }
    }
}
