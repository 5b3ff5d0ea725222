//! Buckets of keys and values, typed and watched, kept by JetStream (feature `kv`, ADR-8).
//!
//! ```no_run
//! use natsws::Client;
//! use natsws::kv::{Bucket, BucketConfig, Watched};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! struct Settings { theme: String, size: u8 }
//!
//! # async fn example(client: Client) -> Result<(), natsws::Error> {
//! let js = client.jetstream();
//! let bucket = js.create_or_update_key_value(BucketConfig::new("settings").history(5)).await?;
//! let settings: Bucket<Settings> = bucket.typed(); // JSON, unless `typed_as` says otherwise
//!
//! let revision = settings.put("eu.7", &Settings { theme: "dark".into(), size: 12 }).await?;
//! let bright = Settings { theme: "bright".into(), size: 12 };
//! settings.update("eu.7", &bright, revision).await?; // an error if somebody was quicker
//!
//! let mut watch = settings.watch("eu.>").await?;
//! while let Some(told) = watch.next().await {
//!     match told? {
//!         Watched::Put(entry) => println!("{} has {}", entry.key, entry.value.theme),
//!         Watched::Deleted(deletion) => println!("{} is gone", deletion.key),
//!         Watched::CaughtUp => println!("this is all for now"),
//!         _ => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # What is promised
//! - A write that returned is in the bucket, as a [`PublishAck`](crate::jetstream::PublishAck) says
//!   it. It is sent again while no answer comes, and stored once.
//! - [`update`](Bucket::update), [`create`](Bucket::create) and [`update_with`](Bucket::update_with)
//!   have one winner for each revision, whoever writes and whichever servers fail.
//! - [`get`](Bucket::get) may say what was true a moment ago, unless it asks the leader.
//! - A [`Watch`] misses no change and repeats none, over lost connections and servers.
//!
//! # What a bucket is
//! The stream `KV_<bucket>`, with the subject `$KV.<bucket>.<key>` for each key: other clients read
//! and write the same buckets. A value of a typed bucket says in its headers how it is encoded
//! (`Content-Type`); one without that is read all the same.

mod bucket;
mod changes;
mod config;
mod delete;
mod entry;
mod error;
mod get;
mod history;
mod key;
mod key_codec;
mod open;
mod place;
mod put;
mod status;
mod stored;
mod sweep;
mod update_with;
mod value;
mod watch;
mod write;

pub use bucket::{Bucket, RawBucket};
pub use config::BucketConfig;
pub use delete::{DeleteKey, PurgeKey};
pub use entry::{Change, Deletion, Entry, HeadersOnly, Marker, Operation, Size};
pub use error::{KeyValueError, Undecoded};
pub use get::{GetEntry, LastChange};
pub use history::{History, Keys, ListKeys, ReadHistory};
pub use key::{KeyError, KeyFault};
pub use key_codec::{Base64Keys, KeyCodec};
pub use open::OpenKeyValue;
pub use put::PutValue;
pub use status::BucketStatus;
pub use sweep::PurgeDeletes;
pub use update_with::UpdateWith;
pub use value::Stores;
pub use watch::{Watch, WatchKeys, Watched};

use crate::jetstream::JetStream;

impl JetStream {
    /// Opens a bucket that exists.
    ///
    /// ```no_run
    /// use natsws::kv::KeyValueError;
    ///
    /// # async fn example(js: natsws::jetstream::JetStream) -> Result<(), natsws::Error> {
    /// match js.key_value("settings").await {
    ///     Ok(settings) => { settings.put("theme", "dark").await?; }
    ///     Err(KeyValueError::BucketNotFound { bucket }) => println!("create {bucket} first"),
    ///     Err(error) => return Err(error.into()),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`KeyValueError`], [`BucketNotFound`](KeyValueError::BucketNotFound) among them.
    ///
    /// # Cancel safety
    /// Dropped early, nothing is lost.
    pub fn key_value<'a>(&'a self, bucket: &'a str) -> OpenKeyValue<'a> {
        OpenKeyValue::new(self, bucket)
    }

    /// Makes a bucket. One that exists with the same configuration is right too.
    ///
    /// # Errors
    /// [`KeyValueError`], [`BucketExists`](KeyValueError::BucketExists) among them.
    ///
    /// # Cancel safety
    /// Dropped early, it may be made.
    pub async fn create_key_value(&self, config: BucketConfig) -> Result<RawBucket, KeyValueError> {
        open::create(self, &config).await
    }

    /// Changes a bucket that exists. What its stream was told besides what a [`BucketConfig`] can
    /// say stays as it is, but for what a bucket needs: it allows rollups, and remembers ids for no
    /// longer than it keeps values.
    ///
    /// # Errors
    /// [`KeyValueError`], [`BucketNotFound`](KeyValueError::BucketNotFound) among them.
    ///
    /// # Cancel safety
    /// Dropped early, it may be changed.
    pub async fn update_key_value(&self, config: BucketConfig) -> Result<RawBucket, KeyValueError> {
        open::update(self, &config).await
    }

    /// Makes a bucket, or changes the one that exists, as
    /// [`update_key_value`](Self::update_key_value) does.
    ///
    /// # Errors
    /// [`KeyValueError`].
    ///
    /// # Cancel safety
    /// Dropped early, it may be made or changed.
    pub async fn create_or_update_key_value(
        &self,
        config: BucketConfig,
    ) -> Result<RawBucket, KeyValueError> {
        match open::update(self, &config).await {
            Err(KeyValueError::BucketNotFound { .. }) => open::create(self, &config).await,
            other => other,
        }
    }

    /// Deletes a bucket, with all that is in it.
    ///
    /// # Errors
    /// [`KeyValueError`], [`BucketNotFound`](KeyValueError::BucketNotFound) among them.
    ///
    /// # Cancel safety
    /// Dropped early, it may be deleted.
    pub async fn delete_key_value(&self, bucket: &str) -> Result<(), KeyValueError> {
        open::delete(self, bucket).await
    }

    /// The names of all buckets, sorted.
    ///
    /// # Errors
    /// [`KeyValueError`].
    ///
    /// # Cancel safety
    /// Dropped early, nothing is lost.
    pub async fn key_value_names(&self) -> Result<Vec<String>, KeyValueError> {
        open::names(self).await
    }

    /// What all buckets are told to be, and what is in them, sorted by their names.
    ///
    /// # Errors
    /// [`KeyValueError`].
    ///
    /// # Cancel safety
    /// Dropped early, nothing is lost.
    pub async fn key_values(&self) -> Result<Vec<BucketStatus>, KeyValueError> {
        open::statuses(self).await
    }
}
