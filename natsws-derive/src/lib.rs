//! The derive macro of `natsws`, which re-exports it: depend on `natsws`, not on this crate.

mod attrs;
mod codecs;
mod errors;
mod expand;
mod fields;
mod model;
mod serde;
mod template;
#[cfg(test)]
mod tests;
mod token;

use proc_macro::TokenStream;

/// Declares the subject, the payload and the reply of a message on the struct that is the message.
///
/// ```
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
/// # #[derive(Serialize, Deserialize)]
/// # struct Order { total: f64 }
/// # #[derive(Debug, Serialize, Deserialize)]
/// # struct OrderError;
/// # impl std::fmt::Display for OrderError {
/// #     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str("no") }
/// # }
/// # impl std::error::Error for OrderError {}
/// let created = OrderCreated { region: "eu".to_owned(), id: 7 };
/// assert_eq!(created.subject()?, "orders.eu.created");
/// assert_eq!(OrderCreated::FILTER, "orders.*.created");
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
/// # Ok::<(), natsws::Error>(())
/// ```
///
/// # The template
///
/// It comes first in `#[subject(…)]`. The value of a field stands in the subject where a placeholder
/// names it, and never as more than its place allows: a value that has a dot, a wildcard, a blank, a
/// control character or nothing in it is an error that names the field.
///
/// | placeholder | what it stands for | in a subscription |
/// |---|---|---|
/// | `{id}` | one token | `*` |
/// | `v{major}` | a part of one token; the text around it is fixed, and no other placeholder is in it | `*` |
/// | `{path..}` | all tokens that follow, at least one; the field is a list, as a `Vec<String>` | `>` |
/// | `{0}` | a field of a tuple struct | `*` |
///
/// A field stands in one placeholder at most; `r#type` is written `{type}`. A template has no
/// wildcards: subscribing replaces the placeholders by them.
///
/// A token is written with the field's `Display` and read with its `FromStr`; `&str` and `Cow<str>`
/// are read without a copy. So numbers, `bool`, `char`, strings, `uuid::Uuid` and your own types with
/// both are tokens; enums without fields and newtypes become some by `#[derive(Token)]`.
/// Lists need the same of their elements.
///
/// A received message is decoded from the payload, and then the fields that placeholders name are
/// overwritten from the subject, because the subject is what permissions are checked on. Such a
/// field need not travel in the payload: with `#[serde(skip)]` it does not, and needs a `Default`,
/// or a `#[serde(default = "…")]`, to be decoded. All others do. A subject that does not
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
/// | `error_code = path` | the code of an error, in the manner of HTTP: a `fn(&Error) -> u16`, as `OrderError::code` | 500 |
/// | `idempotent` | the request may be sent twice without harm, which policies for retries read | it may not |
/// | `queue = "name"` | the queue group that services of this type share | the service's own |
/// | `filter = Name` | what the type of its filter is called, or `none`: it has no `filter()` | the type's name with `Filter` behind it |
/// | `crate = path` | where `natsws` is, for crates that re-export it | `::natsws` |
///
/// `Json`, `MsgPack`, `MsgPackCompact`, `Raw`, `Text` and `Compressed<…>` are found without an
/// import, and always mean those of `natsws::codec`; a codec of your own is written as its path, as
/// `codec = wire::Json`. `error`, `reply_codec`, `error_codec`, `error_code` and `idempotent` say
/// something about a request and are refused without a `reply`.
///
/// On a field that the template names:
///
/// | attribute | what it says |
/// |---|---|
/// | `#[subject(rename = "id")]` | the template calls the field `{id}` |
/// | `#[subject(with = module)]` | the token is written by `module::to_token(&value)`, which gives something with `Display`, and read by `module::from_token(&str)`, which gives a `Result`; `natsws::escaped` is such a module |
///
/// # Enums
///
/// Each variant has a template of its own; everything else stands on the enum. No subject can fit
/// two variants, and no subscription to one gets messages of another, so any two of them differ in
/// the text of a whole token: that is checked here.
///
/// ```
/// # use natsws::Subject;
/// # use serde::{Deserialize, Serialize};
/// #[derive(Serialize, Deserialize, Subject)]
/// #[subject(codec = MsgPack)]
/// enum OrderEvent {
///     #[subject("orders.{id}.created")]
///     Created { id: u64, total: f64 },
///     #[subject("orders.{id}.shipped")]
///     Shipped { id: u64, carrier: String },
/// }
///
/// let shipped = OrderEvent::Shipped { id: 7, carrier: "post".to_owned() };
/// assert_eq!(shipped.subject()?, "orders.7.shipped");
/// # Ok::<(), natsws::SubjectError>(())
/// ```
///
/// `client.subscribe::<OrderEvent>()` gets all of them, in the order in which they were sent. The
/// payload is what a struct with the variant's fields would have, without the variant's name, since
/// the subject says which one it is; serde's attributes on the enum still hold, and with
/// `#[serde(tag = "…")]` the name travels as well. `untagged` is refused, as is a skipped variant. A
/// variant of one value that serde is told nothing of is encoded as that value.
/// A payload of another variant than the subject's is a `SubjectError::Variant`.
///
/// # What is implemented
///
/// `Subject` always. `EncodeMessage` for what the codec can encode and `DecodeMessage` for what it
/// can decode, each on its own: a type that only derives `serde::Serialize` can be published and not
/// received, and one that borrows its fields is decoded from a message that is held, by
/// `msg.decode()`. `Request` where there is a `reply`; then what the codecs lack is reported at the
/// derive.
///
/// A struct also has
///
/// | item | what it is |
/// |---|---|
/// | `TEMPLATE: &str` | the template |
/// | `FILTER: &str` | the template with wildcards: what to subscribe to |
/// | `capture(subject)` | the values of the placeholders, as a tuple in the order of the template |
///
/// and every type with placeholders
///
/// | item | what it is |
/// |---|---|
/// | `filter()` | a filter of all its subjects |
/// | `OrderCreatedFilter` | what that gives for `OrderCreated`, with a method for each placeholder, which fixes it: `.only(OrderCreated::filter().region("eu"))`. One for a tail takes all its tokens; one that several variants have fixes it in each, and variants without it stay as they are; one without a name, as `{0}`, is `field_0` |
///
/// Lifetimes and type parameters are carried over. A type parameter in a placeholder needs its
/// `Display` on the struct, as in `struct Reading<T: Display>`.
#[proc_macro_derive(Subject, attributes(subject))]
pub fn derive(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    expand::derive(&input).into()
}

