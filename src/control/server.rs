//! One VM of the control listener: its configurations, and the requests whose bodies are on their way.

use crate::act;
use crate::answer::Answer;
use crate::config::Config;
use crate::head::{self, LARGEST_BODY, too_large};
use crate::problem::{Kind, Problem};
use crate::route::Route;
use hashbrown::HashMap;
use squall_adapter::host;
use std::cell::RefCell;
use std::rc::Rc;

/// Bytes of bodies that are kept at one time: more connections than that wait for nobody. A VM has 1 GiB.
const MOST_BYTES: usize = 32 * 1024 * 1024;

thread_local! {
    static SERVER: RefCell<Server> = RefCell::new(Server::default());
}

/// Runs `act` on the server of this VM. Should it be in use further up the stack, which the host's deferred actions rule
/// out, the request goes on to the route, which answers 503.
pub fn with<T: Default>(act: impl FnOnce(&mut Server) -> T) -> T {
    SERVER.with(|server| server.try_borrow_mut().map(|mut s| act(&mut s)).unwrap_or_default())
}

/// What becomes of the request in the host.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub enum Verdict {
    #[default]
    Continue,
    Stop,
}

#[derive(Default)]
pub struct Server {
    roots: HashMap<u32, Rc<Config>>,
    streams: HashMap<u32, Stream>,
    /// Bytes of all bodies.
    kept: usize,
}

struct Stream {
    root: u32,
    /// What waits for its body.
    receiving: Option<(Route, Vec<u8>)>,
    answered: bool,
}

impl Server {
    pub fn create(&mut self, id: u32, root: u32) {
        if root == 0 {
            self.roots.insert(id, Rc::default());
        } else {
            self.streams.insert(id, Stream { root, receiving: None, answered: false });
        }
    }

    pub fn configure(&mut self, root: u32) {
        self.roots.insert(root, Rc::new(Config::load()));
    }

    pub fn headers(&mut self, id: u32, last: bool) -> Verdict {
        let Some(config) = self.config(id) else { return Verdict::Continue };
        let Ok(map) = host::request_headers() else {
            let problem = Problem::new(Kind::HostError, "the headers cannot be read");
            return self.answer(id, problem.answer());
        };
        let values = |name: &str| map.values(name).map(<[u8]>::to_vec).collect();
        match head::read(&values, &config.hosts) {
            Err(problem) => self.answer(id, problem.answer()),
            Ok(route) if last || !route.changes() => self.answer(id, act::on(&config, &route, &[])),
            Ok(route) => {
                if let Some(stream) = self.streams.get_mut(&id) {
                    stream.receiving = Some((route, Vec::new()));
                }
                Verdict::Stop
            }
        }
    }

    /// A piece of a body, which the host forgets then.
    pub fn piece(&mut self, id: u32, size: usize, last: bool) -> Verdict {
        let Some(stream) = self.streams.get_mut(&id) else { return Verdict::Continue };
        let Some((_, body)) = &mut stream.receiving else {
            return if stream.answered { Verdict::Stop } else { Verdict::Continue };
        };
        if body.len().saturating_add(size) > LARGEST_BODY {
            return self.answer(id, too_large().answer());
        }
        if self.kept.saturating_add(size) > MOST_BYTES {
            // A halt does not wait for others: then without what it says.
            if let Some(config) = self.config(id).filter(|_| self.halts(id)) {
                return self.answer(id, act::on(&config, &Route::Halt, &[]));
            }
            let problem = Problem::new(Kind::Busy, "other requests send more than is kept")
                .with_header("retry-after", "1");
            return self.answer(id, problem.answer());
        }
        let piece = if size == 0 { Ok(Vec::new()) } else { host::request_body(size) };
        match piece {
            Ok(piece) if piece.len() == size => {
                self.kept = self.kept.saturating_add(size);
                body.extend_from_slice(&piece);
            }
            _ => return self.answer(id, Problem::new(Kind::HostError, "the body cannot be read").answer()),
        }
        if last { self.end(id) } else { Verdict::Stop }
    }

    /// The body is complete.
    pub fn end(&mut self, id: u32) -> Verdict {
        let Some(config) = self.config(id) else { return Verdict::Continue };
        match self.streams.get_mut(&id).and_then(|stream| stream.receiving.take()) {
            Some((route, body)) => {
                self.kept = self.kept.saturating_sub(body.len());
                self.answer(id, act::on(&config, &route, &body))
            }
            None => match self.streams.get(&id) {
                Some(stream) if stream.answered => Verdict::Stop,
                _ => Verdict::Continue,
            },
        }
    }

    pub fn delete(&mut self, id: u32) {
        self.roots.remove(&id);
        self.forget_body(id);
        self.streams.remove(&id);
    }

    fn config(&self, id: u32) -> Option<Rc<Config>> {
        let stream = self.streams.get(&id)?;
        self.roots.get(&stream.root).map(Rc::clone)
    }

    fn halts(&self, id: u32) -> bool {
        let receiving = self.streams.get(&id).and_then(|stream| stream.receiving.as_ref());
        receiving.is_some_and(|(route, _)| *route == Route::Halt)
    }

    fn forget_body(&mut self, id: u32) {
        let taken = self.streams.get_mut(&id).and_then(|stream| stream.receiving.take());
        self.kept = self.kept.saturating_sub(taken.map_or(0, |(_, body)| body.len()));
    }

    /// Sends an answer. Where the host does not take it, the route answers.
    fn answer(&mut self, id: u32, answer: Answer) -> Verdict {
        self.forget_body(id);
        let Answer { status, headers, body, details } = answer;
        if host::send_local_response(status, &details, &body, &headers, None).is_err() {
            return Verdict::Continue;
        }
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.answered = true;
        }
        Verdict::Stop
    }
}
