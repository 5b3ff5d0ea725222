//! Objects of any size in a stream: files, images, models (feature `object-store`).
//!
//! An *object store* is a stream that keeps objects under names, each in chunks with a digest over
//! all of them. It is the one of all other NATS clients (ADR-20).
//!
//! ```no_run
//! use natsws::object_store::ObjectStoreConfig;
//! use natsws::Client;
//!
//! # async fn example(client: Client) -> Result<(), natsws::Error> {
//! let js = client.jetstream();
//! let files = js.create_object_store(ObjectStoreConfig::new("files")).await?;
//!
//! files.put_bytes("greeting.txt", "hello").header("Content-Type", "text/plain").await?;
//! let greeting = files.get_bytes("greeting.txt").await?;
//! assert_eq!(&greeting[..], b"hello");
//!
//! files.delete("greeting.txt").await?;
//! # Ok(())
//! # }
//! ```
//!
//! # What is promised
//! - An object is there whole or not at all: what makes it visible is stored when all its chunks
//!   are.
//! - What is read is what was put: bytes that are not have an error at their end.
//! - An object of any size takes some 4 MiB of memory, whoever of both sides is the slow one.

mod chunk_writer;
mod config;
mod digest;
mod error;
mod info;
mod list;
mod name;
mod object;
mod orphans;
mod put;
mod reader;
mod rename;
mod source;
mod status;
mod store;
mod update;
mod watch;

pub use config::ObjectStoreConfig;
pub use error::ObjectError;
pub use info::{ObjectHeaders, ObjectInfo, ObjectLink};
pub use list::{ListObjects, ObjectList};
pub use object::Object;
pub use put::PutObject;
pub use status::ObjectStoreStatus;
pub use store::ObjectStore;
pub use update::UpdateObject;
pub use watch::{ObjectChange, ObjectWatch, WatchObjects};

use crate::jetstream::JetStream;

/// Object stores.
impl JetStream {
    /// An object store that exists.
    ///
    /// # Errors
    /// [`ObjectError`], [`StoreNotFound`](ObjectError::StoreNotFound) among them.
    ///
    /// # Cancel safety
    /// Dropped early, nothing is lost.
    pub async fn object_store(&self, bucket: &str) -> Result<ObjectStore, ObjectError> {
        let stream = self.stream(&name::stream(bucket)?).await;
        let stream = stream.map_err(|error| ObjectError::of_call(error, bucket))?;
        Ok(ObjectStore::new(bucket, stream))
    }

    /// Makes an object store. One that exists with the same configuration is right too.
    ///
    /// # Errors
    /// [`ObjectError`]: one exists with another configuration.
    ///
    /// # Cancel safety
    /// Dropped early, it may be made.
    pub async fn create_object_store(
        &self,
        config: ObjectStoreConfig,
    ) -> Result<ObjectStore, ObjectError> {
        let stream = self.create_stream(config.stream()?).await;
        let stream = stream.map_err(|error| ObjectError::of_call(error, &config.bucket))?;
        Ok(ObjectStore::new(&config.bucket, stream))
    }

    /// Makes an object store, or changes the one that exists.
    ///
    /// # Errors
    /// [`ObjectError`]: what the change would change cannot be changed.
    ///
    /// # Cancel safety
    /// Dropped early, it may be made or changed.
    pub async fn create_or_update_object_store(
        &self,
        config: ObjectStoreConfig,
    ) -> Result<ObjectStore, ObjectError> {
        let stream = self.create_or_update_stream(config.stream()?).await;
        let stream = stream.map_err(|error| ObjectError::of_call(error, &config.bucket))?;
        Ok(ObjectStore::new(&config.bucket, stream))
    }

    /// Changes the object store that exists.
    ///
    /// # Errors
    /// [`ObjectError`]: there is [none](ObjectError::StoreNotFound), or what the change would change
    /// cannot be changed.
    ///
    /// # Cancel safety
    /// Dropped early, it may be changed.
    pub async fn update_object_store(
        &self,
        config: ObjectStoreConfig,
    ) -> Result<ObjectStore, ObjectError> {
        let stream = self.update_stream(config.stream()?).await;
        let stream = stream.map_err(|error| ObjectError::of_call(error, &config.bucket))?;
        Ok(ObjectStore::new(&config.bucket, stream))
    }

    /// Deletes an object store with all that is in it.
    ///
    /// # Errors
    /// [`ObjectError`], [`StoreNotFound`](ObjectError::StoreNotFound) among them.
    ///
    /// # Cancel safety
    /// Dropped early, it may be deleted.
    pub async fn delete_object_store(&self, bucket: &str) -> Result<(), ObjectError> {
        let deleted = self.delete_stream(&name::stream(bucket)?).await;
        deleted.map_err(|error| ObjectError::of_call(error, bucket))
    }

    /// The names of all object stores, in no order.
    ///
    /// # Errors
    /// [`ObjectError`].
    ///
    /// # Cancel safety
    /// Dropped early, nothing is lost.
    pub async fn object_store_names(&self) -> Result<Vec<String>, ObjectError> {
        let mut streams = self.stream_names_of(name::all_chunks("*"));
        let mut buckets = Vec::new();
        while let Some(stream) = streams.next().await {
            let stream = stream.map_err(ObjectError::JetStream)?;
            buckets.extend(stream.strip_prefix(name::STREAM_PREFIX).map(str::to_owned));
        }
        Ok(buckets)
    }

    /// What all object stores are told to be, and what is in them, sorted by their names.
    ///
    /// # Errors
    /// [`ObjectError`].
    ///
    /// # Cancel safety
    /// Dropped early, nothing is lost.
    pub async fn object_stores(&self) -> Result<Vec<ObjectStoreStatus>, ObjectError> {
        let mut streams = self.streams_of(name::all_chunks("*"));
        let mut stores = Vec::new();
        while let Some(stream) = streams.next().await {
            let stream = stream.map_err(ObjectError::JetStream)?;
            if let Some(bucket) = stream.name().strip_prefix(name::STREAM_PREFIX) {
                stores.push(ObjectStoreStatus::new(bucket, stream.cached_info().clone()));
            }
        }
        stores.sort_by(|one, other| one.bucket.cmp(&other.bucket));
        Ok(stores)
    }
}
