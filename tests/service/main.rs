//! Services: handlers, tower's layers, failures, and draining.

#![expect(
    clippy::panic,
    reason = "what is served here panics on purpose, and so do helpers that fail"
)]

mod callers;
mod discovering;
mod drain;
mod events;
mod failures;
mod handlers;
mod hostile;
mod layers;
mod limits;
mod memory;
mod neighbours;
mod oneshot;
mod order;
mod overload;
mod panics;
mod routing;
mod running;
mod stage;
mod stopping;
mod streams;
mod tower_layers;
mod trace;
mod ui;
