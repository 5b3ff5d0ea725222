//! Tests of natsws that run in a browser: see `suite.rs`.
