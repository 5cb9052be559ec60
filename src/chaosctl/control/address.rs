//! `--proxy URL`: where a control listener is.

use anyhow::{Context, bail, ensure};
use hyper::Uri;
use std::fmt;

const USUAL_PORT: u16 = 80;

/// A control listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    pub host: String,
    pub port: u16,
    /// As the `host` header has it.
    pub authority: String,
    /// What comes before `/v1`, as behind `kubectl proxy`; without a slash at its end.
    pub prefix: String,
}

impl Address {
    /// # Errors
    /// What is no `http://HOST:PORT`.
    pub fn read(given: &str) -> anyhow::Result<Self> {
        Self::of("--proxy", given)
    }

    /// That of another option.
    ///
    /// # Errors
    /// What is no `http://HOST:PORT`.
    pub fn of(option: &str, given: &str) -> anyhow::Result<Self> {
        let shown = crate::terminal::brief(given);
        let text = if given.contains("://") { given.to_owned() } else { format!("http://{given}") };
        let uri: Uri = text
            .parse()
            .with_context(|| format!("{option} {shown} is no URL: write http://127.0.0.1:9902"))?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => bail!(
                "{option} {shown}: chaosctl opens no TLS connection; go through a tunnel that does, such as \
                 `kubectl port-forward`, or ask the listener on its own host"
            ),
            _ => bail!("{option} {shown}: only http:// is spoken"),
        }
        let authority = uri.authority().context("no host")?.as_str().to_owned();
        ensure!(!authority.contains('@'), "{option} {shown}: a listener takes no user and no password");
        ensure!(
            uri.query().is_none() && !given.contains('#'),
            "{option} {shown}: leave out what follows the path"
        );
        let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
        ensure!(!host.is_empty(), "{option} {shown} has no host");
        let port = match authority.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')) {
            Some((_, port)) => port.parse().with_context(|| format!("{option} {shown} has no such port"))?,
            None => USUAL_PORT,
        };
        let prefix = uri.path().trim_end_matches('/').to_owned();
        Ok(Self { host, port, authority, prefix })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_shown() {
        let read = |text: &str| {
            let address = Address::read(text).unwrap_or_else(|error| panic!("{text}: {error:#}"));
            (address.host.clone(), address.port, address.to_string())
        };
        let wanted = |host: &str, port, shown: &str| (host.to_owned(), port, shown.to_owned());
        assert_eq!(read("http://127.0.0.1:9902/"), wanted("127.0.0.1", 9902, "http://127.0.0.1:9902"));
        assert_eq!(read("pod-7:9902"), wanted("pod-7", 9902, "http://pod-7:9902"));
        assert_eq!(read("http://[::1]:9902"), wanted("::1", 9902, "http://[::1]:9902"));
        assert_eq!(read("http://[::1]"), wanted("::1", 80, "http://[::1]"));
        assert_eq!(read("http://a:1/pods/b/proxy/"), wanted("a", 1, "http://a:1/pods/b/proxy"));
        for bad in [
            "",
            "http://",
            "https://a:1",
            "ftp://a",
            "http://u:p@a:1",
            "http://a:1/?x",
            "http://a:99999",
            "http://a:1/#x",
            "a b",
            "http://a:",
        ] {
            assert!(Address::read(bad).is_err(), "{bad:?}");
        }
    }
}
