//! Tower services over NATS: async functions as handlers, every tower layer, and a drain that
//! answers what was accepted.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use natsws::{Client, Subject};
//! use natsws_service::{Router, State, serve};
//! use serde::{Deserialize, Serialize};
//! use tower::timeout::TimeoutLayer;
//!
//! #[derive(Debug, Serialize, Deserialize, Subject)]
//! #[subject("greet.{name}", reply = String)]
//! struct Greet { name: String }
//!
//! async fn greet(State(word): State<&'static str>, ask: Greet) -> String {
//!     format!("{word}, {}", ask.name)
//! }
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let app = Router::new("greeter", "1.0.0")
//!     .endpoint(greet) // subject, queue group, codec and reply: all from `Greet`
//!     .layer(TimeoutLayer::new(Duration::from_secs(2)))
//!     .with_state("Hello");
//!
//! let client = Client::connect("wss://broker.example").await?;
//! let report = serve(client, app).with_graceful_shutdown(async { /* a signal */ }).await?;
//! println!("{} requests answered", report.completed);
//! # Ok(())
//! # }
//! ```
//!
//! # How one request travels
//! ```text
//! subscription ─▶ dispatcher: takes every message at once, lets it wait for room and for the layers
//!              ─▶ layers ─▶ extractors and codec ─▶ your function ─▶ codec ─▶ layers
//!              ─▶ recover: an error or a panic becomes an error reply ─▶ the caller
//! ```
//! One dispatcher for each endpoint owns the endpoint's service, so nothing has to be `Clone`, and
//! readiness means what tower says: a rate or concurrency limit holds messages back, and load
//! shedding answers 503. Handlers run concurrently, each in a task of its own.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests run in no browser"))]

mod answer;
mod app;
#[cfg(feature = "schema")]
mod asyncapi;
mod attend;
pub mod caller;
mod core;
mod discovery;
mod dispatch;
mod endpoint;
mod error;
mod event;
mod extract;
mod function;
mod handle;
mod handler;
mod incoming;
mod inlet;
pub mod layers;
mod limits;
mod oneshot;
mod params;
mod pattern;
mod place;
mod raw;
#[cfg(test)]
mod recording;
mod recover;
mod registry;
mod reply;
mod report;
mod response;
mod route;
mod router;
mod running;
#[cfg(feature = "schema")]
mod schema;
mod serve;
mod shortened;
#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
mod shutdown;
mod span;
mod stats;
mod version;
mod waiting;
#[cfg(feature = "jetstream")]
mod work;

pub use app::{App, IntoApp};
#[cfg(feature = "schema")]
pub use asyncapi::AsyncApi;
pub use discovery::{
    Answer, Answers, Discover, Discovery, DiscoveryError, EndpointInfo, EndpointStats, ServiceInfo,
    ServicePing, ServiceStats, Services,
};
pub use endpoint::{Endpoint, Untyped};
pub use error::{BoxError, ServeError};
pub use event::{EventArgs, Outcome};
#[cfg(feature = "jetstream")]
pub use extract::Attempt;
pub use extract::{Extension, Extract, FromRef, State};
pub use handle::{Health, ServiceHandle, Stopped};
pub use handler::{Args, Handler};
pub use incoming::Incoming;
pub use limits::WhenFull;
pub use oneshot::{Answered, Oneshot};
pub use params::SubjectParams;
pub use raw::RawArgs;
pub use reply::{Failing, Failure, IntoReply, Plain, Streamed, Tried, With};
pub use report::DrainReport;
pub use response::Response;
pub use route::Route;
pub use router::Router;
pub use serve::{Serve, serve};
#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
pub use shutdown::shutdown_signal;
#[cfg(feature = "jetstream")]
pub use work::Work;
