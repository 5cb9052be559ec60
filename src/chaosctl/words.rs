//! Scenarios in words: whom they meet, what they do, how often.

use squall_policy::wire;
use std::time::Duration;

/// A span as a person reads it.
pub fn span(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
}

/// A share in percent with no needless zeros: `20 %`, `0.05 %`.
pub fn percent(ppm: u32) -> String {
    format!("{} %", f64::from(ppm) / 10_000.0)
}

/// Microseconds as a person reads them.
pub fn micros(us: u64) -> String {
    span(Duration::from_micros(us))
}

/// The side and the rules of a scenario, each rule on its own.
pub fn scope(scenario: &wire::Scenario) -> Vec<String> {
    let Some(scope) = &scenario.scope else { return vec!["all requests".to_owned()] };
    let labels =
        scope.labels.iter().flat_map(|l| &l.0).map(|(name, value)| format!("labelled {name}={value}"));
    let mut side: Vec<String> =
        scope.service.iter().map(|s| format!("in proxies of {}", s.0)).chain(labels).collect();
    if scope.direction != wire::DirectionWord::Any {
        side.push(scope.direction.word().to_owned());
    }
    side.extend(scope.dependency.iter().map(|d| format!("to {}", d.0)));
    side.extend(scope.source.iter().map(|s| format!("from {}", text_match(&s.principal))));
    let side = if side.is_empty() { String::new() } else { format!("{}: ", side.join(", ")) };
    match &scope.any_of {
        Some(rules) => rules.iter().map(|r| format!("{side}{}", rule(r))).collect(),
        None => vec![format!("{side}all requests")],
    }
}

/// What a scenario spares of the matched requests, where that is not the built-in list alone.
pub fn spares(scenario: &wire::Scenario) -> Vec<String> {
    let Some(scope) = &scenario.scope else { return Vec::new() };
    let tries = scope.attempts.iter().map(|tries| {
        let tries: Vec<String> = tries.iter().map(|attempt| attempt.0.to_string()).collect();
        format!("only try {} of a retried request", tries.join(" or "))
    });
    let first = scope.first.as_ref().map(|first| {
        let many = many_requests(first.requests.0);
        format!("only the first {many} of each {}", first.per.header.0)
    });
    let lifted = scope.allow_protected.then(|| "health checks and probes are not spared".to_owned());
    let own = scope.protect.iter().flatten().map(|r| format!("never: {}", rule(r)));
    tries.chain(first).chain(lifted).chain(own).collect()
}

pub fn many_requests(n: u32) -> String {
    if n == 1 { "request".to_owned() } else { format!("{n} requests") }
}

fn rule(rule: &wire::MatchRule) -> String {
    let mut parts = Vec::new();
    if let Some(methods) = &rule.methods {
        let methods: Vec<&str> = methods.iter().map(|m| m.0.as_str()).collect();
        parts.push(methods.join("|"));
    }
    if let Some(path) = &rule.path {
        parts.push(format!("path {}", self::path(path)));
    }
    parts.extend(rule.query.iter().flatten().map(query));
    if let Some(grpc) = &rule.grpc {
        let method = grpc.method.as_ref().map_or("*", |m| m.0.as_str());
        parts.push(format!("gRPC {}/{method}", grpc.service.0));
    }
    if let Some(authority) = &rule.authority {
        parts.push(format!("authority {}", text_match(authority)));
    }
    for (what, name) in
        [("route", &rule.route), ("cluster", &rule.cluster), ("virtual host", &rule.virtual_host)]
    {
        parts.extend(name.as_ref().map(|n| format!("{what} {}", n.0)));
    }
    parts.extend(rule.headers.iter().flatten().map(header));
    parts.join(", ")
}

fn path(path: &wire::PathMatch) -> String {
    let conditions = [
        path.exact.as_ref().map(|t| t.0.clone()),
        path.prefix.as_ref().map(|t| format!("{}*", t.0)),
        path.regex.as_ref().map(|r| format!("~ {}", r.source)),
        path.template.as_ref().map(|t| t.0.clone()),
    ];
    conditions.into_iter().flatten().collect()
}

fn text_match(text: &wire::TextMatch) -> String {
    let conditions = [
        text.exact.as_ref().map(|t| t.0.clone()),
        text.prefix.as_ref().map(|t| format!("{}*", t.0)),
        text.suffix.as_ref().map(|t| format!("*{}", t.0)),
        text.contains.as_ref().map(|t| format!("*{}*", t.0)),
        text.regex.as_ref().map(|r| format!("~ {}", r.source)),
    ];
    conditions.into_iter().flatten().collect()
}

