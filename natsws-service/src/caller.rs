//! The other side of a service: what goes around [`Client::service`](natsws::Client::service).

#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
mod retry;
mod trace;

// Its budget is tower's, which goes by a clock that no browser has.
#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
pub use retry::Retry;
pub use trace::{TraceFuture, TraceLayer, Traced};
