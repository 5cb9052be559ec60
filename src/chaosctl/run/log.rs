//! The journal of this run, as its parts write to it.

use crate::journal::{self, Entry, Writer};
use crate::terminal::{complain, shown};
use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;

/// A journal that cannot be written any more stops no run: what guards the mission goes on.
#[derive(Clone)]
pub struct Log(Rc<RefCell<Inner>>);

struct Inner {
    writer: Option<Writer>,
    failed: Option<String>,
}

impl Log {
    /// `None`: nothing is kept.
    pub fn new(writer: Option<Writer>) -> Self {
        Self(Rc::new(RefCell::new(Inner { writer, failed: None })))
    }

    pub fn write(&self, entry: Entry) {
        let mut inner = self.0.borrow_mut();
        let Some(writer) = &mut inner.writer else { return };
        if let Err(error) = writer.write(entry)
            && inner.failed.is_none()
        {
            let told = format!("the journal is incomplete: {error:#}");
            complain(&format!("{}\n", shown(&told)));
            inner.failed = Some(told);
        }
    }

    pub fn action(&self, what: journal::What, proxy: &str, ok: bool, detail: &str) {
        let (proxy, detail) = (proxy.to_owned(), detail.to_owned());
        self.write(Entry::Action(journal::Action { what, proxy, ok, detail }));
    }

    pub fn failed(&self) -> Option<String> {
        self.0.borrow().failed.clone()
    }

    pub fn path(&self) -> Option<PathBuf> {
        self.0.borrow().writer.as_ref().map(|writer| writer.path().to_owned())
    }
}
