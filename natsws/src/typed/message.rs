use std::error::Error;

use bytes::BytesMut;

use super::subject::Subject;
use crate::codec::{Codec, CodecError, Encoded, ErrorCodec};
use crate::msg::Msg;
use crate::subject::SubjectError;

/// A received message that is not a value of its type.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The subject does not fit the type's template.
    #[error("the subject does not fit the message")]
    Subject(#[from] SubjectError),
    /// The payload does not decode.
    #[error("the payload does not fit the message")]
    Payload(#[from] CodecError),
}

/// What publishing and requesting need of a type: a subject and a payload.
///
/// `#[derive(Subject)]` implements it for every type that the declared codec can encode, also where
/// it borrows its fields.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be published",
    note = "it needs `#[derive(Subject)]`, and what its codec needs: `serde::Serialize` for JSON and MessagePack"
)]
pub trait EncodeMessage: Subject {
    /// What the `Content-Type` header says of the payload.
    fn content_type(&self) -> &'static str;

    /// What the `Content-Encoding` header says of the payload, where it is packed.
    fn content_encoding(&self) -> Option<&'static str> {
        None
    }

    /// Appends the payload to `out`.
    ///
    /// # Errors
    /// [`CodecError`] where the value has no encoding; nothing is sent then.
    fn encode(&self, out: &mut BytesMut) -> Result<(), CodecError>;
}

/// What subscribing and serving need of a type: to be read from a subject and a payload.
///
/// The subject is the authority: a field that a placeholder names has the value that stands in the
/// subject, whatever the payload says, because the subject is what permissions are checked on.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be received",
    note = "it needs `#[derive(Subject)]`, and what its codec needs: `serde::Deserialize` for JSON and MessagePack"
)]
pub trait DecodeMessage<'m>: Subject + Sized {
    /// Reads a value.
    ///
    /// # Errors
    /// [`DecodeError`] where subject or payload do not fit the type.
    fn decode(message: Encoded<'m>) -> Result<Self, DecodeError>;
}

/// A type that can be received and kept: [`DecodeMessage`] without borrowing from the message.
///
/// It is to [`DecodeMessage`] what serde's `DeserializeOwned` is to `Deserialize`, and never
/// written by hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be received",
    note = "it needs `#[derive(Subject)]`, and what its codec needs: `serde::Deserialize` for JSON and MessagePack"
)]
pub trait DecodeOwned: for<'m> DecodeMessage<'m> {}

impl<M: for<'m> DecodeMessage<'m>> DecodeOwned for M {}

impl Msg {
    /// Reads the message as a value, which may borrow from it: a `&str` field costs no copy.
    ///
    /// ```no_run
    /// use natsws::{Client, Subject};
    /// use serde::Deserialize;
    ///
    /// #[derive(Deserialize, Subject)]
    /// #[subject("logs.{host}")]
    /// struct Line<'a> { host: &'a str, text: &'a str }
    ///
    /// # async fn example(client: Client) -> Result<(), natsws::Error> {
    /// let mut logs = client.connection().subscribe(Line::FILTER).await?;
    /// while let Some(msg) = logs.next().await {
    ///     let msg = msg?;
    ///     let line: Line<'_> = msg.decode()?;
    ///     println!("{}: {}", line.host, line.text);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`DecodeError`] where subject, headers or payload do not fit the type.
    pub fn decode<'m, M: DecodeMessage<'m>>(&'m self) -> Result<M, DecodeError> {
        M::decode(self.into())
    }
}

/// A type that can be published and received.
///
/// It is implemented by whatever implements [`EncodeMessage`] and [`DecodeMessage`].
pub trait Message: EncodeMessage + DecodeOwned {}

impl<M: EncodeMessage + DecodeOwned> Message for M {}

/// A message that is answered: what `reply = …` in `#[subject(…)]` declares.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no reply, so it can be published but not requested",
    note = "say what it answers: `#[subject(\"…\", reply = TheReply)]` on `{Self}`"
)]
pub trait Request: EncodeMessage {
    /// What a service answers.
    type Reply;
    /// What a service answers when it fails; [`ServiceError`](crate::ServiceError) where the type
    /// declares none.
    type Error: Error + Send + Sync + 'static;
    /// How the reply travels.
    type ReplyCodec: Codec<Self::Reply>;
    /// How the error travels.
    type ErrorCodec: ErrorCodec<Self::Error>;

    /// The code that goes with an error, in the manner of HTTP.
    fn error_code(_error: &Self::Error) -> u16 {
        500
    }
}
