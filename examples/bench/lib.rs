//! `cargo run --release --example bench -- --help`
