//! The handle on a bucket.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use bytes::Bytes;

use super::delete::{DeleteKey, PurgeKey};
use super::error::KeyValueError;
use super::get::{GetEntry, LastChange};
use super::history::{ListKeys, ReadHistory};
use super::key_codec::KeyCodec;
use super::place::Place;
use super::put::{On, PutValue};
use super::status::BucketStatus;
use super::sweep::{self, PurgeDeletes};
use super::update_with::UpdateWith;
use super::value::{Outgoing, Stores};
use super::watch::WatchKeys;
use crate::codec::{Codec, Decoder, Encoder, Json, Raw};
use crate::jetstream::JetStream;

/// A bucket of keys and their values: of type `T`, written by the codec `C`. It is cheap to clone.
///
/// A bucket is opened or created as [one of bytes](RawBucket), and [`typed`](Self::typed) says what
/// they are.
///
/// ```no_run
/// use natsws::kv::Bucket;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Settings { theme: String, size: u8 }
///
/// # async fn example(client: natsws::Client) -> Result<(), natsws::Error> {
/// let settings: Bucket<Settings> = client.jetstream().key_value("settings").await?.typed();
/// let revision = settings.put("eu.7", &Settings { theme: "dark".into(), size: 12 }).await?;
/// if let Some(entry) = settings.get("eu.7").await? {
///     println!("{} since {:?}", entry.value.theme, entry.created);
/// }
/// # Ok(())
/// # }
/// ```
pub struct Bucket<T, C = Json> {
    place: Arc<Place>,
    value: PhantomData<fn() -> (T, C)>,
}

/// A bucket of bytes, as it is opened or created.
///
/// ```no_run
/// use natsws::kv::RawBucket;
///
/// # async fn example(client: natsws::Client) -> Result<(), natsws::Error> {
/// let pictures: RawBucket = client.jetstream().key_value("pictures").await?;
/// pictures.put("eu.7", b"\x89PNG").await?;
/// # Ok(())
/// # }
/// ```
pub type RawBucket = Bucket<Bytes, Raw>;

impl<T, C> Bucket<T, C> {
    pub(super) fn new(place: Place) -> Self {
        Self { place: Arc::new(place), value: PhantomData }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.place.bucket
    }

    /// The handle that it was made by.
    pub fn jetstream(&self) -> &JetStream {
        &self.place.js
    }

    /// The same bucket, with its values as JSON of this type.
    pub fn typed<V>(&self) -> Bucket<V> {
        self.typed_as()
    }

    /// The same bucket, with its values of this type, by this codec.
    pub fn typed_as<V, D>(&self) -> Bucket<V, D> {
        Bucket { place: Arc::clone(&self.place), value: PhantomData }
    }

    /// The same bucket, read from its leader: every [`get`](Self::get) sees what was written before,
    /// by anybody.
    #[must_use]
    pub fn read_from_leader(&self) -> Self {
        Self::new(Place { direct: false, ..Place::clone(&self.place) })
    }

    /// The same bucket, with its keys written so.
    #[must_use]
    pub fn with_key_codec(&self, codec: impl KeyCodec + 'static) -> Self {
        Self::new(Place { codec: Some(Arc::new(codec)), ..Place::clone(&self.place) })
    }
}

/// Writing.
impl<T, C> Bucket<T, C> {
    /// Gives a key a value, whatever it is at, and says the revision of that.
    ///
    /// # Errors
    /// [`KeyValueError`]; [`Write`](KeyValueError::Write) where it may be written all the same.
    ///
    /// # Cancel safety
    /// Dropped early, it may be written.
    pub fn put<'a, V: ?Sized>(&'a self, key: &'a str, value: &V) -> PutValue<'a>
    where
        T: Stores<V>,
        C: Encoder<V>,
    {
        PutValue::new(&self.place, key, Outgoing::new::<V, C>(value), On::Anything)
    }

    /// Gives a key a value that has none: it is new, or was deleted. Says the revision of that.
    ///
    /// # Errors
    /// [`KeyValueError::KeyExists`] where it has one, and as [`put`](Self::put).
    ///
    /// # Cancel safety
    /// Dropped early, it may be written.
    pub fn create<'a, V: ?Sized>(&'a self, key: &'a str, value: &V) -> PutValue<'a>
    where
        T: Stores<V>,
        C: Encoder<V>,
    {
        PutValue::new(&self.place, key, Outgoing::new::<V, C>(value), On::Nothing)
    }

