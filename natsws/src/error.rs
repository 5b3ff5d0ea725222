//! One error for applications that handle them all alike.

use std::error::Error as StdError;

use crate::codec::CodecError;
use crate::connect_error::ConnectError;
use crate::connection::{SetServersError, WaitError};
use crate::drain::{DrainError, FlushError};
use crate::event::CloseError;
use crate::header::HeaderError;
#[cfg(feature = "jetstream")]
use crate::jetstream::{self, AckError, ConsumeError, JetStreamError, NameError};
#[cfg(feature = "kv")]
use crate::kv::{KeyError, KeyValueError};
#[cfg(feature = "object-store")]
use crate::object_store::ObjectError;
use crate::publish::PublishError;
use crate::request::RequestError;
use crate::server_addr::AddrError;
use crate::subject::SubjectError;
use crate::subscription::{SubscribeError, SubscriptionError};
use crate::typed::{DecodeError, ReceiveError};

/// Anything that can go wrong here: what `?` makes of all the other errors.
///
/// To act on an error, match the error of the call itself; this one is for passing on.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
#[non_exhaustive]
pub enum Error {
    /// No connection could be made.
    Connect(#[from] ConnectError),
    /// An address cannot be understood.
    Address(#[from] AddrError),
    /// A message was not published.
    Publish(#[from] PublishError),
    /// A subscription could not be made.
    Subscribe(#[from] SubscribeError),
    /// A subscription had something to say between its messages.
    Subscription(#[from] SubscriptionError),
    /// A typed subscription had something to say between its messages.
    Receive(#[from] ReceiveError),
    /// A request has no reply. The error of the service's own type is in it.
    Request(Box<dyn StdError + Send + Sync>),
    /// The connection is closed for good, and nobody asked for it.
    Closed(#[from] CloseError),
    /// The connection is not up.
    Wait(#[from] WaitError),
    /// The servers were not replaced.
    SetServers(#[from] SetServersError),
    /// Something sent is not confirmed.
    Flush(#[from] FlushError),
    /// A connection was not drained to the end.
    Drain(#[from] DrainError),
    /// A subject cannot be used.
    Subject(#[from] SubjectError),
    /// A header is not valid.
    Header(#[from] HeaderError),
    /// A value could not be encoded or decoded.
    Codec(#[from] CodecError),
    /// A message is not a value of its type.
    Decode(#[from] DecodeError),
    /// The JetStream API failed.
    #[cfg(feature = "jetstream")]
    JetStream(#[from] JetStreamError),
    /// A message is not known to be in a stream.
    #[cfg(feature = "jetstream")]
    Store(#[from] jetstream::PublishError),
    /// A consumer had something to say between its messages.
    #[cfg(feature = "jetstream")]
    Consume(#[from] ConsumeError),
    /// A delivered message was not answered.
    #[cfg(feature = "jetstream")]
    Ack(#[from] AckError),
    /// A name cannot be used.
    #[cfg(feature = "jetstream")]
    Name(#[from] NameError),
    /// A call on a bucket failed.
    #[cfg(feature = "kv")]
    KeyValue(#[from] KeyValueError),
    /// A key cannot be used.
    #[cfg(feature = "kv")]
    Key(#[from] KeyError),
    /// Something could not be done with an object.
    #[cfg(feature = "object-store")]
    Object(#[from] ObjectError),
    /// A payload is not text.
    Text(#[from] std::str::Utf8Error),
}

impl<E: StdError + Send + Sync + 'static> From<RequestError<E>> for Error {
    fn from(error: RequestError<E>) -> Self {
        Self::Request(Box::new(error))
    }
}
