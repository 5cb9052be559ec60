//! The cockpit without a terminal: what messages make of the model, and what is drawn of it at several sizes.

mod fleet;
mod keys;
mod pictures;
