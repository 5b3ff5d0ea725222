//! The client in a browser, against a real nats-server.
//!
//! The stage outside of the browser starts the servers, and says where it is when this is built:
//! `cargo test -p natsws-tests --test browser -- --ignored` does all of that.

#![cfg(all(target_family = "wasm", target_os = "unknown"))]
#![expect(clippy::panic, reason = "helpers of tests fail by panicking")]

mod auth;
mod bad_input;
mod connection;
mod many;
mod page;
#[path = "../../sendable.rs"]
mod sendable;
mod service;
mod stage;
mod storage;
mod typed;
#[path = "../../words.rs"]
mod words;
