//! The types behind [`PublishToStream`](super::PublishToStream): what is published, and with what.
//!
//! A call that is awaited where it is made needs none of them. They are for functions that give back
//! a message that is about to be published, or take one.
//!
//! | Made by | Type |
//! |---|---|
//! | [`JetStream::publish`](super::JetStream::publish) | `PublishToStream<Typed<'a, M>, Alone<'a>>` |
//! | [`JetStream::publish_bytes`](super::JetStream::publish_bytes) | `PublishToStream<Raw<'a>, Alone<'a>>` |
//! | [`Publisher::publish`](super::Publisher::publish) | `PublishToStream<Typed<'p, M>, Through<'p>>` |
//! | [`receipt`](super::PublishToStream::receipt) of that | `PublishToStream<Typed<'p, M>, WithReceipt<'p>>` |
//! | [`Batch::add`](super::Batch::add) | `PublishToStream<Typed<'b, M>, Adding<'b>>` |
//! | [`Batch::commit`](super::Batch::commit) | `PublishToStream<Typed<'_, M>, Committing>` |
//!
//! ```
//! use natsws::Subject;
//! use natsws::jetstream::publishing::{Alone, Content, Typed};
//! use natsws::jetstream::{JetStream, PublishToStream};
//! use serde::Serialize;
//!
//! #[derive(Serialize, Subject)]
//! #[subject("orders.{region}.created")]
//! struct OrderCreated { region: String, id: u64 }
//!
//! /// An order, which the stream stores once. More can be said of it before it is awaited.
//! fn order<'a>(
//!     js: &'a JetStream,
//!     order: &'a OrderCreated,
//! ) -> PublishToStream<Typed<'a, OrderCreated>, Alone<'a>> {
//!     js.publish(order).message_id(format!("order-{}", order.id))
//! }
//!
//! /// What all messages of this application say, whatever they are and however they go.
//! fn signed<C: Content, D>(message: PublishToStream<C, D>) -> PublishToStream<C, D> {
//!     message.header("Origin", "shop")
//! }
//! # async fn example(js: JetStream, created: OrderCreated) -> Result<(), natsws::Error> {
//! signed(order(&js, &created)).expect_stream("ORDERS").await?;
//! # Ok(())
//! # }
//! ```

pub use super::publish::{Adding, Alone, Committing, Content, Raw, Through, Typed, WithReceipt};