    /// Gives a key a value where its last revision is this one, be that a value or a deletion; 0
    /// stands for none at all. Says the revision of that.
    ///
    /// # Errors
    /// [`KeyValueError::WrongRevision`] where it is another, and as [`put`](Self::put).
    ///
    /// # Cancel safety
    /// Dropped early, it may be written.
    pub fn update<'a, V: ?Sized>(&'a self, key: &'a str, value: &V, revision: u64) -> PutValue<'a>
    where
        T: Stores<V>,
        C: Encoder<V>,
    {
        PutValue::new(&self.place, key, Outgoing::new::<V, C>(value), On::Revision(revision))
    }

    /// Gives a key the value that follows from what it has, and says the revision of that. Where
    /// somebody else was quicker it begins anew with what they wrote, up to 32 times.
    ///
    /// `change` is given the value, `None` where the key has none, and may be called more than once.
    /// Where it gives `None` for what the bucket's leader has, nothing is written, and that is what
    /// this gives too.
    ///
    /// ```no_run
    /// # use natsws::kv::Bucket;
    /// # async fn example(counts: Bucket<u64>) -> Result<(), natsws::Error> {
    /// counts.update_with("visits", |visits| Some(visits.unwrap_or(0) + 1)).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`KeyValueError::Contended`] where others were quicker each time,
    /// [`Write`](KeyValueError::Write) where an answer was lost, others have changed the key since,
    /// and nobody knows whether this change was made before,
    /// [`Decode`](KeyValueError::Decode) where the value there is not of the type, and as
    /// [`put`](Self::put).
    ///
    /// # Cancel safety
    /// Dropped early, it may be written.
    pub fn update_with<'a, F>(&'a self, key: &'a str, change: F) -> UpdateWith<'a, T, C, F>
    where
        C: Codec<T>,
        F: FnMut(Option<T>) -> Option<T> + Send + 'a,
    {
        UpdateWith::new(&self.place, key, change)
    }

    /// Deletes a key, and leaves its history; one that is not there as well. Says the revision of
    /// the deletion.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    ///
    /// # Cancel safety
    /// Dropped early, it may be deleted.
    pub fn delete<'a>(&'a self, key: &'a str) -> DeleteKey<'a> {
        DeleteKey::new(&self.place, key)
    }

    /// Deletes a key with its history: what is left is that it was deleted. Says the revision of
    /// the deletion.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    ///
    /// # Cancel safety
    /// Dropped early, it may be deleted.
    pub fn purge<'a>(&'a self, key: &'a str) -> PurgeKey<'a> {
        PurgeKey::new(&self.place, key)
    }

    /// Deletes all keys that a filter chooses, as `eu.>`, one after the other, and leaves their
    /// history. Says how many these were.
    ///
    /// # Errors
    /// As [`put`](Self::put); some of them may be deleted then.
    ///
    /// # Cancel safety
    /// Dropped early, some of them are deleted.
    pub async fn delete_all(&self, filter: &str) -> Result<u64, KeyValueError> {
        sweep::delete_all(&self.place, filter, false).await
    }

    /// Deletes all keys that a filter chooses, as `eu.>`, one after the other, with their history.
    /// Says how many these were.
    ///
    /// # Errors
    /// As [`put`](Self::put); some of them may be deleted then.
    ///
    /// # Cancel safety
    /// Dropped early, some of them are deleted.
    pub async fn purge_all(&self, filter: &str) -> Result<u64, KeyValueError> {
        sweep::delete_all(&self.place, filter, true).await
    }

    /// Takes away the marks that deleted keys have left, where they are old enough that everybody
    /// has heard of them, and the history before them. What is written to these keys meanwhile stays.
    /// Says how many messages that were.
    ///
    /// # Errors
    /// [`KeyValueError`]; some of them may be gone then.
    ///
    /// # Cancel safety
    /// Dropped early, some of them are gone.
    pub fn purge_deletes(&self) -> PurgeDeletes<'_> {
        PurgeDeletes::new(&self.place)
    }
}

