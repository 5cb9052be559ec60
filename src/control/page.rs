//! The cockpit: one page without assets, and a policy that lets a browser run nothing but what is in it.

use crate::answer::Answer;
use sha2::{Digest, Sha256};

const PAGE: &str = include_str!("cockpit.html");

/// The page with its headers.
#[must_use]
pub fn answer() -> Answer {
    Answer::new(200, "text/html; charset=utf-8", PAGE.to_owned())
        .with("content-security-policy", &policy(PAGE))
        .with("x-frame-options", "DENY")
        .with("cross-origin-opener-policy", "same-origin")
        .with("permissions-policy", "camera=(), geolocation=(), microphone=()")
}

/// A content security policy for a page with at most one script and one style in it.
#[must_use]
pub fn policy(page: &str) -> String {
    let source = |element| {
        within(page, element).map_or("'none'".to_owned(), |text| format!("'sha256-{}'", hash(text)))
    };
    format!(
        "default-src 'none'; script-src {}; style-src {}; img-src data:; connect-src 'self'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'",
        source("script"),
        source("style")
    )
}

/// The text of the element of this name that begins a line, byte for byte; comments may speak of others.
fn within<'p>(page: &'p str, element: &str) -> Option<&'p str> {
    let (_, rest) = page.split_once(&format!("\n<{element}>"))?;
    Some(rest.split_once(&format!("</{element}>"))?.0)
}

/// In the alphabet that a policy has them in, with padding.
fn hash(text: &str) -> String {
    let url = squall_policy::base64(&Sha256::digest(text));
    let mut text: String = url
        .chars()
        .map(|c| match c {
            '-' => '+',
            '_' => '/',
            c => c,
        })
        .collect();
    text.push('=');
    text
}
