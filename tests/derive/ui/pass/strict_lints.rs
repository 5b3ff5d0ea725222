//! The generated code gives no reason for a warning, not even in a crate that asks for them.
#![deny(warnings, missing_docs, missing_debug_implementations, unreachable_pub)]
#![deny(unused_qualifications, unused_lifetimes, single_use_lifetimes, elided_lifetimes_in_paths)]
#![deny(unused_results, trivial_casts, let_underscore_drop, variant_size_differences)]
#![deny(non_snake_case, unused_import_braces, explicit_outlives_requirements)]
#![forbid(unsafe_code)]

use natsws::{Request, Subject};
use serde::{Deserialize, Serialize};

/// A message.
#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("orders.{region}.{id}", reply = String, queue = "orders")]
pub struct Order {
    /// Where.
    pub region: String,
    /// Which.
    pub id: u64,
}

/// A message that borrows.
#[derive(Debug, Serialize, Subject)]
#[subject("logs.{level}")]
pub struct Log<'a> {
    /// How bad.
    pub level: &'a str,
}

/// A message without contents.
#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("ping")]
pub struct Ping;

fn requested<R: Request>(request: &R) -> bool {
    request.subject().is_ok()
}

fn main() {
    assert!(requested(&Order { region: "eu".to_owned(), id: 7 }));
    assert!(Log { level: "warn" }.subject().is_ok());
    assert!(Ping.subject().is_ok());
}
