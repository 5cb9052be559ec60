//! `watch`: a cockpit in the terminal over one or many proxies. [`model`] knows, [`render`] draws, [`poll`] asks; here they meet.

mod input;
mod lines;
mod model;
mod poll;
mod render;
mod scene;
mod screen;
#[cfg(test)]
mod tests;

use crate::Outcome;
use crate::arguments::Watch;
use crate::control::{Answer, Client, block_on, clients, halt_body, halt_said};
use crate::terminal::{Paint, complain};
use anyhow::{Context, ensure};
use model::{Effect, Message, Model};
use poll::now_ms;
use screen::Screen;
use std::io::IsTerminal;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinSet;

/// Messages that may wait; who sends more has to wait.
const INBOX: usize = 256;
const TICK: Duration = Duration::from_millis(500);

/// # Errors
/// When nobody can be asked, or the terminal cannot be used.
pub fn run(arguments: &Watch, (out, err): (Paint, Paint)) -> anyhow::Result<Outcome> {
    let clients = clients(&arguments.proxies)?;
    let body = halt_body(arguments.reason.as_deref(), arguments.by.as_deref())?;
    let every = Duration::from(arguments.every);
    ensure!(every >= Duration::from_millis(100), "--every {}: at least 100ms", arguments.every);
    if arguments.once {
        return block_on(lines::once(clients, arguments.proxies.output, (out, err)))?;
    }
    let text = arguments.proxies.output == crate::arguments::Output::Text;
    if !text || !std::io::stdout().is_terminal() {
        return block_on(lines::follow(clients, every, arguments.proxies.output, out))?;
    }
    ensure!(std::io::stdin().is_terminal(), "standard input is no terminal, so that no key could be read");
    let model = block_on(cockpit(clients, every, &body, out.is_on()))??;
    complain(&farewell(&model));
    Ok(Outcome::Fine)
}

/// Runs until somebody leaves.
async fn cockpit(clients: Vec<Client>, every: Duration, body: &[u8], color: bool) -> anyhow::Result<Model> {
    let (to, mut inbox) = channel(INBOX);
    let mut tasks = watchers(&clients, every, &to)?;
    let urls = clients.iter().map(|client| client.address.to_string()).collect();
    let mut model = Model::new(urls, now_ms()).looked_at_every(every);
    let mut screen = Screen::open(color).context("the terminal cannot be used")?;
    input::listen(to.clone());
    loop {
        screen.draw(&model, render::Theme { color }).context("the terminal cannot be written to")?;
        let Some(message) = next(&mut inbox, &mut tasks).await? else { return Ok(model) };
        let mut effect = model.update(message);
        // All that waits is told before anything is drawn again.
        while effect.is_none()
            && let Ok(message) = inbox.try_recv()
        {
            effect = model.update(message);
        }
        match effect {
            Some(Effect::Leave) => return Ok(model),
            Some(Effect::Halt) => halt(&clients, body, &to, &mut tasks),
            None => {}
        }
    }
}

/// The next message; an error when a task of ours has ended that should not.
async fn next(inbox: &mut Receiver<Message>, tasks: &mut JoinSet<()>) -> anyhow::Result<Option<Message>> {
    loop {
        tokio::select! {
            message = inbox.recv() => return Ok(message),
            Some(ended) = tasks.join_next() => ended.context("a part of chaosctl has failed")?,
        }
    }
}

/// What sends messages: proxies, the clock, signals.
fn watchers(clients: &[Client], every: Duration, to: &Sender<Message>) -> anyhow::Result<JoinSet<()>> {
    let mut tasks = watchers_of_signals(to)?;
    for (proxy, client) in clients.iter().enumerate() {
        tasks.spawn(poll::follow(proxy, client.clone(), every, to.clone()));
    }
    let to = to.clone();
    tasks.spawn(async move {
        let mut ticks = tokio::time::interval(TICK);
        while to.send(Message::Tick(now_ms())).await.is_ok() {
            ticks.tick().await;
        }
    });
    Ok(tasks)
}

fn watchers_of_signals(to: &Sender<Message>) -> anyhow::Result<JoinSet<()>> {
    let mut tasks = JoinSet::new();
    for kind in [SignalKind::terminate(), SignalKind::hangup(), SignalKind::interrupt()] {
        let (mut signal, to) = (signal(kind)?, to.clone());
        tasks.spawn(async move {
            while signal.recv().await.is_some() && to.send(Message::Leave).await.is_ok() {}
        });
    }
    Ok(tasks)
}

fn halt(clients: &[Client], body: &[u8], to: &Sender<Message>, tasks: &mut JoinSet<()>) {
    for (proxy, client) in clients.iter().enumerate() {
        let (client, body, to) = (client.clone(), body.to_vec(), to.clone());
        tasks.spawn(async move {
            let answer = match client.post("/v1/halt", body).await {
                Answer::Done(answer) => Ok(halt_said(&answer)),
                Answer::Refused(problem) => Err(problem.line()),
                Answer::Failed(failure) => Err(failure.why),
            };
            // Nobody listens any more: left in the meantime, and the halt was sent all the same.
            let _ = to.send(Message::Halted { proxy, answer }).await;
        });
    }
}

/// What is said when somebody leaves.
fn farewell(model: &Model) -> String {
    let running = model.proxies.iter().filter_map(|watched| {
        let observed = watched.observed().filter(|observed| observed.runs())?;
        Some((watched, observed.mission.as_ref()?))
    });
    let running: Vec<_> = running.collect();
    let Some((watched, mission)) = running.first() else {
        return "left; no mission runs there\n".to_owned();
    };
    let left = mission.remaining_s.map(|s| model.left_s(watched, s)).unwrap_or_default();
    let where_ = if running.len() == 1 { watched.name() } else { format!("{} proxies", running.len()) };
    format!(
        "left; the mission goes on: {} on {where_}, {} left; `chaosctl halt` ends it at once\n",
        mission.id,
        humantime::format_duration(Duration::from_secs(left))
    )
}
