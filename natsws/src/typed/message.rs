use std::error::Error;

use bytes::BytesMut;

use super::subject::Subject;
use crate::codec::{Codec, CodecError, Encoded, ErrorCodec};
use crate::msg::Msg;
use crate::subject::SubjectError;

/// A received message that is not a value of its type.
///
/// ```
/// use natsws::codec::Encoded;
/// use natsws::{DecodeError, DecodeMessage, Subject};
/// use serde::Deserialize;
///
/// #[derive(Debug, Deserialize, Subject)]
/// #[subject("doors.{number}")]
/// struct Door { number: u8 }
///
/// let elsewhere = Door::decode(Encoded::new("windows.7", "{}"));
/// assert!(matches!(elsewhere, Err(DecodeError::Subject(_))));
/// let garbage = Door::decode(Encoded::new("doors.7", "garbage"));
/// assert!(matches!(garbage, Err(DecodeError::Payload(_))));
/// ```
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
/// it borrows its fields. [`Message`] has an example of one by hand.
///
/// ```
/// use natsws::{EncodeMessage, Subject};
/// use natsws::bytes::BytesMut;
/// use serde::Serialize;
///
/// #[derive(Serialize, Subject)]
/// #[subject("lamps.{room}")]
/// struct SwitchOn<'a> { room: &'a str, percent: u8 }
///
/// let on = SwitchOn { room: "hall", percent: 80 };
/// let mut payload = BytesMut::new();
/// on.encode(&mut payload)?;
/// assert_eq!(on.content_type(), "application/json");
/// assert_eq!(&payload[..], br#"{"room":"hall","percent":80}"#);
/// # Ok::<(), natsws::CodecError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be published",
    note = "it needs `#[derive(Subject)]`, and what its codec needs: `serde::Serialize` for JSON and MessagePack"
)]
pub trait EncodeMessage: Subject {
    /// What [`content_type`](Self::content_type) says of every value, for who has none: of a type
    /// that is described. `None` where that is not known before.
    const PAYLOAD_CONTENT_TYPE: Option<&'static str> = None;

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
///
/// ```
/// use natsws::{DecodeMessage, Subject};
/// use natsws::codec::Encoded;
/// use serde::Deserialize;
///
/// #[derive(Deserialize, Subject)]
/// #[subject("lamps.{room}")]
/// struct SwitchOn<'a> { room: &'a str, percent: u8 }
///
/// let message = Encoded::new("lamps.hall", r#"{"room":"cellar","percent":80}"#);
/// let on = SwitchOn::decode(message)?;
/// assert_eq!((on.room, on.percent), ("hall", 80));
/// # Ok::<(), natsws::DecodeError>(())
/// ```
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
/// It is implemented by whatever implements [`EncodeMessage`] and [`DecodeMessage`]. The derive does
/// that; by hand it is what follows, here for a request as well. Nothing of it needs serde.
///
/// ```
/// use natsws::bytes::BytesMut;
/// use natsws::codec::{AsIs, Encoded, Encoder, Text};
/// use natsws::{
///     CodecError, DecodeError, DecodeMessage, EncodeMessage, Request, ServiceError, Subject,
///     SubjectError, SubjectReader, SubjectWriter,
/// };
///
/// /// How high is the water? Its place stands in the subject, the unit is the payload.
/// struct AskLevel { river: String, place: u32, unit: String }
///
/// impl Subject for AskLevel {
///     const TEMPLATES: &'static [&'static str] = &["levels.{river}.{place}"];
///     const FILTERS: &'static [&'static str] = &["levels.*.*"];
///
///     fn write_subject(&self, out: &mut SubjectWriter<'_>) -> Result<(), SubjectError> {
///         out.literal("levels.");
///         out.token("river", &self.river)?;
///         out.literal(".");
///         out.token("place", &self.place)
///     }
/// }
///
/// impl EncodeMessage for AskLevel {
///     fn content_type(&self) -> &'static str {
///         "text/plain"
///     }
///
///     fn encode(&self, out: &mut BytesMut) -> Result<(), CodecError> {
///         Text::encode(&self.unit, out)
///     }
/// }
///
/// impl<'m> DecodeMessage<'m> for AskLevel {
///     fn decode(message: Encoded<'m>) -> Result<Self, DecodeError> {
///         let mut subject = SubjectReader::new(message.subject(), Self::TEMPLATES[0]);
///         subject.literal("levels")?;
///         let river = subject.token("river")?;
///         let place = subject.token("place")?;
///         subject.end()?;
///         Ok(Self { river, place, unit: message.decode_as::<Text, _>()? })
///     }
/// }
///
/// impl Request for AskLevel {
///     type Reply = f64;
///     type Error = ServiceError;
///     type ReplyCodec = Text;
///     type ErrorCodec = AsIs;
/// }
///
/// let ask = AskLevel::decode(Encoded::new("levels.rhine.7", "cm"))?;
/// assert_eq!((ask.place, ask.unit.as_str()), (7, "cm"));
/// assert_eq!(ask.subject()?, "levels.rhine.7");
/// # Ok::<(), natsws::Error>(())
/// ```
pub trait Message: EncodeMessage + DecodeOwned {}

impl<M: EncodeMessage + DecodeOwned> Message for M {}

/// A message that is answered: what `reply = …` in `#[subject(…)]` declares.
///
/// ```
/// use natsws::{Request, Subject};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, Subject)]
/// #[subject("time.{zone}", reply = String, reply_codec = Text)]
/// struct GetTime { zone: String }
///
/// /// What holds for every request.
/// fn is_asked_at<R: Request>(request: &R) -> String {
///     request.subject().map(String::from).unwrap_or_default()
/// }
///
/// assert_eq!(is_asked_at(&GetTime { zone: "utc".into() }), "time.utc");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no reply, so it can be published but neither requested nor served",
    note = "say what it answers: `#[subject(\"…\", reply = TheReply)]` on `{Self}`",
    note = "a handler takes its request by value and as its last argument; a handler of what is not answered is added with `.event(…)`"
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

    /// Whether the request may be sent twice without harm, so that one of which nobody knows whether
    /// it arrived may be sent again. Policies for retries read it; nothing is sent again by itself.
    /// `#[subject(idempotent)]` sets it.
    const IDEMPOTENT: bool = false;

    /// The code that goes with an error, in the manner of HTTP: what `error_code = …` in
    /// `#[subject(…)]` names, or 500.
    fn error_code(_error: &Self::Error) -> u16 {
        500
    }
}
