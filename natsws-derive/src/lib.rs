//! The derive macro of `natsws`, which re-exports it: depend on `natsws`, not on this crate.

mod attrs;
mod codecs;
mod errors;
mod expand;
mod fields;
mod model;
mod template;
#[cfg(test)]
mod tests;
mod token;

use proc_macro::TokenStream;

/// Declares the subject, the payload and the reply of a message on the struct that is the message.
///
/// ```text
/// use natsws::codec::Encoded;
/// use natsws::{DecodeMessage, EncodeMessage, Subject};
/// use natsws::bytes::BytesMut;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Debug, Serialize, Deserialize, Subject)]
/// #[subject("orders.{region}.created")]
/// struct OrderCreated {
///     region: String,
///     id: u64,
/// }
///
/// #[derive(Debug, Serialize, Deserialize, Subject)]
/// #[subject("orders.{id}.get", codec = MsgPack, reply = Order, error = OrderError, queue = "orders")]
/// struct GetOrder {
///     #[serde(skip)]
///     id: u64,
/// }
///
/// let created = OrderCreated { region: "eu".to_owned(), id: 7 };
/// assert_eq!(created.subject()?, "orders.eu.created");
/// assert_eq!(OrderCreated::FILTERS, ["orders.*.created"]);
///
/// let mut payload = BytesMut::new();
/// created.encode(&mut payload)?;
/// assert_eq!(&payload[..], br#"{"region":"eu","id":7}"#);
///
/// // The subject is the authority: it came from `us`, whatever the payload says.
/// let received = OrderCreated::decode(Encoded::new("orders.us.created", &payload))?;
/// assert_eq!(received.region, "us");
///
/// // A value that would make another subject is an error that names the field.
/// let forged = OrderCreated { region: "eu.created.x".to_owned(), id: 7 };
/// assert!(forged.subject().is_err());
/// ```
///
/// # The template
///
/// It comes first in `#[subject(…)]`. `{field}` stands for one token of the subject, which is
/// written with the field's `Display` and read back with its `FromStr`. A field stands in one
/// placeholder at most; `r#type` is written `{type}`. A template has no wildcards: subscribing
/// replaces each placeholder by `*`.
///
/// A received message is decoded from the payload, and then the fields that placeholders name are
/// overwritten from the subject, because the subject is what permissions are checked on. Such a
/// field need not travel in the payload (`#[serde(skip)]`); all others do. A subject that does not
/// fit the template is a `DecodeError::Subject`, and the payload is not looked at.
///
/// # The attributes
///
/// | attribute | what it says | default |
/// |---|---|---|
/// | `codec = Type` | how the payload travels | `Json` |
/// | `reply = Type` | what a service answers; makes the type a `Request` | none: it is published, not requested |
/// | `error = Type` | what a service answers when it fails | `natsws::ServiceError` |
/// | `reply_codec = Type` | how the reply travels | the `codec` |
/// | `error_codec = Type` | how the error travels | the codec of the reply; `AsIs` without `error` |
/// | `queue = "name"` | the queue group that services of this type share | the service's own |
/// | `crate = path` | where `natsws` is, for crates that re-export it | `::natsws` |
///
/// `Json`, `MsgPack`, `Raw` and `Text` are found without an import, and always mean those of
/// `natsws::codec`; a codec of your own is written as its path, as `codec = wire::Json`. `error`,
/// `reply_codec` and `error_codec` say something about a reply and are refused without one.
///
/// # What is implemented
///
/// `Subject` always. `EncodeMessage` for what the codec can encode and `DecodeMessage` for what it
/// can decode, each on its own: a struct that borrows its fields, or only derives
/// `serde::Serialize`, can be published and not received. `Request` where there is a `reply`; then
/// what the codecs lack is reported at the derive.
///
/// Lifetimes and type parameters are carried over. A type parameter in a placeholder needs its
/// `Display` on the struct, as in `struct Reading<T: Display>`.
///
/// # What is not supported yet
///
/// Tuple structs, enums, placeholders for several tokens (`{rest..}`) and placeholders inside of a
/// token (`v{major}`); each is an error that says so.
#[proc_macro_derive(Subject, attributes(subject))]
pub fn derive(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    expand::derive(&input).into()
}

/// Makes an enum without fields, or a struct of one field, a token of a subject.
#[proc_macro_derive(Token, attributes(token))]
pub fn derive_token(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    token::derive(&input).into()
}
