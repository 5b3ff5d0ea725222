use std::fmt;

use bytes::{Bytes, BytesMut};

use super::{Codec, CodecError, Encoded, Encoder, essence};
use crate::header::Headers;

/// Codecs that are chosen by a message's content type while the program runs.
///
/// It is for programs that get messages of any type: a bridge, a recorder, a tool for debugging.
/// All of its codecs read and write one type of value, such as `serde_json::Value`. A program that
/// knows its messages declares them instead, with [`derive@Subject`](crate::Subject).
///
/// ```
/// use natsws::Headers;
/// use natsws::codec::{Encoded, Json, MsgPack, Registry};
/// use serde_json::{Value, json};
///
/// let codecs = Registry::<Value>::new::<Json>().with::<MsgPack>();
///
/// let (headers, payload) = codecs.encode("application/msgpack", &json!({"id": 7}))?;
/// assert_eq!(payload, &b"\x81\xa2id\x07"[..]);
///
/// // Of a received message: `codecs.decode(&msg)`.
/// let message = Encoded::new("orders", &payload).with_headers(&headers);
/// assert_eq!(codecs.decode(message)?, json!({"id": 7}));
/// # Ok::<(), natsws::CodecError>(())
/// ```
pub struct Registry<V> {
    /// What messages are read with that name no content type.
    default: Entry<V>,
    others: Vec<Entry<V>>,
}

/// A codec as what it can do.
struct Entry<V> {
    content_type: &'static str,
    content_encoding: Option<&'static str>,
    accepts: fn(&str) -> bool,
    accepts_encoding: fn(&str) -> bool,
    encode: fn(&V, &mut BytesMut) -> Result<(), CodecError>,
    decode: for<'m> fn(Encoded<'m>) -> Result<V, CodecError>,
}

impl<V> Entry<V> {
    fn new<C: Codec<V>>() -> Self {
        Self {
            content_type: C::CONTENT_TYPE,
            content_encoding: C::CONTENT_ENCODING,
            accepts: C::accepts,
            accepts_encoding: C::accepts_encoding,
            encode: <C as Encoder<V>>::encode,
            decode: |message| C::decode(message),
        }
    }
}

impl<V> Registry<V> {
    /// A registry of one codec. Messages that name no content type are read with it.
    pub fn new<C: Codec<V>>() -> Self {
        Self { default: Entry::new::<C>(), others: Vec::new() }
    }

    /// Adds a codec.
    ///
    /// Where several accept a message, the one that was added first reads it; so
    /// [`Raw`](super::Raw), which accepts everything, comes last.
    #[must_use]
    pub fn with<C: Codec<V>>(mut self) -> Self {
        self.others.push(Entry::new::<C>());
        self
    }

    /// The content types of its codecs, in the order in which they were added.
    pub fn content_types(&self) -> impl Iterator<Item = &'static str> {
        self.entries().map(|entry| entry.content_type)
    }

    /// Reads a message with the codec that its `Content-Type` and `Content-Encoding` ask for.
    ///
    /// # Errors
    /// [`CodecError::UnknownContentType`] and [`CodecError::ContentEncoding`] where there is no such
    /// codec, otherwise what the codec says.
    pub fn decode<'m>(&self, message: impl Into<Encoded<'m>>) -> Result<V, CodecError> {
        let message = message.into();
        let content_type = message.content_type().unwrap_or(self.default.content_type);
        let encoding = message.content_encoding();
        let mut unpackable = None;
        for entry in self.entries().filter(|entry| (entry.accepts)(content_type)) {
            match encoding.filter(|encoding| !(entry.accepts_encoding)(encoding)) {
                None => return (entry.decode)(message),
                Some(found) => unpackable = unpackable.or(Some((entry, found))),
            }
        }
        Err(match unpackable {
            Some((entry, found)) => {
                let expected = entry.content_encoding;
                CodecError::ContentEncoding { expected, found: found.to_owned() }
            }
            None => self.unknown(content_type),
        })
    }

    /// Writes a value with the codec of this content type: the headers that say how, and the
    /// payload. Parameters, as in `text/plain; charset=utf-8`, do not count.
    ///
    /// ```no_run
    /// # use natsws::{Connection, codec::Registry};
    /// # async fn example(codecs: Registry<String>, nc: Connection) -> Result<(), natsws::Error> {
    /// let (headers, payload) = codecs.encode("text/plain", &"hello".to_owned())?;
    /// nc.publish("greetings", payload).headers(&headers).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`CodecError::UnknownContentType`] where there is no such codec, otherwise what the codec
    /// says.
    pub fn encode(&self, content_type: &str, value: &V) -> Result<(Headers, Bytes), CodecError> {
        let asked = essence(content_type);
        let mut entries = self.entries();
        let entry = entries
            .find(|entry| essence(entry.content_type).eq_ignore_ascii_case(asked))
            .ok_or_else(|| self.unknown(content_type))?;
        let mut payload = BytesMut::new();
        (entry.encode)(value, &mut payload)?;
        let mut headers = Headers::new();
        headers.append_content(entry.content_type, entry.content_encoding);
        Ok((headers, payload.freeze()))
    }

    fn entries(&self) -> impl Iterator<Item = &Entry<V>> {
        std::iter::once(&self.default).chain(&self.others)
    }

    fn unknown(&self, found: &str) -> CodecError {
        let found = found.to_owned();
        CodecError::UnknownContentType { found, known: self.content_types().collect() }
    }
}

impl<V> fmt::Debug for Registry<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.content_types()).finish()
    }
}
