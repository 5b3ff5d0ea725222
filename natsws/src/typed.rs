//! The typed layer: one definition of a message that publisher, subscriber, requester and service
//! all obey.

mod call;
mod message;
mod publish;
mod reader;
mod scratch;
mod subject;
mod subscription;
mod token;
mod writer;

pub use call::{Call, CallFuture, Caller, RequestFuture, RequestMessage};
pub use message::{DecodeError, DecodeMessage, EncodeMessage, Message, Request};
pub use publish::{PublishMessage, PublishMessageFuture};
pub use reader::SubjectReader;
pub use subject::Subject;
pub use subscription::{ReceiveError, Received, SubscribeTo, TypedSubscription};
pub use token::{FromToken, ToToken};
pub use writer::SubjectWriter;
