//! Typed messaging for NATS.

extern crate self as natsws;

mod client;
pub mod codec;
mod connect_error;
mod connection;
mod delivery;
mod driver;
#[cfg(feature = "embedded")]
pub mod embedded;
mod error;
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
pub use client::Client;
pub use codec::{Codec, CodecError, ErrorCodec};
pub use connect_error::{AttemptError, ConnectError};
pub use connection::{Connection, DrainError, Events, FlushError};
pub use error::Error;
pub use event::{Disconnect, Event, State};
pub use header::{HeaderError, Headers};
pub use msg::{Msg, RawMsg};
pub use options::ConnectOptions;
pub use payload::Payload;
pub use protocol::{ProtocolError, ProtocolFault, ServerError, ServerInfo};
pub use publish::{Publish, PublishError, PublishFuture};
pub use request::{RequestError, SendRequest, SendRequestFuture};
pub use runtime::{BoxFuture, MaybeSend, MaybeSync};
pub use server_addr::{AddrError, AddrFault, IntoServers, Scheme, ServerAddr};
pub use service_error::{ERROR_CODE_HEADER, ERROR_HEADER, ServiceError};
pub use stats::Stats;
pub use status::Status;
pub use subject::{MAX_SUBJECT_LEN, SubjectBuf, SubjectError, TokenFault, subject_matches};
pub use subscription::{Stopper, Subscribe, SubscribeError, Subscription, SubscriptionError};
pub use transport::TransportError;
pub use typed::{
    Call, CallFuture, Caller, DecodeError, DecodeMessage, EncodeMessage, FromToken, Message,
    PublishMessage, PublishMessageFuture, ReceiveError, Received, Request, RequestFuture,
    RequestMessage, Subject, SubjectReader, SubjectWriter, SubscribeTo, ToToken, TypedSubscription,
};

#[cfg(feature = "derive")]
pub use natsws_derive::Subject;
