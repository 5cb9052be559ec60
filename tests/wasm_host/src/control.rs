//! The control module in this host: one worker with a control listener, beside the filters that share its data.

use std::path::Path;
use std::sync::LazyLock;

use serde_json::Value;

use crate::{Action, Effect, LocalResponse, Module, RootId, Shared, StreamId, Vm};

static MODULE: LazyLock<Module> = LazyLock::new(|| {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/squall-control.wasm");
    match Module::load(&path) {
        Ok(module) => module,
        Err(error) => panic!("{error}; run: make build"),
    }
});

/// The control module that `make build` leaves, compiled once per process.
///
/// # Panics
/// When it is missing; the message names the command to run.
pub fn control_module() -> &'static Module {
    &MODULE
}

/// A VM with a control listener.
pub struct Control {
    /// The VM.
    pub vm: Vm,
    /// The plugin's root context.
    pub root: RootId,
}

/// What a request was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u32,
    /// The body as text.
    pub body: String,
    response: LocalResponse,
}

impl Reply {
    fn of(response: LocalResponse) -> Reply {
        let body = String::from_utf8_lossy(&response.body).into_owned();
        Reply { status: response.status, body, response }
    }

    /// The value of a header that is there once.
    pub fn header(&self, name: &str) -> Option<String> {
        let mut values = self.response.headers.iter().filter(|(known, _)| known == name.as_bytes());
        match (values.next(), values.next()) {
            (Some((_, value)), None) => Some(String::from_utf8_lossy(value).into_owned()),
            _ => None,
        }
    }

    /// The body as JSON; null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// The code of a problem; empty when it is none.
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }
}

impl Control {
    /// A control listener of a proxy.
    ///
    /// # Panics
    /// When the module is missing, or refuses the configuration.
    pub fn of(shared: &Shared, configuration: impl AsRef<[u8]>) -> Control {
        let started = Vm::new(control_module(), shared).and_then(|mut vm| {
            let root = vm.start_root(configuration, "squall-control")?;
            Ok(Control { vm, root })
        });
        match started {
            Ok(control) => control,
            Err(error) => panic!("{error}"),
        }
    }

    /// A request without a body.
    ///
    /// # Panics
    /// When the module traps.
    pub fn get(&mut self, path: &str) -> Option<Reply> {
        self.send("GET", path, &[], &[])
    }

    /// A JSON body for a path.
    ///
    /// # Panics
    /// When the module traps.
    pub fn post(&mut self, path: &str, body: impl AsRef<[u8]>) -> Option<Reply> {
        self.send("POST", path, &[("content-type", b"application/json")], &[body.as_ref()])
    }

    /// Any request, its body in pieces. `None`: it was not answered, but went on to the route.
    ///
    /// # Panics
    /// When the module traps.
    pub fn send(
        &mut self,
        method: &str,
        path: &str,
        more: &[(&str, &[u8])],
        pieces: &[&[u8]],
    ) -> Option<Reply> {
        let stream = self.vm.stream(self.root).expect("no trap");
        let mut headers: Vec<(&str, &[u8])> = vec![
            (":method", method.as_bytes()),
            (":path", path.as_bytes()),
            (":authority", b"127.0.0.1:9000"),
        ];
        headers.retain(|(name, _)| !more.iter().any(|(other, _)| other == name));
        headers.extend(more);
        let mut action = self.vm.request_headers(stream, &headers, pieces.is_empty()).expect("no trap");
        let mut reply = self.reply(stream);
        for (place, piece) in pieces.iter().enumerate() {
            if reply.is_none() && action != Action::Continue {
                action = self.vm.request_body(stream, piece, place + 1 == pieces.len()).expect("no trap");
                reply = self.reply(stream);
            }
        }
        self.vm.log(stream).expect("no trap");
        self.vm.delete(stream).expect("no trap");
        reply
    }

    /// What a stream has been answered since the last look.
    pub fn reply(&mut self, stream: StreamId) -> Option<Reply> {
        let effects = self.vm.take_effects().into_iter();
        let mut replies = effects.filter_map(|effect| match effect {
            Effect::LocalResponse { stream: to, response } if to == stream => Some(Reply::of(response)),
            _ => None,
        });
        replies.next()
    }
}