/// The words for an object with a name, one condition on the value, and `invert`.
macro_rules! condition {
    ($what:literal, $on:ident) => {{
        let conditions = [
            $on.exact.as_ref().map(|t| format!("is {:?}", t.0)),
            $on.prefix.as_ref().map(|t| format!("begins with {:?}", t.0)),
            $on.suffix.as_ref().map(|t| format!("ends with {:?}", t.0)),
            $on.contains.as_ref().map(|t| format!("contains {:?}", t.0)),
            $on.regex.as_ref().map(|r| format!("matches {:?}", r.source)),
            $on.present.map(|p| if p { "is there".to_owned() } else { "is not there".to_owned() }),
        ];
        let condition: String = conditions.into_iter().flatten().collect();
        match $on.invert {
            true => format!("not ({} {} {condition})", $what, $on.name.0),
            false => format!("{} {} {condition}", $what, $on.name.0),
        }
    }};
}

fn header(header: &wire::HeaderMatch) -> String {
    condition!("header", header)
}

fn query(query: &wire::QueryMatch) -> String {
    condition!("query", query)
}

/// What a scenario may do at most.
pub fn caps(scenario: &wire::Scenario) -> String {
    let Some(safety) = &scenario.safety else { return "the mission's duration".to_owned() };
    let count = |count: Option<wire::Count>, of: &str| count.map(|count| format!("{} {of}", count.0));
    let counts = [
        count(safety.max_total, "in all"),
        count(safety.max_concurrent, "at a time"),
        count(safety.max_per_second, "per second"),
    ];
    let counts: Vec<String> = counts.into_iter().flatten().collect();
    let duration = safety.max_duration.map(|longest| format!(", of at most {}", span(longest.0)));
    let counts =
        if counts.is_empty() { String::new() } else { format!("; requests: at most {}", counts.join(", ")) };
    format!("the mission's duration{}{counts}", duration.unwrap_or_default())
}

/// How often: the share of the requests in scope, and what is sampled.
pub fn sample(scenario: &wire::Scenario) -> String {
    match scenario.scope.as_ref().and_then(|s| s.sample.as_ref()) {
        None => percent(wire::Percent::ALL.0),
        Some(sample) => match &sample.by {
            wire::SampleBy::Request => percent(sample.percent.0),
            wire::SampleBy::Header(name) => format!("{} by {}", percent(sample.percent.0), name.0),
        },
    }
}

/// Every fault in a few words.
pub fn faults(scenario: &wire::Scenario) -> Vec<String> {
    let of = |fault: &wire::Fault| {
        let words = [
            fault.delay.as_ref().map(delay),
            fault.abort.as_ref().map(abort),
            fault.drop.as_ref().map(drop),
            fault.throttle.as_ref().map(|f| {
                let share = share(f.percent);
                format!("{}{share}", throttle(f.request.map(|r| r.0), f.response.map(|r| r.0)))
            }),
            fault.mutate.as_ref().map(|f| {
                let response = f.response.as_ref();
                let headers = response
                    .is_some_and(|r| r.status.is_some() || r.headers.is_some() || r.remove_headers.is_some());
                let body = response.is_some_and(|r| r.body.is_some());
                let status = response.and_then(|r| r.status).map(|status| format!(" (status {})", status.0));
                let told = mutate(f.request.is_some(), headers, body);
                format!("{told}{}{}", status.unwrap_or_default(), share(f.percent))
            }),
            fault.stream.as_ref().map(|f| format!("{}{}", stream(f), share(f.percent))),
        ];
        let requested = fault.requested.as_ref().map(requested);
        words
            .into_iter()
            .flatten()
            .chain(requested)
            .chain(fault.pressure.iter().flat_map(pressure))
            .collect::<Vec<_>>()
    };
    let choices = |fault: &wire::Fault| {
        let all = fault.alternatives();
        let many = all.len();
        let told = all.into_iter().flat_map(move |(share, alternative)| {
            let share = percent((share * 1e6).round() as u32);
            of(alternative).into_iter().map(move |words| match many {
                1 => words,
                _ => format!("{words}, one of {many} by {share}"),
            })
        });
        told.collect::<Vec<_>>()
    };
    scenario.faults.iter().flat_map(choices).collect()
}

fn requested(requested: &wire::RequestedFault) -> String {
    let allowed = requested.allow.iter().map(|kind| match kind {
        wire::RequestedKind::Delay => format!("delay up to {}", span(requested.max_delay.0)),
        wire::RequestedKind::Throttle => {
            format!("throttle down to {}/s", wire::show_bytes(requested.min_rate.0))
        }
        kind => kind.word().to_owned(),
    });
    let allowed: Vec<String> = allowed.collect();
    let whose = requested.keys.as_ref().map_or_else(String::new, |keys| {
        let keys: Vec<&str> = keys.iter().map(|key| key.0.as_str()).collect();
        format!(" of {}", keys.join(", "))
    });
    format!("what callers{whose} ask for ({}){}", allowed.join(", "), share(requested.percent))
}

