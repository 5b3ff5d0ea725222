//! Runnable examples of natsws: `cargo run --example NAME`.
