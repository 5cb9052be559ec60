//! `halt`: ends every mission of every proxy that can be reached, at once, without a signature.

use super::act::word;
use super::request::{ensure_fine, or_absent, without_absent};
use super::told::{self, Told};
use super::{all, block_on, known_clients};
use crate::Outcome;
use crate::arguments::Halt;
use crate::envelope::object;
use crate::terminal::{Paint, complain};
use serde_json::Value;
use squall_policy::Report;
use squall_policy::wire::{Decode, HaltRequest};

/// # Errors
/// When nobody can be asked.
pub fn run(arguments: &Halt, paints: (Paint, Paint)) -> anyhow::Result<Outcome> {
    let body = body(arguments.reason.as_deref(), arguments.by.as_deref())?;
    let (clients, wrong) = known_clients(&arguments.proxies)?;
    let asked = all(clients, |client| {
        let body = body.clone();
        async move { Told::new(&client.address, client.post("/v1/halt", body).await) }
    });
    let outcome = told::print(&block_on(asked)?, arguments.proxies.output, None, paints, said)?;
    if wrong.is_empty() {
        return Ok(outcome);
    }
    complain(&format!(
        "chaosctl: {}\nthe proxies that are known were asked all the same\n",
        wrong.join("\n")
    ));
    Ok(Outcome::Unable)
}

/// What a proxy is sent; `by` is the user where nobody is named.
///
/// # Errors
/// When a proxy would refuse the words.
pub fn body(reason: Option<&str>, by: Option<&str>) -> anyhow::Result<Vec<u8>> {
    let user = std::env::var("USER").ok().filter(|user| user_fits(user));
    let request = request(reason, by.or(user.as_deref()));
    let mut report = Report::default();
    HaltRequest::decode(&request, &mut report);
    ensure_fine(&report)?;
    Ok(serde_json::to_vec(&request)?)
}

/// What a proxy did, from its answer.
pub fn said(answer: &Value) -> String {
    let halt = answer.get("halt").unwrap_or(answer);
    let by = word(halt, "by");
    let by = if by.is_empty() { word(halt, "reason") } else { by };
    let detail = word(halt, "detail");
    let detail = if detail.is_empty() { detail } else { format!(": {detail}") };
    format!("halted by {by} at {}{detail}", word(halt, "at"))
}

fn request(reason: Option<&str>, by: Option<&str>) -> squall_policy::Node {
    without_absent(object([("reason", or_absent(reason)), ("by", or_absent(by))]))
}

/// A strange name of a user keeps nobody from halting.
fn user_fits(user: &str) -> bool {
    let mut report = Report::default();
    HaltRequest::decode(&request(None, Some(user)), &mut report);
    !report.has_errors()
}
