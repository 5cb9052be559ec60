//! The cockpit in a headless Chromium: what it shows, that it can be used, and that nothing from outside is executed in it.

mod site;
mod states;

mod pictures;
