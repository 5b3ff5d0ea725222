//! The NATS protocol without input or output: bytes in, operations out, and the other way round.
//!
//! Source: the [client protocol] and ADR-4 for headers. What is read here comes from a peer that is
//! not trusted: every length is checked before it is used, and nothing panics.
//!
//! [client protocol]: https://docs.nats.io/reference/reference-protocols/nats-protocol

pub(crate) mod decode;
pub(crate) mod encode;
mod error;
mod info;
pub(crate) mod op;
mod server_error;
pub(crate) mod token;

pub use error::{ProtocolError, ProtocolFault};
pub(crate) use info::Connect;
pub use info::ServerInfo;
pub use server_error::ServerError;
