//! Services whose replicas are processes, and whose servers are replaced, under load.

#![cfg(unix)]
#![expect(clippy::panic, reason = "a test reports by panicking")]

mod callers;
mod messages;
mod process;
mod replicas;
mod servers;
