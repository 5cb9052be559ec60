//! The DevTools protocol over a pair of pipes: commands with their answers, and the events of every session. No port, no
//! WebSocket: messages are JSON with a zero byte behind each.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::{Error, Result};

/// A busy machine may take its time over a screenshot.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) struct Pipe {
    commands: Mutex<Box<dyn Write + Send>>,
    inbox: Arc<Inbox>,
    last: AtomicU64,
}

#[derive(Default)]
struct Inbox {
    waiting: Mutex<HashMap<u64, oneshot::Sender<Value>>>,
    events: Mutex<Vec<Value>>,
}

impl Pipe {
    pub(super) fn new(commands: impl Write + Send + 'static, answers: impl Read + Send + 'static) -> Self {
        let inbox = Arc::new(Inbox::default());
        let sorted = Arc::clone(&inbox);
        // It ends with the browser, which closes its end of the pipe.
        std::thread::spawn(move || {
            for message in BufReader::new(answers).split(0) {
                let Some(message) = message.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()) else {
                    break;
                };
                sorted.take(message);
            }
            // Whoever still waits is told by the closed channel.
            sorted.waiting.lock().expect("no holder panics").clear();
        });
        Self { commands: Mutex::new(Box::new(commands)), inbox, last: AtomicU64::new(0) }
    }

    /// Sends a command to the browser, or to the page whose session is given, and waits for its result.
    pub(super) async fn call(&self, session: Option<&str>, method: &str, params: Value) -> Result<Value> {
        let id = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let mut command = json!({"id": id, "method": method, "params": params});
        if let Some(session) = session {
            command["sessionId"] = session.into();
        }
        let (sender, answer) = oneshot::channel();
        self.inbox.waiting.lock().expect("no holder panics").insert(id, sender);
        let bytes = format!("{command}\0");
        {
            let mut commands = self.commands.lock().expect("no holder panics");
            commands.write_all(bytes.as_bytes())?;
            commands.flush()?;
        }
        let late = Error::Deadline { what: format!("the browser's answer to {method}"), limit: PATIENCE };
        let answer = tokio::time::timeout(PATIENCE, answer).await.map_err(|_| late)?;
        let answer = answer.map_err(|_| Error::Browser(format!("{method}: the browser has ended")))?;
        match answer.get("error") {
            Some(error) => Err(Error::Browser(format!("{method}: {error}"))),
            None => Ok(answer["result"].clone()),
        }
    }

    /// The events of a session so far, of this method.
    pub(super) fn events(&self, session: &str, method: &str) -> Vec<Value> {
        let events = self.inbox.events.lock().expect("no holder panics");
        let own = events.iter().filter(|event| event["sessionId"] == session && event["method"] == method);
        own.map(|event| event["params"].clone()).collect()
    }

    pub(super) fn forget_events(&self, session: &str) {
        self.inbox.events.lock().expect("no holder panics").retain(|event| event["sessionId"] != session);
    }
}

impl Inbox {
    fn take(&self, message: Value) {
        match message["id"].as_u64() {
            None => self.events.lock().expect("no holder panics").push(message),
            Some(id) => {
                if let Some(waiting) = self.waiting.lock().expect("no holder panics").remove(&id) {
                    // A caller that has given up needs no answer.
                    let _ = waiting.send(message);
                }
            }
        }
    }
}
