//! Services: handlers, tower's layers, failures, and draining.

mod drain;
mod failures;
mod handlers;
mod layers;
mod stage;
