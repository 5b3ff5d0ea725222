//! Streams: what keeps messages, and the calls that make, change and read them.

mod ask_info;
mod batch;
mod config;
mod consumers;
mod delete;
mod info;
mod list;
mod message;
mod position;
mod purge;
mod query;
mod read;
mod stored;

use std::fmt;
use std::sync::Arc;

pub use ask_info::AskInfo;
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
pub use list::List;
pub use message::GetMessage;
#[cfg(feature = "kv")]
pub(crate) use message::read_stored;
pub use position::Position;
pub use purge::Purge;
#[cfg(feature = "kv")]
pub(crate) use query::Query;
pub use read::{ReadLast, ReadStored};
#[cfg(feature = "kv")]
pub(crate) use stored::Stored;
pub use stored::StoredMessage;

use super::api::{self, Done, NOTHING};
use super::context::JetStream;
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
    /// It becomes what this says and nothing else: [`Stream::update`] begins with what it is.
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
        let needs = config.needs();
        self.need_all(&needs)?;
        let operation = format!("STREAM.{verb}.{}", config.name);
        let info = self.call_at_level(&operation, Some(config), &needs).await;
        let info: StreamInfo = info.map_err(|error| api::of_stream(error, &config.name))?;
        if let Some(feature) = self.left_out(needs, &info.config.needs()) {
            return Err(feature.missing("an older version"));
        }
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

    /// Changes its configuration: what the function makes of it as it is now. What a newer server
    /// says and this version does not know is kept.
    ///
    /// ```no_run
    /// # async fn example(orders: natsws::jetstream::Stream) -> Result<(), natsws::Error> {
    /// let orders = orders.update(|config| config.max_messages(1_000_000)).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// What somebody else changes between the reading and the writing is overwritten.
    ///
    /// # Errors
    /// [`JetStreamError`]: it cannot be changed in this way.
    ///
    /// # Cancel safety
    /// Dropped early, it may be changed.
    pub async fn update(
        &self,
        change: impl FnOnce(StreamConfig) -> StreamConfig + Send,
    ) -> Result<Self, JetStreamError> {
        let now = self.info().await?.config;
        self.js.update_stream(change(now)).await
    }

    /// Deletes it, with all its messages and consumers.
    ///
    /// # Errors
    /// [`JetStreamError`], [`StreamNotFound`](JetStreamError::StreamNotFound) among them.
    ///
    /// # Cancel safety
    /// Dropped early, it may be deleted.
    pub async fn delete(&self) -> Result<(), JetStreamError> {
        self.js.delete_stream(self.name()).await
    }

    /// Where else the same messages can be read: itself and its mirrors, the nearest first. Empty
    /// where it has no mirrors, and for a stream that none of them is near to.
    ///
    /// # Errors
    /// [`JetStreamError`].
    ///
    /// # Cancel safety
    /// Dropped early, nothing is lost.
    pub async fn alternates(&self) -> Result<Vec<StreamAlternate>, JetStreamError> {
        Ok(self.info().await?.alternates)
    }

    /// The stream that is best to read the same messages from: the nearest of its
    /// [`alternates`](Self::alternates), or itself.
    ///
    /// # Errors
    /// [`JetStreamError`].
    ///
    /// # Cancel safety
    /// Dropped early, nothing is lost.
    pub async fn best(&self) -> Result<Self, JetStreamError> {
        let info = self.info().await?;
        match info.alternates.first() {
            Some(best) if best.name != info.config.name => self.js.stream(&best.name).await,
            _ => Ok(Self { js: self.js.clone(), info: Arc::new(info) }),
        }
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("name", &self.name()).finish_non_exhaustive()
    }
}
