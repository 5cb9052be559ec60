//! Scenarios in words: whom they meet, what they do, how often.

use squall_policy::wire;
use std::time::Duration;

fn span(duration: Duration) -> String {
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
    let side = match scope.direction {
        wire::DirectionWord::Any => String::new(),
        direction => format!("{}: ", direction.word()),
    };
    match &scope.any_of {
        Some(rules) => rules.iter().map(|r| format!("{side}{}", rule(r))).collect(),
        None => vec![format!("{side}all requests")],
    }
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

fn header(header: &wire::HeaderMatch) -> String {
    let quote = |t: &wire::Text<4096>| format!("{:?}", t.0);
    let conditions = [
        header.exact.as_ref().map(|t| format!("is {}", quote(t))),
        header.prefix.as_ref().map(|t| format!("begins with {}", quote(t))),
        header.suffix.as_ref().map(|t| format!("ends with {}", quote(t))),
        header.contains.as_ref().map(|t| format!("contains {}", quote(t))),
        header.regex.as_ref().map(|r| format!("matches {:?}", r.source)),
        header.present.map(|p| if p { "is there".to_owned() } else { "is not there".to_owned() }),
    ];
    let condition: String = conditions.into_iter().flatten().collect();
    match header.invert {
        true => format!("not (header {} {condition})", header.name.0),
        false => format!("header {} {condition}", header.name.0),
    }
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
        let words = [fault.delay.as_ref().map(delay), fault.abort.as_ref().map(abort)];
        words.into_iter().flatten().chain(fault.pressure.iter().flat_map(pressure)).collect::<Vec<_>>()
    };
    scenario.faults.iter().flat_map(of).collect()
}

fn pressure(pressure: &wire::PressureFault) -> Vec<String> {
    let cpu = pressure.cpu.as_ref().map(|cpu| {
        let most = percent(cpu.max_share.0);
        format!("burn {} of the worker's time, at most {most} of it", span(cpu.burn.0))
    });
    let memory = pressure.memory.as_ref().map(|memory| hold(memory.hold.0));
    cpu.into_iter().chain(memory).collect()
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
    let grpc = abort.grpc_status.map(|code| {
        let index = usize::try_from(code.0).unwrap_or(usize::MAX).saturating_sub(1);
        match wire::GrpcCode::NAMES.get(index) {
            Some(name) => format!("gRPC {name}"),
            None => format!("gRPC {}", code.0),
        }
    });
    let status = abort.status.map(|status| status.0.to_string());
    let answer: Vec<String> = [status, grpc].into_iter().flatten().collect();
    format!("abort {}{}", answer.join(" / "), share(abort.percent))
}
