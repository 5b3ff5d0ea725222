//! The typed layer: one definition of a message that publisher, subscriber, requester and service
//! all obey.

mod message;
mod reader;
mod subject;
mod token;
mod writer;

pub use message::{DecodeError, DecodeMessage, EncodeMessage, Message, Request};
pub use reader::SubjectReader;
pub use subject::Subject;
pub use token::{FromToken, ToToken};
pub use writer::SubjectWriter;
