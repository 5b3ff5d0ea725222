//! One error for applications that handle them all alike.

use std::error::Error as StdError;

use crate::codec::CodecError;
use crate::connect_error::ConnectError;
use crate::connection::{SetServersError, WaitError};
use crate::drain::{DrainError, FlushError};
use crate::event::CloseError;
use crate::header::HeaderError;
#[cfg(feature = "jetstream")]
use crate::jetstream::{
    self, AckError, ApiError, ConfigError, ConsumeError, FinishError, JetStreamError, NameError,
};
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
    /// Not all messages of a publisher are known to be in their streams.
    #[cfg(feature = "jetstream")]
    Finish(#[from] FinishError),
    /// A server refused a request of the JetStream API.
    #[cfg(feature = "jetstream")]
    Api(#[from] ApiError),
    /// A configuration contradicts itself.
    #[cfg(feature = "jetstream")]
    Config(#[from] ConfigError),
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

#[cfg(all(test, feature = "jetstream"))]
mod tests {
    use super::*;

    /// What a function of an application does with an error that it passes on.
    fn passed_on<E>(error: E) -> String
    where
        Error: From<E>,
    {
        Error::from(error).to_string()
    }

    #[test]
    fn what_a_publisher_a_configuration_and_a_refusal_say_is_passed_on_as_it_is() {
        let published = jetstream::Published { stored: 2, duplicates: 0, failed: 1 };
        let finish = FinishError { published, failures: Vec::new() };
        assert_eq!(passed_on(finish), "1 of 3 messages are not known to be stored");
        let config = ConfigError::Excludes { option: "a", other: "b" };
        assert_eq!(passed_on(config), "`a` and `b` exclude each other: leave one of them out");
        let refused = ApiError { code: 404, err_code: 10059, description: "no stream".to_owned() };
        let expected = refused.to_string();
        assert_eq!(passed_on(refused), expected);
    }
}
