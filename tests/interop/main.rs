//! Between this library and the official JavaScript client: services and their discovery, streams,
//! buckets and objects.
//!
//! They need Node.js and npm, so they run where that is asked for:
//! `cargo test -p natsws-tests --test interop -- --ignored`.

#![expect(clippy::panic, reason = "helpers of tests fail by panicking")]

mod discovery;
mod javascript;
mod key_value;
mod messages;
mod objects;
mod streams;
