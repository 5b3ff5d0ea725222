//! Streams: what keeps messages, and the calls that make, change and read them.

mod batch;
mod config;
mod delete;
mod info;
mod message;
mod position;
mod query;
mod read;
mod stored;

use std::fmt;
use std::sync::Arc;

pub use batch::StoredMessages;
pub use config::{
    Compression, ConsumerLimits, Discard, External, PersistMode, Placement, Republish, Retention,
    Source, SourceConsumer, Storage, StreamConfig, SubjectTransform,
};
pub use delete::DeleteMessage;
pub use info::{
    ClusterInfo, LostData, PeerInfo, SourceError, SourceInfo, StreamAlternate, StreamInfo,
    StreamState,
};
pub use message::GetMessage;
pub use position::Position;
pub use read::{ReadLast, ReadStored};
pub use stored::StoredMessage;

use super::api::{self, Done, NOTHING};
use super::consumer::{Action, Consumer, ConsumerConfig, ReadOrdered};
use super::context::JetStream;
use super::deliverable::Deliverable;
use super::error::JetStreamError;
use super::name::check_name;

/// A stream that exists. It is cheap to clone.
#[derive(Clone)]
pub struct Stream {
    js: JetStream,
    /// As it was when it was looked up.
    info: Arc<StreamInfo>,
}

impl JetStream {
    /// Makes a stream. One that exists with the same configuration is right too.
    ///
    /// # Errors
    /// [`JetStreamError`]: one exists with another configuration, another has the subjects.
    ///
    /// # Cancel safety
    /// Dropped early, it may be made.
    pub async fn create_stream(&self, config: StreamConfig) -> Result<Stream, JetStreamError> {
        self.put_stream("CREATE", &config).await
    }

    /// Changes a stream that exists.
    ///
    /// Begin with what it is, so that nothing is lost that this version does not know:
    ///
    /// ```no_run
    /// # async fn example(js: natsws::jetstream::JetStream) -> Result<(), natsws::Error> {
    /// let config = js.stream("ORDERS").await?.cached_info().config.clone();
    /// js.update_stream(config.max_messages(1_000_000)).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`JetStreamError`], [`StreamNotFound`](JetStreamError::StreamNotFound) among them.
    ///
    /// # Cancel safety
    /// Dropped early, it may be changed.
    pub async fn update_stream(&self, config: StreamConfig) -> Result<Stream, JetStreamError> {
        self.put_stream("UPDATE", &config).await
    }

    /// Makes a stream, or changes the one that exists.
    ///
    /// # Errors
    /// [`JetStreamError`].
    ///
    /// # Cancel safety
    /// Dropped early, it may be made or changed.
    pub async fn create_or_update_stream(
        &self,
        config: StreamConfig,
    ) -> Result<Stream, JetStreamError> {
        match self.put_stream("UPDATE", &config).await {
            Err(JetStreamError::StreamNotFound { .. }) => self.put_stream("CREATE", &config).await,
            other => other,
        }
    }

    async fn put_stream(
        &self,
        verb: &str,
        config: &StreamConfig,
    ) -> Result<Stream, JetStreamError> {
        check_name("stream", &config.name)?;
        config.check()?;
        let info = self.call(&format!("STREAM.{verb}.{}", config.name), Some(config)).await;
        let info = info.map_err(|error| api::of_stream(error, &config.name))?;
        Ok(Stream { js: self.clone(), info: Arc::new(info) })
    }

    /// A stream that exists.
    ///
    /// # Errors
    /// [`JetStreamError`], [`StreamNotFound`](JetStreamError::StreamNotFound) among them.
    ///
    /// # Cancel safety
    /// Dropped early, nothing is lost.
    pub async fn stream(&self, name: &str) -> Result<Stream, JetStreamError> {
        Ok(Stream { js: self.clone(), info: Arc::new(self.stream_info(name).await?) })
    }

    pub(crate) async fn stream_info(&self, name: &str) -> Result<StreamInfo, JetStreamError> {
        check_name("stream", name)?;
        let info = self.call(&format!("STREAM.INFO.{name}"), NOTHING).await;
        info.map_err(|error| api::of_stream(error, name))
    }

