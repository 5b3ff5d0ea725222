//! Typed messaging for NATS.

extern crate self as natsws;

pub mod codec;
#[cfg(all(feature = "embedded", not(all(target_family = "wasm", target_os = "unknown"))))]
pub mod embedded;
mod connect_error;
mod connection;
mod delivery;
mod driver;
mod event;
mod header;
mod msg;
mod options;
mod payload;
mod protocol;
mod publish;
mod request;
mod runtime;
mod server_addr;
mod service_error;
mod session;
mod stats;
mod status;
mod subject;
mod subscription;
mod transport;
mod typed;

pub use bytes;
pub use codec::{Codec, CodecError, ErrorCodec};
pub use connect_error::{AttemptError, ConnectError};
pub use connection::{Connection, DrainError, Events, FlushError};
pub use event::{Disconnect, Event, State};
pub use header::{HeaderError, Headers};
pub use msg::{Msg, RawMsg};
pub use options::ConnectOptions;
pub use payload::Payload;
pub use protocol::{ProtocolError, ProtocolFault, ServerError, ServerInfo};
pub use publish::{Publish, PublishError, PublishFuture};
pub use request::{RequestError, SendRequest, SendRequestFuture};
pub use server_addr::{AddrError, AddrFault, IntoServers, Scheme, ServerAddr};
pub use service_error::{ERROR_CODE_HEADER, ERROR_HEADER, ServiceError};
pub use runtime::{BoxFuture, MaybeSend, MaybeSync};
pub use stats::Stats;
pub use status::Status;
pub use subject::{MAX_SUBJECT_LEN, SubjectBuf, SubjectError, TokenFault, subject_matches};
pub use subscription::{Stopper, Subscribe, SubscribeError, Subscription, SubscriptionError};
pub use transport::TransportError;
pub use typed::{
    DecodeError, DecodeMessage, EncodeMessage, FromToken, Message, Request, Subject, SubjectReader,
    SubjectWriter, ToToken,
};

#[cfg(feature = "derive")]
pub use natsws_derive::Subject;
