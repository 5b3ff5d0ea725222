//! Typed messaging for NATS: one definition of a message that publisher, subscriber, requester and
//! service all obey.
//!
//! ```no_run
//! use natsws::{Client, RequestError, Subject};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Debug, Serialize, Deserialize, Subject)]
//! #[subject("orders.{region}.created")] // JSON, unless it says otherwise
//! struct OrderCreated { region: String, id: u64, total: f64 }
//!
//! #[derive(Debug, Serialize, Deserialize, Subject)]
//! #[subject("orders.{id}.get", reply = Order)]
//! struct GetOrder { id: u64 }
//!
//! #[derive(Debug, Serialize, Deserialize)]
//! struct Order { id: u64, total: f64 }
//!
//! # async fn example() -> Result<(), natsws::Error> {
//! let client = Client::connect("wss://broker.example").await?;
//! client.publish(&OrderCreated { region: "eu".into(), id: 7, total: 9.5 }).await?;
//!
//! let mut created = client.subscribe::<OrderCreated>().await?; // orders.*.created
//! while let Some(order) = created.next().await {
//!     let order = order?;
//!     println!("{}: {} from {}", order.subject(), order.total, order.region);
//! }
//!
//! match client.request(&GetOrder { id: 7 }).await {
//!     Ok(order) => println!("it costs {}", order.total),
//!     Err(RequestError::NoResponders) => println!("no service is there"),
//!     Err(error) => return Err(error.into()),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Where to start
//! - [`Client`] is what applications hold: typed publish, request and subscribe.
//! - [`derive@Subject`] declares a message, or a family of them as an enum; [`derive@Token`] makes a
//!   token of a subject. [`Subject`], [`EncodeMessage`], [`DecodeMessage`] and [`Request`] are what
//!   it implements, and what can be written by hand, as [`Message`] shows.
//! - [`Filter`] narrows a subscription to some of a type's subjects, [`Client::request_many`] asks
//!   for more than one reply, [`Deadline`] is how long anybody waits, [`TraceContext`] the trace that
//!   messages belong to.
//! - [`codec`] has `Json`, `Text`, `MsgPack`, `Raw` and `Compressed`, and the traits for your own.
//! - [`Connection`] is the layer below: subjects and bytes, events, drain.
//! - [`ConnectOptions`] has every option with its default.
//! - `embedded::Broker` (feature `embedded`) is a NATS broker in your own process, for tests.
//!
//! # What the words promise
//! - `publish(…).await` means *accepted for sending*. [`Connection::flush`] means that the server
//!   has it. Core NATS itself delivers at most once: who has not subscribed gets nothing.
//! - `subscribe(…).await` means that the server has seen the subscription.
//! - A request ends in exactly one outcome, and one deadline covers it whole.
//! - Whatever is dropped is counted: a gap is an item of the stream it is in, messages that a lost
//!   connection left unconfirmed are in [`Event::Disconnected`] and in the error of a flush.
//! - The subject is the authority: fields that a template names are read from the subject.
//!
//! # In the browser
//! All of this builds for `wasm32-unknown-unknown` and is the same there, with the browser's own
//! WebSocket under it. What needs sockets, files or an environment does not exist there: `nats://`
//! addresses are errors, and TLS options, upgrade headers, proxies, creds files, `()` as an address and
//! the embedded broker do not compile. Features that are nothing there may stay on. Futures of this
//! library are `Send` there too; [`MaybeSend`] stands on code of the application that need not be.
//! Tasks of a page are spawned with `wasm_bindgen_futures::spawn_local`; the timers and the clock of
//! `tokio` and `std` panic in a page.
//!
//! A panic is the end of what runs in a page: there it cannot be caught, and no
//! [`Event::HandlerPanicked`] tells of it.
//!
//! A page that wakes asks the server at once whether it is there, and tries again without waiting; one
//! that is put away closes its connection until it is shown again.
//!
//! # The way of the data
//! ```text
//! publish: Client ─ codec ─▶ outbox (one buffer, one lock) ─▶ driver ─▶ transport: many messages,
//!                                                                      one frame, one system call
//! receive: transport ─▶ decoder (slices, no copies) ─▶ session ─▶ one queue per subscription ─▶
//!          Subscription (batches) ─▶ codec ─▶ you
//! ```
//!
//! # Features
//! | feature | default | what |
//! |---|---|---|
//! | `websocket` | yes | `ws://` and, with TLS, `wss://`; in a browser, its own |
//! | `deflate` | | compression of WebSockets, see `ConnectOptions::compression` |
//! | `tcp` | yes | `nats://` and, with TLS, `tls://` |
//! | `tls-ring` | yes | TLS with ring |
//! | `tls-aws-lc-rs` | | TLS with aws-lc-rs, which is used where both are on |
//! | `json` | yes | the codec `Json` |
//! | `msgpack` | | the codecs `MsgPack` and `MsgPackCompact` |
//! | `compressed` | | the codec `Compressed`, which packs what another writes |
//! | `nkeys` | | logging in with NKEYs, JWTs and creds files |
//! | `derive` | yes | `#[derive(Subject)]` |
//! | `jetstream` | | streams that keep messages, and consumers: [`jetstream`] |
//! | `kv` | | buckets of keys and values: [`kv`] |
//! | `object-store` | | objects of any size in a stream: [`object_store`] |
//! | `embedded` | | the broker in your own process |

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests run in no browser"))]

