//! Services: handlers, tower's layers, failures, and draining.

#![expect(
    clippy::panic,
    reason = "what is served here panics on purpose, and so do helpers that fail"
)]

mod discovering;
mod callers;
mod drain;
mod failures;
mod handlers;
mod layers;
mod limits;
mod oneshot;
mod routing;
mod running;
mod stage;
mod streams;
mod memory;
mod order;
mod stage;
mod tower_layers;
mod ui;
