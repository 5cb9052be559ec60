//! One request, as the command line describes it.

use crate::arguments::{Explain, Side};
use anyhow::Context;
use squall_policy::{Direction, Fact, Facts, Moment};
use std::collections::BTreeMap;

/// The header that carries the request id.
const REQUEST_ID: &str = "x-request-id";

pub struct Request {
    method: Vec<u8>,
    path: Vec<u8>,
    authority: Option<Vec<u8>>,
    route: Option<Vec<u8>>,
    cluster: Option<Vec<u8>>,
    virtual_host: Option<Vec<u8>>,
    principal: Option<Vec<u8>>,
    headers: BTreeMap<String, Vec<u8>>,
    direction: Direction,
    moment: Moment,
    /// Whether a decision asked for the request id: then it depends on chance.
    pub asked_for_id: bool,
}

impl Request {
    /// # Errors
    /// When a header has no colon, or no name.
    pub fn new(arguments: &Explain, moment: Moment) -> anyhow::Result<Self> {
        let bytes = |text: &Option<String>| text.clone().map(String::into_bytes);
        let mut headers: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        for header in &arguments.header {
            let (name, value) = header.split_once(':').filter(|(name, _)| !name.trim().is_empty()).with_context(|| {
                format!("{header:?} is no header: write --header 'name: value'; :path and its like have options")
            })?;
            let value = value.trim().as_bytes();
            headers
                .entry(name.trim().to_ascii_lowercase())
                // Several values of one header are one list (RFC 9110 section 5.3).
                .and_modify(|values| values.extend([b",", value].concat()))
                .or_insert_with(|| value.to_vec());
        }
        if let Some(id) = &arguments.request_id {
            headers.insert(REQUEST_ID.to_owned(), id.clone().into_bytes());
        }
        Ok(Self {
            method: arguments.method.clone().into_bytes(),
            path: arguments.path.clone().into_bytes(),
            authority: bytes(&arguments.authority).or_else(|| headers.get("host").cloned()),
            route: bytes(&arguments.route),
            cluster: bytes(&arguments.cluster),
            virtual_host: bytes(&arguments.virtual_host),
            principal: bytes(&arguments.principal),
            headers,
            direction: match arguments.direction {
                Some(Side::Inbound) => Direction::Inbound,
                Some(Side::Outbound) => Direction::Outbound,
                None => Direction::Unspecified,
            },
            moment,
            asked_for_id: false,
        })
    }

    pub fn id(&self) -> Option<String> {
        self.headers.get(REQUEST_ID).map(|id| String::from_utf8_lossy(id).into_owned())
    }
}

impl Facts for Request {
    fn fact(&mut self, fact: &Fact) -> Option<&[u8]> {
        match fact {
            Fact::Path => Some(&self.path),
            Fact::Method => Some(&self.method),
            Fact::Authority => self.authority.as_deref(),
            Fact::Header(name) => self.headers.get(name).map(Vec::as_slice),
            Fact::Route => self.route.as_deref(),
            Fact::Cluster => self.cluster.as_deref(),
            Fact::VirtualHost => self.virtual_host.as_deref(),
            Fact::Principal => self.principal.as_deref(),
            Fact::RequestId => {
                self.asked_for_id = true;
                self.headers.get(REQUEST_ID).map(Vec::as_slice)
            }
        }
    }

    fn direction(&mut self) -> Direction {
        self.direction
    }
    fn moment(&mut self) -> Option<Moment> {
        Some(self.moment)
    }
}
