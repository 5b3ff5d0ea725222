//! Discovery of services (ADR-32): what they say about themselves, and asking them.

mod answers;
mod client;
mod control;
mod error;
mod respond;
mod wire;
mod words;

pub(crate) use control::{PREFIX, is_name};
pub(crate) use respond::{respond, subscribe};

pub use answers::{Answer, Answers};
pub use client::{Discover, Discovery, Services};
pub use error::DiscoveryError;
pub use words::{EndpointInfo, EndpointStats, ServiceInfo, ServicePing, ServiceStats};
