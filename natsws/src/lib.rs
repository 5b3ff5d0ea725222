//! Typed messaging for NATS.

extern crate self as natsws;

pub mod codec;
mod delivery;
mod header;
mod protocol;
mod service_error;
mod stats;
mod status;
mod subject;
mod typed;

pub use bytes;
pub use codec::{Codec, CodecError, ErrorCodec};
pub use header::{HeaderError, Headers};
pub use protocol::{ProtocolError, ProtocolFault, ServerInfo};
pub use service_error::{ERROR_CODE_HEADER, ERROR_HEADER, ServiceError};
pub use stats::Stats;
pub use status::Status;
pub use subject::{MAX_SUBJECT_LEN, SubjectBuf, SubjectError, TokenFault, subject_matches};
pub use typed::{
    DecodeError, DecodeMessage, EncodeMessage, FromToken, Message, Request, Subject, SubjectReader,
    SubjectWriter, ToToken,
};

#[cfg(feature = "derive")]
pub use natsws_derive::Subject;