fn pressure(pressure: &wire::PressureFault) -> Vec<String> {
    let cpu = pressure.cpu.as_ref().map(|cpu| {
        let most = percent(cpu.max_share.0);
        format!("burn {} of the worker's time, at most {most} of it", span(cpu.burn.0))
    });
    let memory = pressure.memory.as_ref().map(|memory| hold(memory.hold.0));
    let slots = pressure.concurrency.as_ref();
    let slots = slots.map(|pool| concurrency(pool.limit.0, pool.queue.0, pool.queue_timeout.0));
    cpu.into_iter().chain(memory).chain(slots).collect()
}

pub fn concurrency(limit: u32, queue: u32, timeout: Duration) -> String {
    match queue {
        0 => format!("at most {limit} at a time, no queue"),
        _ => format!("at most {limit} at a time, {queue} more wait up to {}", span(timeout)),
    }
}

/// Memory in words.
pub fn hold(bytes: u32) -> String {
    let kibibytes = bytes / 1024;
    let size = if kibibytes.is_multiple_of(1024) {
        format!("{} MiB", kibibytes / 1024)
    } else {
        format!("{kibibytes} KiB")
    };
    format!("hold {size} in each worker")
}

fn share(own: wire::Percent) -> String {
    if own == wire::Percent::ALL { String::new() } else { format!(", {} of those", percent(own.0)) }
}

fn delay(delay: &wire::DelayFault) -> String {
    let points = |table: &wire::Percentiles| {
        let all = table.points().into_iter();
        all.map(|(p, us)| format!("p{} {}", (p * 1000.0).round() / 10.0, micros(us)))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let shapes = [
        delay.fixed.map(|d| span(d.0)),
        delay.uniform.as_ref().map(|u| format!("{} to {}", span(u.min.0), span(u.max.0))),
        delay
            .normal
            .as_ref()
            .map(|n| format!("normal, mean {}, stddev {}", span(n.mean.0), span(n.stddev.0))),
        delay
            .lognormal
            .as_ref()
            .map(|l| format!("lognormal, median {}, sigma {}", span(l.median.0), l.sigma.0)),
        delay
            .pareto
            .as_ref()
            .map(|p| format!("pareto, min {}, shape {}, max {}", span(p.min.0), p.shape.0, span(p.max.0))),
        delay.percentiles.as_ref().map(|table| format!("percentiles {}", points(table))),
    ];
    let shape: String = shapes.into_iter().flatten().collect();
    let phase = if delay.phase == wire::PhaseWord::Response { " before the response" } else { "" };
    format!("delay {shape}{phase}{}", share(delay.percent))
}

fn abort(abort: &wire::AbortFault) -> String {
    let grpc = abort.grpc_status.map(|code| grpc(code.0));
    let status = abort.status.map(|status| status.0.to_string());
    let answer: Vec<String> = [status, grpc].into_iter().flatten().collect();
    format!("abort {}{}", answer.join(" / "), share(abort.percent))
}

fn stream(fault: &wire::StreamFault) -> String {
    let point = match (fault.after.messages, fault.after.time) {
        (_, Some(time)) => span(time.0),
        (messages, None) => messages_told(messages.map_or(0, |count| count.0.into())),
    };
    let end = fault.grpc_status.map(|code| format!(" with {}", grpc(code.0))).unwrap_or_default();
    format!("{} the stream{end} after {point}", fault.then.word())
}

fn drop(drop: &wire::DropFault) -> String {
    let share = share(drop.percent);
    match drop.mode {
        wire::DropMode::Truncate => format!("truncate after {}{share}", wire::show_bytes(drop.after.0)),
        mode => format!("{}{share}", mode.word()),
    }
}

/// A gRPC status by its name, where it has one.
pub fn grpc(code: u32) -> String {
    let index = usize::try_from(code).unwrap_or(usize::MAX).saturating_sub(1);
    match wire::GrpcCode::NAMES.get(index) {
        Some(name) => format!("gRPC {name}"),
        None => format!("gRPC {code}"),
    }
}

/// A number of messages.
pub fn messages_told(count: u64) -> String {
    if count == 1 { "1 message".to_owned() } else { format!("{count} messages") }
}

/// Bandwidths in bytes per second.
pub fn throttle(request: Option<u64>, response: Option<u64>) -> String {
    let rate =
        |side: &str, rate: Option<u64>| rate.map(|rate| format!("{side} {}/s", wire::show_bytes(rate)));
    let rates: Vec<String> =
        [rate("request", request), rate("response", response)].into_iter().flatten().collect();
    format!("throttle {}", rates.join(", "))
}

/// What a mutate fault changes.
pub fn mutate(request: bool, response: bool, body: bool) -> String {
    let parts = [("request", request), ("response headers", response), ("response body", body)];
    let parts: Vec<&str> = parts.into_iter().filter(|(_, changed)| *changed).map(|(part, _)| part).collect();
    format!("mutate {}", parts.join(", "))
}
