//! Which path and method ask for what.

use crate::path::Target;
use crate::problem::{Kind, Problem};

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    Page,
    Status,
    Catalog,
    /// Those after this number.
    Events {
        since: u64,
    },
    Start,
    Renew {
        mission: String,
    },
    Stop {
        mission: String,
    },
    Halt,
    Release,
}

impl Route {
    /// Whether it changes something, and so has a body.
    #[must_use]
    pub fn changes(&self) -> bool {
        !matches!(self, Self::Page | Self::Status | Self::Catalog | Self::Events { .. })
    }

    fn allows(&self) -> &'static [&'static str] {
        if self.changes() { &["POST"] } else { &["GET", "HEAD"] }
    }
}

/// Finds the route of a request.
///
/// # Errors
/// No such path; another method; a query that is not read here.
pub fn find(method: &[u8], target: &Target) -> Result<Route, Problem> {
    let segments: Vec<&str> = target.segments.iter().map(String::as_str).collect();
    let route = match segments.as_slice() {
        [""] => Route::Page,
        ["v1", "status"] => Route::Status,
        ["v1", "catalog"] => Route::Catalog,
        ["v1", "events"] => Route::Events { since: 0 },
        ["v1", "missions"] => Route::Start,
        ["v1", "missions", mission, "renew"] => Route::Renew { mission: (*mission).to_owned() },
        ["v1", "missions", mission, "stop"] => Route::Stop { mission: (*mission).to_owned() },
        ["v1", "halt"] => Route::Halt,
        ["v1", "release"] => Route::Release,
        _ => return Err(Problem::new(Kind::NotFound, "docs/openapi.yaml has all paths")),
    };
    if !route.allows().iter().any(|allowed| allowed.as_bytes() == method) {
        let allowed = route.allows().join(", ");
        let detail = format!("this path has {allowed}");
        return Err(Problem::new(Kind::MethodNotAllowed, detail).with_header("allow", &allowed));
    }
    match (route, target.query.as_slice()) {
        (Route::Events { .. }, [(name, value)]) if name == "since" => {
            // Digits alone: a parser of numbers would take a sign too.
            let number = value.parse().ok().filter(|_| value.bytes().all(|byte| byte.is_ascii_digit()));
            let since = number.ok_or_else(|| Problem::new(Kind::BadQuery, "`since` is a whole number"))?;
            Ok(Route::Events { since })
        }
        // A page may be asked for with whatever makes a browser load it again.
        (route, []) | (route @ Route::Page, _) => Ok(route),
        (Route::Events { .. }, _) => Err(Problem::new(Kind::BadQuery, "this path takes `since`, once")),
        _ => Err(Problem::new(Kind::BadQuery, "this path takes no query")),
    }
}
