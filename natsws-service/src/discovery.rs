//! Discovery of services (ADR-32): what they say about themselves, and asking them.

mod answers;
mod client;
#[cfg_attr(not(test), expect(dead_code, reason = "services do not answer on these subjects yet"))]
mod control;
mod error;
mod wire;
mod words;

pub use answers::{Answer, Answers};
pub use client::{Discover, Discovery, Services};
pub use error::DiscoveryError;
pub use words::{EndpointInfo, EndpointStats, ServiceInfo, ServicePing, ServiceStats};