    /// Deletes a stream, with all its messages and consumers.
    ///
    /// # Errors
    /// [`JetStreamError`], [`StreamNotFound`](JetStreamError::StreamNotFound) among them.
    ///
    /// # Cancel safety
    /// Dropped early, it may be deleted.
    pub async fn delete_stream(&self, name: &str) -> Result<(), JetStreamError> {
        check_name("stream", name)?;
        let deleted = self.call::<Done>(&format!("STREAM.DELETE.{name}"), NOTHING).await;
        deleted.map(drop).map_err(|error| api::of_stream(error, name))
    }
}

impl Stream {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.info.config.name
    }

    /// How it was when it was looked up, made or changed.
    pub fn cached_info(&self) -> &StreamInfo {
        &self.info
    }

    /// The handle that it was made by.
    pub fn jetstream(&self) -> &JetStream {
        &self.js
    }

    /// How it is now.
    ///
    /// # Errors
    /// [`JetStreamError`], [`StreamNotFound`](JetStreamError::StreamNotFound) among them.
    ///
    /// # Cancel safety
    /// Dropped early, nothing is lost.
    pub async fn info(&self) -> Result<StreamInfo, JetStreamError> {
        self.js.stream_info(self.name()).await
    }

    /// Makes a consumer. One that exists with the same configuration is right too.
    ///
    /// # Errors
    /// [`JetStreamError`]: one exists with another configuration.
    ///
    /// # Cancel safety
    /// Dropped early, it may be made.
    pub async fn create_consumer(
        &self,
        config: ConsumerConfig,
    ) -> Result<Consumer, JetStreamError> {
        let info = self.js.put_consumer(self.name(), &config, Action::Create).await?;
        Ok(Consumer::new(&self.js, info))
    }

    /// Makes a consumer, or changes the one that exists.
    ///
    /// # Errors
    /// [`JetStreamError`]: what the change would change cannot be changed.
    ///
    /// # Cancel safety
    /// Dropped early, it may be made or changed.
    pub async fn create_or_update_consumer(
        &self,
        config: ConsumerConfig,
    ) -> Result<Consumer, JetStreamError> {
        let info = self.js.put_consumer(self.name(), &config, Action::CreateOrUpdate).await?;
        Ok(Consumer::new(&self.js, info))
    }

    /// Changes a consumer that exists.
    ///
    /// # Errors
    /// [`JetStreamError`]: it does not exist, or what the change would change cannot be changed.
    ///
    /// # Cancel safety
    /// Dropped early, it may be changed.
    pub async fn update_consumer(
        &self,
        config: ConsumerConfig,
    ) -> Result<Consumer, JetStreamError> {
        let info = self.js.put_consumer(self.name(), &config, Action::Update).await?;
        Ok(Consumer::new(&self.js, info))
    }

    /// A pull consumer that exists.
    ///
    /// # Errors
    /// [`JetStreamError`], [`ConsumerNotFound`](JetStreamError::ConsumerNotFound) among them.
    ///
    /// # Cancel safety
    /// Dropped early, nothing is lost.
    pub async fn consumer(&self, name: &str) -> Result<Consumer, JetStreamError> {
        self.js.consumer(self.name(), name).await
    }

    /// Reads its messages in order, without gaps and repeats, and without acknowledging them.
    ///
    /// ```no_run
    /// use natsws::jetstream::Untyped;
    ///
    /// # async fn example(js: natsws::jetstream::JetStream) -> Result<(), natsws::Error> {
    /// let orders = js.stream("ORDERS").await?;
    /// let mut history = orders.ordered::<Untyped>().filter_subjects(["orders.eu.>"]).await?;
    /// while let Some(message) = history.next().await {
    ///     let message = message?;
    ///     println!("{} is {}", message.sequence(), message.subject());
    ///     if message.pending() == 0 {
    ///         break; // these were all
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ConsumeError`](super::ConsumeError) where the reader cannot be made.
    ///
    /// # Cancel safety
    /// Dropped early, nothing is read.
    pub fn ordered<T: Deliverable>(&self) -> ReadOrdered<'_, T> {
        ReadOrdered::new(&self.js, self.name())
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("name", &self.name()).finish_non_exhaustive()
    }
}
