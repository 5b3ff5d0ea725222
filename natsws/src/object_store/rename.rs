//! Giving an object another name, so that no object that is there loses its bytes.
//!
//! The old name is taken away first, where it is at its revision still: from there on nobody who puts
//! an object of that name takes out the chunks, and only then the new name has them. What stands
//! under the old name in between keeps what is known of the object, so that whoever comes upon it
//! can put it back where the client that was renaming it is gone.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::error::ObjectError;
use super::info::ObjectInfo;
use super::name;
use super::store::ObjectStore;
use crate::runtime;

/// What is kept under the old name.
const RENAMING: &str = "natsws_renaming";
/// What is kept under a name that the object with this id does not get any more.
const GIVEN_UP: &str = "natsws_given_up";

#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    object: ObjectInfo,
    /// The new name.
    to: String,
    /// The number of what was said last under it.
    at: u64,
}

/// An object that is about to have another name.
pub(super) struct Rename {
    pub(super) store: ObjectStore,
    pub(super) before: ObjectInfo,
    pub(super) after: ObjectInfo,
    pub(super) from: String,
    pub(super) to: String,
    /// The number of what was said last under the new name.
    pub(super) at: u64,
}

impl Rename {
    /// Renames it, and puts it back where that fails; `None` where another change of one of the names
    /// came before. It goes on where this is dropped.
    pub(super) async fn run(self) -> Result<Option<ObjectInfo>, ObjectError> {
        let (tell, told) = oneshot::channel();
        runtime::spawn(async move {
            // Nobody is there to hear it where it was dropped.
            drop(tell.send(self.finish().await));
        });
        told.await.unwrap_or(Err(ObjectError::Closed))
    }

    async fn finish(mut self) -> Result<Option<ObjectInfo>, ObjectError> {
        let store = &self.store;
        let (before, after) = (self.before.write()?, Bytes::from(self.after.write()?));
        let (to, at) = (self.after.name.clone(), self.at);
        let kept = Kept { object: self.before.clone(), to, at };
        let mark = mark(store, &self.before.name, RENAMING, &kept)?;
        let stored = store.store_info(&self.from, &mark, self.before.revision, &self.before.name);
        let marked = match stored.await {
            Ok(marked) => marked,
            Err(ObjectError::WrongRevision { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        match store.store_info(&self.to, &after, self.at, &self.after.name).await {
            Ok(revision) => {
                let purge = store.handle().purge().filter(&self.from);
                drop(purge.before_sequence(marked.saturating_add(1)).await);
                self.after.set_stored(revision);
                Ok(Some(self.after))
            }
            // Put back, it would have both names where this comes to the stream all the same.
            Err(error) if error.may_be_stored() => Err(error),
            Err(error) => {
                let before = Bytes::from(before);
                let back = store.store_info(&self.from, &before, marked, &self.before.name).await;
                // Another object has the old name.
                let is_replaced = matches!(back, Err(ObjectError::WrongRevision { .. }));
                if is_replaced && matches!(is_anywhere(store, &self.before.id, "").await, Ok(false))
                {
                    store.purge_chunks_of(Some(self.before)).await;
                }
                let is_taken = matches!(error, ObjectError::WrongRevision { .. });
                if is_taken { Ok(None) } else { Err(error) }
            }
        }
    }
}

/// Puts an object back whose renaming did not come to its end: whether that may be, so that it is to
/// be read again.
pub(super) async fn put_back(
    store: &ObjectStore,
    mark: &ObjectInfo,
    from: &str,
) -> Result<bool, ObjectError> {
    let kept = mark.kept(RENAMING).map(Kept::deserialize).and_then(Result::ok);
    let Some(Kept { object, to, at }) = kept else { return Ok(false) };
    // Whoever was renaming it must not end that later.
    if !give_up(store, &object.id, &to, at).await? {
        return Ok(false);
    }
    let is_there = is_anywhere(store, &object.id, &mark.name).await?
        || store.stored_chunks(&object.id).await? != object.chunks;
    if is_there {
        return Ok(false);
    }
    let payload = Bytes::from(object.write()?);
    match store.store_info(from, &payload, mark.revision, &mark.name).await {
        Ok(_) | Err(ObjectError::WrongRevision { .. }) => Ok(true),
        Err(error) => Err(error),
    }
}

/// Sees to it that the object does not get the new name any more; not where something else was said
/// under it, which may be that it did.
async fn give_up(store: &ObjectStore, id: &str, to: &str, at: u64) -> Result<bool, ObjectError> {
    let subject = name::info(store.bucket(), to)?;
    let mark = mark(store, to, GIVEN_UP, &id)?;
    match store.store_info(&subject, &mark, at, to).await {
        Ok(_) => Ok(true),
        Err(ObjectError::WrongRevision { .. }) => {
            let last = store.last_info(&subject).await?;
            let given_up = last.as_ref().and_then(|last| last.kept(GIVEN_UP));
            Ok(given_up.and_then(|given_up| given_up.as_str()) == Some(id))
        }
        Err(error) => Err(error),
    }
}

/// Whether an object with this id is there, was deleted or is being renamed, under another name.
async fn is_anywhere(store: &ObjectStore, id: &str, but: &str) -> Result<bool, ObjectError> {
    let mut all = store.list().include_deleted().await?;
    while let Some(info) = all.next().await {
        let info = match info {
            Ok(info) => info,
            // Nobody knows what it says: nothing of it is this object's name.
            Err(ObjectError::Info(_)) => continue,
            Err(error) => return Err(error),
        };
        let kept = info.kept(RENAMING).and_then(|kept| kept.get("object")?.get("nuid")?.as_str());
        if info.name != but && (info.id == id || kept == Some(id)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A mark as of an object that is deleted, with something that is kept in it.
fn mark(
    store: &ObjectStore,
    name: &str,
    field: &str,
    kept: &impl Serialize,
) -> Result<Bytes, ObjectError> {
    // An id of its own: some clients take the chunks of a mark out when they put an object.
    let mut mark = ObjectInfo::new(store.bucket(), name, store.new_id());
    mark.set_deleted();
    mark.keep(field, kept)?;
    Ok(mark.write()?.into())
}