/// Makes an enum without fields, or a struct of one unnamed field, a token of a subject: what a
/// placeholder of `#[derive(Subject)]` can name.
///
/// ```
/// use natsws::{Subject, Token};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, Token)]
/// enum Region {
///     EuWest, // `eu_west`
///     #[token("us")]
///     UnitedStates,
/// }
///
/// #[derive(Serialize, Deserialize, Token)]
/// struct OrderId(u64);
///
/// #[derive(Serialize, Deserialize, Subject)]
/// #[subject("orders.{region}.{id}")]
/// struct Order {
///     region: Region,
///     id: OrderId,
/// }
///
/// let order = Order { region: Region::EuWest, id: OrderId(7) };
/// assert_eq!(order.subject()?, "orders.eu_west.7");
/// # Ok::<(), natsws::SubjectError>(())
/// ```
///
/// A variant is written as its name in `snake_case`, or as `#[token("…")]` on it says; any other
/// token is an error that lists them. A struct is written and read as its field.
///
/// That is how it stands in the subject. In a payload it is what serde makes of it, so
/// `#[serde(rename_all = "snake_case")]` spells it the same there.
///
/// `#[token(crate = path)]` on the type says where `natsws` is, for crates that re-export it.
///
/// It implements `ToToken` and `FromToken`. Types with `Display` and `FromStr` have both already, so
/// for those it is neither needed nor possible.
#[proc_macro_derive(Token, attributes(token))]
pub fn derive_token(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    token::derive(&input).into()
}
