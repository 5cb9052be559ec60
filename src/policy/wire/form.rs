//! Text that follows a form: names, ids, headers, path templates.

use super::decode::{Decode, Kind, text};
use crate::diagnostic::{Code, Report};
use crate::node::Node;

/// Reads text of one form, or reports `Code::BadFormat`.
#[inline(never)]
fn form<'n>(
    node: &'n Node,
    report: &mut Report,
    what: &str,
    hint: &str,
    good: fn(&str) -> bool,
) -> Option<&'n str> {
    let text = text(node, report)?;
    if good(text) {
        return Some(text);
    }
    let shown: String = text.chars().take(80).collect();
    report.add(Code::BadFormat, node.at, format!("{shown:?} is not {what}"), hint);
    None
}

/// Longest text of any form, in bytes.
#[cfg(feature = "docs")]
const LONGEST: usize = 4096;

macro_rules! form {
    ($(#[doc = $doc:literal])+ $name:ident, $what:literal, $hint:literal, $good:path $(, $pattern:literal)?) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name(pub String);

        impl Decode for $name {
            fn decode(node: &Node, report: &mut Report) -> Option<Self> {
                form(node, report, $what, $hint, $good).map(|t| Self(t.to_owned()))
            }

            fn kind() -> Kind {
                Kind::plain($what)
            }

            #[cfg(feature = "docs")]
            fn schema(_: &mut super::schema::Definitions) -> serde_json::Value {
                let pattern: &[&str] = &[$($pattern)?];
                super::schema::text::<Self>(pattern.first().copied(), LONGEST)
            }
        }
    };
}

form!(
    /// DNS label (RFC 1123): names of scenarios and namespaces.
    Name, "a DNS label", "use 1 to 63 of a-z, 0-9 and `-`; begin and end with a letter or digit", is_dns_label,
    "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
);
form!(
    /// Name of a host (RFC 1123) in lower case, without a port.
    HostName, "a host name", "use labels of a-z, 0-9 and `-`, joined by dots, at most 253 bytes; no port", is_host_name,
    "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$"
);
form!(
    /// Id of a mission.
    MissionId, "a mission id", "use 1 to 128 of A-Z, a-z, 0-9, `.`, `_`, `-`; begin with a letter or digit", is_id,
    "^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"
);
form!(
    /// Text that nobody can guess and nobody uses twice: base64url of 16 to 64 random bytes.
    Nonce, "a nonce", "use 22 to 86 of A-Z, a-z, 0-9, `-` and `_`, drawn at random", is_nonce, "^[A-Za-z0-9_-]{22,86}$"
);
form!(
    /// A namespace, or the beginning of some with a `*` behind it.
    NamespacePattern, "a namespace, or the beginning of some and `*`", "write `prod`, or `prod-*` for all that begin so",
    is_namespace_pattern, "^[a-z0-9][a-z0-9-]{0,62}\\*?$"
);
form!(
    /// Name of an HTTP header in lower case (RFC 9110 section 5.1), never a pseudo-header.
    FieldName, "a header name", "use lower-case letters, digits and `-`; `:path` and its like have keys of their own", is_field_name,
    "^[a-z0-9!#$%&'*+.^_`|~-]{1,256}$"
);
form!(
    /// Name of a request header as a [`FieldName`], except `host`: Envoy has it as `:authority` alone, so that asking
    /// for it would never find it.
    RequestField,
    "a request header other than `host`",
    "use lower-case letters, digits and `-`; for `host` match `authority`; `:path` and its like have keys of their own",
    is_request_field
);
form!(
    /// Value of an HTTP header (RFC 9110 section 5.5), at most 4096 bytes.
    FieldValue, "a header value", "use visible ASCII, blanks inside, at most 4096 bytes; no line breaks", is_field_value,
    "^([!-~]([\\t -~]*[!-~])?)?$"
);
form!(
    /// HTTP method (RFC 9110 section 9) in upper case.
    Method,
    "an HTTP method",
    "write it in upper case: GET",
    is_method,
    "^[A-Z-]{1,32}$"
);
form!(
    /// Template of a path: literal segments and `{name}` for any one segment that is not empty.
    Template, "a path template", "begin with `/`; a `{name}` fills a whole segment: /users/{id}/orders", is_template,
    "^/[^?#]*$"
);

form!(
    /// Full name of a gRPC service: identifiers of Protocol Buffers, joined by dots.
    GrpcService, "a gRPC service", "write package and service as in the .proto file: shop.Profiles", is_grpc_service
);
form!(
    /// Name of a gRPC method.
    GrpcMethod, "a gRPC method", "write its name alone, as in the .proto file: Get", is_identifier
);

form!(
    /// Name of an environment variable (POSIX section 8.1).
    EnvironmentName, "the name of an environment variable", "use A-Z, a-z, 0-9 and `_`; begin with a letter: TEAM_A_KEY",
    is_identifier, "^[A-Za-z_][A-Za-z0-9_]{0,255}$"
);

fn is_grpc_service(text: &str) -> bool {
    text.len() <= 512 && text.split('.').all(is_identifier)
}

fn is_identifier(text: &str) -> bool {
    text.len() <= 256
        && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn is_dns_label(text: &str) -> bool {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    text.len() <= 63
        && edge(text.chars().next())
        && edge(text.chars().last())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

fn is_host_name(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_dns_label)
}

fn is_id(text: &str) -> bool {
    text.len() <= 128
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
}

fn is_nonce(text: &str) -> bool {
    (22..=86).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
}

fn is_namespace_pattern(text: &str) -> bool {
    match text.strip_suffix('*') {
        // What a name begins with may end in a hyphen.
        Some(start) => is_dns_label(start.strip_suffix('-').unwrap_or(start)),
        None => is_dns_label(text),
    }
}

impl NamespacePattern {
    #[must_use]
    pub fn matches(&self, namespace: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(start) => namespace.starts_with(start),
            None => self.0 == namespace,
        }
    }
}

fn is_method(text: &str) -> bool {
    !text.is_empty() && text.len() <= 32 && text.chars().all(|c| c.is_ascii_uppercase() || c == '-')
}

fn is_field_name(text: &str) -> bool {
    let token = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "!#$%&'*+-.^_`|~".contains(c);
    !text.is_empty() && text.len() <= 256 && text.chars().all(token)
}

fn is_request_field(text: &str) -> bool {
    is_field_name(text) && text != "host"
}

fn is_field_value(text: &str) -> bool {
    text.len() <= 4096
        && text.chars().all(|c| c == ' ' || c == '\t' || c.is_ascii_graphic())
        && text.trim() == text
}

fn is_template(text: &str) -> bool {
    let segment = |s: &str| match s.strip_prefix('{').and_then(|s| s.strip_suffix('}')) {
        Some(name) => !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'),
        None => !s.contains(['{', '}', '?', '#']),
    };
    text.len() <= 1024 && text.strip_prefix('/').is_some_and(|rest| rest.split('/').all(segment))
}
