//! An answer: status, headers, body.

/// On every answer. Nothing may be kept, read by another origin, or taken for something else than it says.
const ALWAYS: [(&str, &str); 4] = [
    ("cache-control", "no-store"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-origin"),
];

/// What a request is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
    /// For the access log.
    pub details: String,
}

impl Answer {
    #[must_use]
    pub fn new(status: u16, content_type: &str, body: String) -> Self {
        let headers = [("content-type", content_type)].into_iter().chain(ALWAYS);
        Self {
            status,
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            body,
            details: "squall_control".to_owned(),
        }
    }

    /// JSON text.
    #[must_use]
    pub fn json(status: u16, body: String) -> Self {
        Self::new(status, "application/json", body)
    }

    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}
