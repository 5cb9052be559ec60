//! What is wrong with the text of a fault that `token` is asked to sign. The policy says whether it is good.

use squall_policy::Asked;
use squall_policy::wire::closest;

const KINDS: [&str; 4] = ["delay", "abort", "abort-grpc", "throttle"];
const PERCENTS: [&str; 3] = ["delay-percent", "abort-percent", "throttle-percent"];
const CONDITIONS: [&str; 2] = ["authority", "path"];

/// What is wrong, or `None`.
pub fn mistake(text: &str) -> Option<String> {
    if Asked::parse(text.as_bytes()).is_some() {
        return None;
    }
    if text.contains(',') {
        return Some("parts are joined by `;`, not by `,`".to_owned());
    }
    let mut names: Vec<&str> = Vec::new();
    for part in text.split(';').map(|part| part.trim_matches(' ')) {
        if part.is_empty() {
            return Some("a part is empty: write `;` only between two parts".to_owned());
        }
        let Some((name, value)) = part.split_once('=') else {
            return Some(format!("`{part}` has no `=`: write delay=100ms, abort=503"));
        };
        let (name, value) = (name.trim_matches(' '), value.trim_matches(' '));
        if let Some(why) = mistake_of(name, value) {
            return Some(why);
        }
        if names.contains(&name) {
            return Some(format!("`{name}` stands twice"));
        }
        names.push(name);
    }
    Some("it asks for no fault: add one of delay, abort, abort-grpc, throttle".to_owned())
}

/// What is wrong with one part.
pub fn mistake_of(name: &str, value: &str) -> Option<String> {
    let known: Vec<&str> = KINDS.into_iter().chain(PERCENTS).chain(CONDITIONS).collect();
    if !known.contains(&name) {
        let hint = match closest(name, &known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are: {}", known.join(", ")),
        };
        return Some(format!("`{name}` is no part: {hint}"));
    }
    let alone = if KINDS.contains(&name) { "" } else { "abort=503;" };
    if Asked::parse(format!("{alone}{name}={value}").as_bytes()).is_some() {
        return None;
    }
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let why = match name {
        "delay" if digits => format!("has no unit: write delay={value}ms"),
        "delay" if humantime::parse_duration(value).is_ok() => "is longer than 1h".to_owned(),
        "delay" => "is no duration: write delay=100ms".to_owned(),
        "abort" => "is no status from 200 to 599".to_owned(),
        "abort-grpc" => "is no gRPC status: write a name such as UNAVAILABLE, or 1 to 99".to_owned(),
        "throttle" if !value.ends_with("/s") => "has no `/s`: write throttle=64KiB/s".to_owned(),
        "throttle" => "is no rate from 100B/s to 10GiB/s: write throttle=64KiB/s".to_owned(),
        "authority" => "is no authority: write authority=shop.example.com".to_owned(),
        "path" if !value.starts_with('/') => "must begin with `/`".to_owned(),
        "path" => "is no beginning of a path: it has no blank, `?` or `#`".to_owned(),
        _ => format!("is none of 0 to 100 with at most four decimals: write {name}=20"),
    };
    Some(format!("`{name}={value}` {why}"))
}
