//! The consumers of a stream.

use super::Stream;
use crate::jetstream::consumer::{Action, Consumer, ConsumerConfig, ReadOrdered};
use crate::jetstream::deliverable::Deliverable;
use crate::jetstream::error::JetStreamError;

impl Stream {
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

    /// Deletes a consumer; its readers end.
    ///
    /// # Errors
    /// [`JetStreamError`], [`ConsumerNotFound`](JetStreamError::ConsumerNotFound) among them.
    ///
    /// # Cancel safety
    /// Dropped early, it may be deleted.
    pub async fn delete_consumer(&self, name: &str) -> Result<(), JetStreamError> {
        self.js.delete_consumer(self.name(), name).await
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
    /// [`ConsumeError`](crate::jetstream::ConsumeError) where the reader cannot be made.
    ///
    /// # Cancel safety
    /// Dropped early, nothing is read.
    pub fn ordered<T: Deliverable>(&self) -> ReadOrdered<'_, T> {
        ReadOrdered::new(&self.js, self.name())
    }
}
