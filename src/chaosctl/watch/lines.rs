//! `watch` without a terminal: a line for each proxy whenever something has changed there.

use super::model::{Message, Model, Watched};
use super::poll::{follow as follow_proxy, now_ms};
use super::watchers_of_signals;
use crate::Outcome;
use crate::arguments::Output;
use crate::control::{Client, Told, all, outcome};
use crate::emit;
use crate::observed::{Observed, clock};
use crate::terminal::{Paint, Style, complain};
use serde_json::{Value, json};
use std::io::{ErrorKind, Write};
use std::time::Duration;
use tokio::sync::mpsc::channel;

/// One look at all, in their order.
pub async fn once(
    clients: Vec<Client>,
    output: Output,
    (out, err): (Paint, Paint),
) -> anyhow::Result<Outcome> {
    let urls = clients.iter().map(|client| client.address.to_string()).collect();
    let mut model = Model::new(urls, now_ms());
    let told =
        all(clients, |client| async move { Told::new(&client.address, client.get("/v1/status").await) })
            .await;
    for (proxy, told) in told.iter().enumerate() {
        let message = told_by(proxy, told);
        let line = line(&mut model, message, output, out)?;
        // Whoever asked for text finds what is wrong on standard error.
        if output != Output::Text || matches!(told.answer, crate::control::Answer::Done(_)) {
            print(&line)?;
        }
    }
    if output == Output::Text {
        crate::control::complain_of(&told, None, err);
    }
    Ok(outcome(&told))
}

fn told_by(proxy: usize, told: &Told) -> Message {
    let at_ms = now_ms();
    match &told.answer {
        crate::control::Answer::Done(status) => Message::Heard { proxy, at_ms, status: status.clone() },
        crate::control::Answer::Refused(problem) => Message::Silent { proxy, at_ms, why: problem.line() },
        crate::control::Answer::Failed(failure) => Message::Silent { proxy, at_ms, why: failure.why.clone() },
    }
}

/// Until a signal comes or nobody reads any more.
pub async fn follow(
    clients: Vec<Client>,
    every: Duration,
    output: Output,
    paint: Paint,
) -> anyhow::Result<Outcome> {
    let (to, mut inbox) = channel(super::INBOX);
    let urls: Vec<String> = clients.iter().map(|client| client.address.to_string()).collect();
    let mut known: Vec<String> = vec![String::new(); urls.len()];
    let mut model = Model::new(urls, now_ms());
    let mut tasks = watchers_of_signals(&to)?;
    for (proxy, client) in clients.into_iter().enumerate() {
        tasks.spawn(follow_proxy(proxy, client, every, to.clone()));
    }
    while let Some(message) = super::next(&mut inbox, &mut tasks).await? {
        let proxy = match &message {
            Message::Leave => break,
            Message::Heard { proxy, .. } | Message::Silent { proxy, .. } => *proxy,
            _ => continue,
        };
        let line = line(&mut model, message, output, paint)?;
        let standing = model.proxies.get(proxy).map(standing).unwrap_or_default();
        let Some(before) = known.get_mut(proxy).filter(|before| **before != standing) else { continue };
        *before = standing;
        if !print(&line)? {
            return Ok(Outcome::Fine);
        }
    }
    complain(&super::farewell(&model));
    Ok(Outcome::Fine)
}

/// What of a proxy is worth a new line when it changes: no numbers, which always do.
fn standing(watched: &Watched) -> String {
    if watched.lost.is_some() {
        return "lost".to_owned();
    }
    let Some(observed) = watched.observed() else { return String::new() };
    let mission = observed.mission.as_ref();
    let stage = mission.and_then(|mission| mission.stage.as_ref());
    let guards: Vec<_> = observed.guards.iter().map(|guard| (&guard.rule, guard.standing)).collect();
    let signals: Vec<_> = observed.signals.iter().map(|signal| (&signal.rule, &signal.verdict)).collect();
    let stage = stage.map(|stage| (stage.number, stage.intensity_percent));
    let id = mission.map(|mission| &mission.id);
    format!("{:?}", (&observed.state, id, stage, observed.halt.is_some(), guards, signals))
}

/// What a message says of its proxy.
fn line(model: &mut Model, message: Message, output: Output, paint: Paint) -> anyhow::Result<String> {
    let (proxy, at_ms, record) = match &message {
        Message::Heard { proxy, at_ms, status } => (*proxy, *at_ms, json!({"status": status})),
        Message::Silent { proxy, at_ms, why } => (*proxy, *at_ms, json!({"lost": why})),
        _ => return Ok(String::new()),
    };
    model.update(message);
    let Some(watched) = model.proxies.get(proxy) else { return Ok(String::new()) };
    if output == Output::Text {
        return Ok(format!("{}  {}  {}\n", clock(at_ms), watched.name(), text(watched, paint)));
    }
    let at =
        humantime::format_rfc3339_millis(std::time::UNIX_EPOCH + Duration::from_millis(at_ms)).to_string();
    let mut whole = json!({"at": at, "proxy": watched.url});
    if let (Some(whole), Value::Object(record)) = (whole.as_object_mut(), record) {
        whole.extend(record);
    }
    Ok(match output {
        Output::Yaml => format!("---\n{}", emit::structured(&whole, output)?),
        _ => format!("{whole}\n"),
    })
}

fn text(watched: &Watched, paint: Paint) -> String {
    if let Some(lost) = &watched.lost {
        return format!("{} since {}: {}", paint.paint(Style::Error, "lost"), clock(lost.since_ms), lost.why);
    }
    let Some(observed) = watched.observed() else { return String::new() };
    let mut parts = vec![match &observed.halt {
        Some(halt) => format!("{} {}", paint.paint(Style::Error, "halted"), halt.told()),
        None => paint.paint(Style::Strong, &observed.state),
    }];
    if let Some(mission) = &observed.mission {
        parts.push(mission.id.clone());
        parts.extend(
            mission
                .stage
                .as_ref()
                .map(|stage| format!("stage {}/{} at {} %", stage.number, stage.of, stage.intensity_percent)),
        );
        parts.extend(numbers(observed));
    }
    let worst = observed.guards.iter().filter(|guard| guard.standing > Default::default());
    parts.extend(worst.map(|guard| format!("guardrail {}: {}", guard.standing.word(), guard.rule)));
    let told = observed.signals.iter().filter(|signal| signal.verdict != "inconclusive");
    parts.extend(told.map(|signal| format!("{} {}", signal.rule, signal.verdict)));
    parts.join(", ")
}

fn numbers(observed: &Observed) -> Option<String> {
    let treatment = observed.group("treatment")?;
    let [_, p95, _] = treatment.latency_ms;
    let errors = treatment.error_percent().map(|percent| format!("{percent:.2} % errors"));
    let p95 = p95.map(|ms| format!("p95 {ms} ms"));
    let both: Vec<String> = errors.into_iter().chain(p95).collect();
    (!both.is_empty()).then(|| format!("treatment {}", both.join(" and ")))
}

/// False when nobody reads any more.
fn print(text: &str) -> std::io::Result<bool> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        result => result.map(|()| true),
    }
}