/// Reading.
impl<T, C> Bucket<T, C> {
    /// What stands under a key: `None` where it has no value, because it never had one or because it
    /// was deleted.
    ///
    /// Any server answers that keeps the bucket, so this is quick, and it may be what was true a
    /// moment ago: also a value that this program itself has replaced since.
    /// [`from_leader`](GetEntry::from_leader) and [`read_from_leader`](Self::read_from_leader) are
    /// for those who cannot have that. [`update`](Self::update) and
    /// [`update_with`](Self::update_with) find out what was old by themselves.
    ///
    /// # Errors
    /// [`KeyValueError`], [`Decode`](KeyValueError::Decode) among them, which has the bytes.
    ///
    /// # Cancel safety
    /// Dropped early, nothing is lost.
    pub fn get<'a>(&'a self, key: &'a str) -> GetEntry<'a, T, C>
    where
        C: for<'m> Decoder<'m, T>,
    {
        GetEntry::new(&self.place, key)
    }

    /// What happened last to a key, which may be that it was deleted.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    ///
    /// # Cancel safety
    /// Dropped early, nothing is lost.
    pub fn last_change<'a>(&'a self, key: &'a str) -> LastChange<'a, T, C>
    where
        C: for<'m> Decoder<'m, T>,
    {
        LastChange::new(&self.place, key)
    }

    /// Hears of every change of the keys that a filter chooses, as `eu.>`, after what they are at.
    ///
    /// ```no_run
    /// use std::collections::HashMap;
    /// use natsws::kv::{Bucket, Watched};
    ///
    /// # async fn example(counts: Bucket<u64>) -> Result<(), natsws::Error> {
    /// let mut known = HashMap::new();
    /// let mut watch = counts.watch("eu.>").await?;
    /// while let Some(told) = watch.next().await {
    ///     match told? {
    ///         Watched::Put(entry) => { known.insert(entry.key, entry.value); }
    ///         Watched::Deleted(deletion) => { known.remove(&deletion.key); }
    ///         Watched::CaughtUp => println!("{} keys; now listening", known.len()),
    ///         _ => {}
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`KeyValueError`] where the watch cannot be made.
    ///
    /// # Cancel safety
    /// Dropped early, nothing is lost.
    pub fn watch(&self, filter: &str) -> WatchKeys<'_, T, C>
    where
        C: for<'m> Decoder<'m, T>,
    {
        WatchKeys::new(&self.place).filter(filter)
    }

    /// Hears of every change of all keys, as [`watch`](Self::watch) does of some.
    ///
    /// # Errors
    /// As [`watch`](Self::watch).
    ///
    /// # Cancel safety
    /// Dropped early, nothing is lost.
    pub fn watch_all(&self) -> WatchKeys<'_, T, C>
    where
        C: for<'m> Decoder<'m, T>,
    {
        WatchKeys::new(&self.place)
    }

    /// What the bucket keeps of a key, or of all that a filter chooses, the oldest first.
    ///
    /// # Errors
    /// [`KeyValueError`] where it cannot be read.
    ///
    /// # Cancel safety
    /// Dropped early, nothing is lost.
    pub fn history(&self, key: &str) -> ReadHistory<'_, T, C>
    where
        C: for<'m> Decoder<'m, T>,
    {
        ReadHistory::new(&self.place, key)
    }

    /// The keys that have a value, or those of them that filters choose.
    ///
    /// ```no_run
    /// # use natsws::kv::Bucket;
    /// # async fn example(counts: Bucket<u64>) -> Result<(), natsws::Error> {
    /// let european: Vec<String> = counts.keys().filter("eu.>").await?.into_vec().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`KeyValueError`] where they cannot be listed.
    ///
    /// # Cancel safety
    /// Dropped early, nothing is lost.
    pub fn keys(&self) -> ListKeys<'_> {
        ListKeys::new(&self.place)
    }

    /// What the bucket is told to be, and what is in it.
    ///
    /// # Errors
    /// [`KeyValueError`].
    ///
    /// # Cancel safety
    /// Dropped early, nothing is lost.
    pub async fn status(&self) -> Result<BucketStatus, KeyValueError> {
        let place = &self.place;
        let info = place.js.stream_info(&place.stream).await;
        let info = info.map_err(|error| KeyValueError::of_bucket(error, &place.bucket))?;
        Ok(BucketStatus::new(&place.bucket, info))
    }
}

impl<T, C> Clone for Bucket<T, C> {
    fn clone(&self) -> Self {
        self.typed_as()
    }
}

impl<T, C> fmt::Debug for Bucket<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bucket").field("name", &self.name()).finish_non_exhaustive()
    }
}
