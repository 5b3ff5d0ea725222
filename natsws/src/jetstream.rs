//! Streams that keep messages, and consumers that deliver them: JetStream (feature `jetstream`).
//!
//! Core NATS delivers at most once, to who listens at that moment. A *stream* keeps what is
//! published to its subjects; a *consumer* is a position in it that the server remembers, and
//! delivers each message until it is acknowledged: at least once.
//!
//! ```no_run
//! use natsws::jetstream::{ConsumerConfig, StreamConfig};
//! use natsws::{Client, Subject};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Debug, Serialize, Deserialize, Subject)]
//! #[subject("orders.{region}.created")]
//! struct OrderCreated { region: String, id: u64 }
//!
//! # async fn example(client: Client) -> Result<(), natsws::Error> {
//! let js = client.jetstream();
//! let orders = js.create_or_update_stream(StreamConfig::new("ORDERS").subjects(["orders.>"])).await?;
//!
//! // Ready when the stream has it.
//! let ack = js.publish(&OrderCreated { region: "eu".into(), id: 7 }).await?;
//! println!("it is message {} of {}", ack.sequence, ack.stream);
//!
//! let workers = orders.create_consumer(ConsumerConfig::durable("workers")).await?;
//! let mut created = workers.messages::<OrderCreated>().await?;
//! while let Some(delivery) = created.next().await {
//!     let order = delivery?;
//!     println!("order {} from {}", order.id, order.region);
//!     order.ack().await?; // or it comes again
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # What an acknowledgement means
//! - A [`PublishAck`] says that the stream has the message: its leader and, with replicas, a
//!   majority of them took it. It does not say that it is on a disk: the server writes to its
//!   file, and tells the system to write that out every two minutes unless it is configured
//!   otherwise (`sync_interval`). A crash of all replicas' machines at once can lose what was
//!   acknowledged since.
//! - [`Delivery::ack`] tells the server that a message is done, and does not wait for it to hear.
//!   [`Delivery::ack_confirmed`] does: after it the message is not delivered again.

mod account;
mod ack;
mod advisory;
pub(crate) mod api;
mod capability;
mod config_error;
mod consumer;
mod context;
mod deliverable;
mod delivery;
mod error;
pub(crate) mod name;
pub(crate) mod publish;
pub mod publishing;
mod stream;
mod version;
pub(crate) mod wire;

pub use account::{AccountInfo, AccountLimits, AccountTier, ApiStats};
pub use ack::AckError;
pub use advisory::{
    Advisories, Advisory, AdvisoryAction, AdvisoryClient, AdvisoryKind, BatchAbandoned,
    ListenToAdvisories,
};
pub use config_error::ConfigError;
pub use consumer::{
    AckPolicy, BoundPushConsumer, ConsumeError, Consumer, ConsumerConfig, ConsumerInfo,
    ConsumerPause, ConsumerReset, DeliverPolicy, Fetch, FetchMessages, Messages, MessagesStopper,
    NextMessage, Notice, Notices, OrderedConfig, OrderedMessages, PriorityGroupState,
    PriorityPolicy, PushConsumer, ReadMessages, ReadOrdered, ReplayPolicy, SequenceInfo,
};
pub use context::JetStream;
pub use deliverable::{Deliverable, Untyped};
pub use delivery::{Delivery, DeliveryInfo};
pub use error::{ApiError, JetStreamError};
pub use name::{NameError, NameFault};
pub use publish::{
    Batch, BatchAck, Failure, FinishError, PublishAck, PublishError, PublishToStream, Published,
    Publisher, Receipt, Rollup, Schedule, StartPublisher, Taking,
};
pub use stream::{
    AskInfo, ClusterInfo, Compression, ConsumerLimits, DeleteMessage, Discard, External,
    GetMessage, List, LostData, PeerInfo, PersistMode, Placement, Position, Purge, ReadLast,
    ReadStored, Republish, Retention, Source, SourceConsumer, SourceError, SourceInfo, Storage,
    StoredMessage, StoredMessages, Stream, StreamAlternate, StreamConfig, StreamInfo, StreamState,
    SubjectTransform,
};
#[cfg(feature = "kv")]
pub(crate) use stream::{Query, Stored, read_stored};

use crate::client::Client;

impl Client {
    /// Streams and consumers, by the server's own API subjects. It is cheap to make and to clone.
    ///
    /// ```no_run
    /// # async fn example(client: natsws::Client) -> Result<(), natsws::Error> {
    /// let account = client.jetstream().account_info().await?;
    /// println!("{} streams", account.streams);
    /// # Ok(())
    /// # }
    /// ```
    pub fn jetstream(&self) -> JetStream {
        JetStream::new(self.connection().clone())
    }
}
