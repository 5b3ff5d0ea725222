use std::fmt::Display;

use bytes::BytesMut;

use super::{Codec, Encoded};
use crate::service_error::ServiceError;

/// How a service's own error travels in an error reply, and is read back from it.
///
/// Every [`Codec`] of an error type that has `Display` is one: the text becomes the description
/// that any NATS client can read, the encoded error becomes the payload.
///
/// ```
/// use natsws::codec::{ErrorCodec, Json};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
/// #[error("there is no door {0}")]
/// struct NoDoor(u8);
///
/// let sent = Json::encode_error(&NoDoor(7), 404);
/// assert_eq!((sent.code(), sent.description()), (404, "there is no door 7"));
/// assert_eq!(sent.body(), "7");
/// assert_eq!(Json::decode_error(sent), Ok(NoDoor(7)));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot carry the error `{E}`",
    note = "an error travels by its codec and its text: it needs what the codec needs, and `Display`"
)]
pub trait ErrorCodec<E> {
    /// Turns the error into what travels.
    fn encode_error(error: &E, code: u16) -> ServiceError;

    /// Reads the error back.
    ///
    /// # Errors
    /// The argument itself where it does not carry such an error, so that nothing is lost.
    fn decode_error(error: ServiceError) -> Result<E, ServiceError>;
}

impl<E: Display, C: Codec<E>> ErrorCodec<E> for C {
    fn encode_error(error: &E, code: u16) -> ServiceError {
        let mut body = BytesMut::new();
        let description = error.to_string();
        match C::encode(error, &mut body) {
            Ok(()) => ServiceError::new(code, description)
                .with_body(body.freeze())
                .with_content(C::CONTENT_TYPE, C::CONTENT_ENCODING),
            // The caller still learns that the request failed, and how the error reads.
            Err(_) => ServiceError::new(code, description),
        }
    }

    fn decode_error(error: ServiceError) -> Result<E, ServiceError> {
        if error.body().is_empty() {
            return Err(error);
        }
        let body = Encoded::shared("", error.body()).with_headers(error.headers());
        body.decode_as::<C, E>().map_err(|_| error)
    }
}

/// `error = ServiceError` written out: whatever the codec, it is the error reply itself.
///
/// Its packed form is written out for each codec, since it cannot be for every `Compressed<C>` at
/// once: a codec `C` might have a `ServiceError` as its value.
macro_rules! as_it_is {
    ($($codec:ty),*) => {$(
        impl ErrorCodec<ServiceError> for $codec {
            fn encode_error(error: &ServiceError, code: u16) -> ServiceError {
                AsIs::encode_error(error, code)
            }

            fn decode_error(error: ServiceError) -> Result<ServiceError, ServiceError> {
                Ok(error)
            }
        }

        #[cfg(feature = "compressed")]
        impl<const MAX: usize> ErrorCodec<ServiceError> for super::Compressed<$codec, MAX> {
            fn encode_error(error: &ServiceError, code: u16) -> ServiceError {
                AsIs::encode_error(error, code)
            }

            fn decode_error(error: ServiceError) -> Result<ServiceError, ServiceError> {
                Ok(error)
            }
        }
    )*};
}

#[cfg(feature = "json")]
as_it_is!(super::Json);
#[cfg(feature = "msgpack")]
as_it_is!(super::MsgPack, super::MsgPackCompact);
as_it_is!(super::Raw, super::Text);

/// The error codec of requests that declare no error of their own: a [`ServiceError`] is sent as it
/// is, and comes as [`RequestError::Service`](crate::RequestError::Service).
///
/// ```
/// use natsws::ServiceError;
/// use natsws::codec::{AsIs, ErrorCodec};
///
/// let busy = ServiceError::new(503, "too busy");
/// assert_eq!(AsIs::encode_error(&busy, 500), busy);
/// assert_eq!(AsIs::decode_error(busy.clone()), Err(busy));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct AsIs;

impl ErrorCodec<ServiceError> for AsIs {
    fn encode_error(error: &ServiceError, _code: u16) -> ServiceError {
        error.clone()
    }

    fn decode_error(error: ServiceError) -> Result<ServiceError, ServiceError> {
        Err(error)
    }
}
