//! Changes to headers and bodies, made ready once.

use crate::edit::BodyChange;
use crate::wire;

/// Changes to one set of headers.
#[derive(Debug, Default)]
pub struct HeaderChanges {
    /// Headers that are set, pseudo-headers (`:path`, `:status`) included.
    pub set: Vec<(String, String)>,
    pub remove: Vec<String>,
}

/// What a mutate fault changes.
#[derive(Debug)]
pub struct Mutate {
    pub request: Option<HeaderChanges>,
    pub response: Option<HeaderChanges>,
    pub body: Option<BodyChange>,
}

impl HeaderChanges {
    #[must_use]
    pub fn sets_status(&self) -> bool {
        self.set.iter().any(|(name, _)| name == ":status")
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.remove.is_empty()
    }
}

impl Mutate {
    #[must_use]
    pub fn compile(fault: &wire::MutateFault) -> Self {
        let request = fault.request.as_ref().map(|change| {
            let path = change.path.as_ref().map(|path| (":path".to_owned(), path.0.clone()));
            let remove = change.remove_headers.iter().flatten().map(|name| name.0.clone());
            changes(path, change.headers.as_ref(), remove.collect())
        });
        let response = fault.response.as_ref().map(|change| {
            let status = change.status.map(|status| (":status".to_owned(), status.0.to_string()));
            let remove = change.remove_headers.iter().flatten().map(|name| name.0.clone());
            changes(status, change.headers.as_ref(), remove.collect())
        });
        let body = fault.response.as_ref().and_then(|change| change.body.as_ref()).and_then(body);
        Self { request, response, body }
    }

    /// Whether chance decides what it does.
    #[must_use]
    pub fn is_drawn(&self) -> bool {
        matches!(self.body, Some(BodyChange::Corrupt { .. }))
    }

    /// Whether it waits for the response.
    #[must_use]
    pub fn concerns_response(&self) -> bool {
        self.response.is_some()
    }
}

fn changes(
    pseudo: Option<(String, String)>,
    headers: Option<&wire::Headers>,
    remove: Vec<String>,
) -> HeaderChanges {
    let headers =
        headers.into_iter().flat_map(|h| &h.0).map(|(name, value)| (name.0.clone(), value.0.clone()));
    HeaderChanges { set: pseudo.into_iter().chain(headers).collect(), remove }
}

fn body(change: &wire::MutateBody) -> Option<BodyChange> {
    if let Some(text) = &change.replace {
        return Some(BodyChange::Replace(text.0.clone()));
    }
    if let Some(patch) = &change.merge {
        let max_size = usize::try_from(change.max_size.0).unwrap_or(usize::MAX);
        return Some(BodyChange::Merge { patch: patch.0.clone(), max_size });
    }
    change.corrupt.map(|share| BodyChange::Corrupt { ppm: share.0 })
}
