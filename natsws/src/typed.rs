//! The typed layer: one definition of a message that publisher, subscriber, requester and service
//! all obey.

mod call;
mod filter;
mod local;
mod many;
mod message;
#[cfg(feature = "jetstream")]
mod outgoing;
mod publish;
mod reader;
mod request;
mod scratch;
mod subject;
mod subscription;
mod tail;
mod template;
mod token;
pub(crate) mod variant;
mod writer;

pub(crate) use call::decode;
pub use call::{Call, CallFuture, RequestFuture, Response};
pub use filter::{Filter, TokenOf};
pub(crate) use local::local_request;
pub use many::{RequestManyMessage, TypedReplyStream};
pub use message::{DecodeError, DecodeMessage, DecodeOwned, EncodeMessage, Message, Request};
#[cfg(feature = "jetstream")]
pub(crate) use outgoing::Outgoing;
pub use publish::{PublishMessage, PublishMessageFuture};
pub use reader::SubjectReader;
pub use request::{Caller, RequestMessage, ResponseFuture};
pub use subject::Subject;
pub use subscription::{ReceiveError, Received, SubscribeTo, TypedSubscription};
pub use tail::{FromTail, ToTail, Tokens};
pub use template::template_matches;
pub use token::{FromToken, ToToken};
pub use writer::SubjectWriter;
