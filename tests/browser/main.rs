//! In a real browser: the client, pages that use it, and those pages beside the official JavaScript
//! client.
//!
//! They need Chromium with `chromedriver`, Node.js with npm, and Rust's target
//! wasm32-unknown-unknown, so they run where that is asked for:
//! `cargo test -p natsws-tests --test browser -- --ignored`.

#![expect(clippy::panic, reason = "helpers of tests fail by panicking")]

mod build;
mod dashboard;
mod exchange;
mod life;
mod login;
mod measure;
mod pages;
mod sendable;
mod sizes;
mod stage;
mod suite;
mod words;