#[cfg(test)]
extern crate self as natsws;

mod auth;
#[cfg(all(feature = "bench-internals", not(browser)))]
#[doc(hidden)]
pub mod bench;
mod client;
pub mod codec;
mod connect_error;
mod connection;
mod deadline;
mod delivery;
mod drain;
mod driver;
#[cfg(embedded_broker)]
pub mod embedded;
mod end_of_replies;
mod error;
pub mod escaped;
mod event;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
mod header;
#[cfg(feature = "jetstream")]
pub mod jetstream;
#[cfg(feature = "kv")]
pub mod kv;
mod msg;
#[cfg(feature = "object-store")]
pub mod object_store;
mod options;
mod payload;
#[doc(hidden)]
pub mod private;
mod protocol;
mod publish;
mod request;
mod runtime;
mod scope;
mod server_addr;
mod service_error;
mod session;
mod stats;
mod status;
mod subject;
mod subscription;
mod trace_context;
mod transport;
mod typed;

pub use auth::{AuthError, Authenticator, Challenge, Credentials};
pub use bytes;
pub use client::Client;
pub use codec::{Codec, CodecError, ErrorCodec};
pub use connect_error::{AttemptError, ConnectError};
pub use connection::{Connection, Events, SetServersError, StateWatch, WaitError};
pub use deadline::{Deadline, TIMEOUT_HEADER};
pub use drain::{DrainError, DrainReport, FlushError};
pub use end_of_replies::is_end_of_replies;
pub use error::Error;
pub use event::{CloseError, Disconnect, Event, State};
pub use header::{HeaderError, Headers};
pub use msg::{Msg, RawMsg};
pub use options::{ConnectOptions, NextServer, OnDisconnect, PoolServer};
pub use payload::Payload;
pub use protocol::{ProtocolError, ProtocolFault, ServerError, ServerInfo};
pub use publish::{Publish, PublishError};
pub use request::{ReplyStream, RequestError, RequestMany, SendRequest};
pub use runtime::{BoxFuture, MaybeSend, MaybeSync};
pub use server_addr::{AddrError, AddrFault, IntoServers, Scheme, ServerAddr};
pub use service_error::{ERROR_CODE_HEADER, ERROR_HEADER, ServiceError};
pub use session::{Overflow, Replies};
pub use stats::Stats;
pub use status::Status;
pub use subject::{MAX_SUBJECT_LEN, SubjectBuf, SubjectError, TokenFault, subject_matches};
pub use subscription::{Stopper, Subscribe, SubscribeError, Subscription, SubscriptionError};
pub use trace_context::{TRACEPARENT_HEADER, TRACESTATE_HEADER, TraceContext};
#[cfg(not(browser))]
pub use transport::ProxyError;
pub use transport::{Phase, TransportError};
pub use typed::{
    Call, CallFuture, Caller, DecodeError, DecodeMessage, DecodeOwned, EncodeMessage, Filter,
    FromTail, FromToken, Message, PublishMessage, PublishMessageFuture, ReceiveError, Received,
    Request, RequestFuture, RequestManyMessage, RequestMessage, Response, ResponseFuture, Subject,
    SubjectReader, SubjectWriter, SubscribeTo, ToTail, ToToken, TokenOf, Tokens, TypedReplyStream,
    TypedSubscription, template_matches,
};

#[cfg(feature = "derive")]
pub use natsws_derive::{Subject, Token};
