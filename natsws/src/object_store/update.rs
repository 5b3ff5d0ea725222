//! Changing what is known of an object, and linking to objects: what needs no bytes.

use std::collections::BTreeMap;
use std::future::IntoFuture;

use super::error::ObjectError;
use super::info::{ObjectHeaders, ObjectInfo, ObjectLink};
use super::rename::Rename;
use super::store::ObjectStore;
use super::{name, rename};
use crate::runtime::SendFuture;

/// A change of what is known of an object, which is about to be made: say what, and `.await` it.
///
/// Made by [`ObjectStore::update`]. What is not said stays as it is.
#[must_use = "nothing is changed until this is awaited"]
#[derive(Debug)]
pub struct UpdateObject<'a> {
    store: &'a ObjectStore,
    name: String,
    new_name: Option<String>,
    description: Option<String>,
    headers: Option<ObjectHeaders>,
    metadata: Option<BTreeMap<String, String>>,
}

impl UpdateObject<'_> {
    /// Another name, which no other object may have.
    ///
    /// It is taken away under the old name before it is stored under the new one, so that an object
    /// that is put under the old name meanwhile does not take its bytes. Where the connection or the
    /// process ends in between, it can be seen under neither: renamed or changed once more by its old
    /// name, it is there again, unless something was put under one of the two before.
    pub fn rename(mut self, name: impl Into<String>) -> Self {
        self.new_name = Some(name.into());
        self
    }

    /// What the object is; the empty text says nothing of it.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// These headers in place of all that it has. A name that stands there twice has both values.
    pub fn headers<N: Into<String>, V: Into<String>>(
        mut self,
        headers: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let all = self.headers.insert(ObjectHeaders::new());
        for (name, value) in headers {
            all.entry(name.into()).or_default().push(value.into());
        }
        self
    }

    /// These texts in place of all that it has.
    pub fn metadata<K: Into<String>, V: Into<String>>(
        mut self,
        metadata: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let metadata = metadata.into_iter().map(|(key, value)| (key.into(), value.into()));
        self.metadata = Some(metadata.collect());
        self
    }

    async fn run(self) -> Result<ObjectInfo, ObjectError> {
        let (store, old_name) = (self.store, self.name.as_str());
        let subject = name::info(store.bucket(), old_name)?;
        let new_name = self.new_name.as_deref().filter(|new_name| *new_name != old_name);
        let new_subject = new_name.map(|name| name::info(store.bucket(), name)).transpose()?;
        // What somebody else changes meanwhile is read again, and changed as it is then.
        let mut attempts = 0..super::store::MOST_ATTEMPTS;
        loop {
            let Some(mut info) = store.last_info(&subject).await? else {
                return Err(store.not_found(old_name));
            };
            if info.deleted {
                // A client that was renaming it may be gone.
                if rename::put_back(store, &info, &subject).await? && attempts.next().is_some() {
                    continue;
                }
                return Err(ObjectError::Deleted { name: info.name });
            }
            let before = info.clone();
            self.change(&mut info);
            let Some(new_subject) = &new_subject else {
                match store.replace(&mut info, &subject, Some(before.revision), |_| Ok(())).await {
                    Err(ObjectError::WrongRevision { .. }) if attempts.next().is_some() => continue,
                    Err(error) => return Err(error),
                    Ok(_) => return Ok(info),
                }
            };
            let there = store.last_info(new_subject).await?;
            if let Some(there) = there.as_ref().filter(|there| !there.deleted) {
                return Err(store.exists(&there.name));
            }
            let rename = Rename {
                store: store.clone(),
                before,
                after: info,
                from: subject.clone(),
                to: new_subject.clone(),
                at: there.map_or(0, |there| there.revision),
            };
            match rename.run().await? {
                Some(renamed) => return Ok(renamed),
                None if attempts.next().is_some() => {}
                None => {
                    let name = old_name.to_owned();
                    return Err(ObjectError::WrongRevision { name, source: None });
                }
            }
        }
    }

    fn change(&self, info: &mut ObjectInfo) {
        if let Some(name) = &self.new_name {
            info.name.clone_from(name);
        }
        if let Some(description) = &self.description {
            info.description = Some(description.clone()).filter(|text| !text.is_empty());
        }
        if let Some(headers) = &self.headers {
            info.headers.clone_from(headers);
        }
        if let Some(metadata) = &self.metadata {
            info.metadata.clone_from(metadata);
        }
    }
}

impl<'a> IntoFuture for UpdateObject<'a> {
    type Output = Result<ObjectInfo, ObjectError>;
    type IntoFuture = SendFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl ObjectStore {
    /// Changes what is known of an object, or its name. Its bytes stay as they are, and so does what
    /// other clients say of it that this version does not know.
    ///
    /// ```no_run
    /// use natsws::object_store::ObjectStore;
    ///
    /// # async fn example(files: ObjectStore) -> Result<(), natsws::Error> {
    /// files.update("report.pdf").rename("june.pdf").description("The report of June").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ObjectError`]: there is no such object, it is [deleted](ObjectError::Deleted), or another
    /// [has the new name](ObjectError::Exists).
    ///
    /// # Cancel safety
    /// Dropped early, it may be changed.
    pub fn update(&self, name: &str) -> UpdateObject<'_> {
        UpdateObject {
            store: self,
            name: name.to_owned(),
            new_name: None,
            description: None,
            headers: None,
            metadata: None,
        }
    }

    /// Gives an object another name, in this store or from another: [`get`](Self::get) follows it.
    /// Another link or a deleted object may have the name.
    ///
    /// # Errors
    /// [`ObjectError`]: what is linked to is [deleted](ObjectError::Deleted) or a
    /// [link itself](ObjectError::LinkToLink), or an object [has the name](ObjectError::Exists).
    ///
    /// # Cancel safety
    /// Dropped early, it may be linked.
    pub async fn link(&self, name: &str, to: &ObjectInfo) -> Result<ObjectInfo, ObjectError> {
        if to.deleted {
            return Err(ObjectError::Deleted { name: to.name.clone() });
        }
        if to.link().is_some() {
            return Err(ObjectError::LinkToLink { name: to.name.clone() });
        }
        self.put_link(name, ObjectLink::new(&to.bucket, Some(&to.name))).await
    }

    /// Points to another store as a whole, as to a folder.
    ///
    /// # Errors
    /// [`ObjectError`]: an object [has the name](ObjectError::Exists).
    ///
    /// # Cancel safety
    /// Dropped early, it may be linked.
    pub async fn link_store(&self, name: &str, to: &Self) -> Result<ObjectInfo, ObjectError> {
        self.put_link(name, ObjectLink::new(to.bucket(), None)).await
    }

    async fn put_link(&self, name: &str, link: ObjectLink) -> Result<ObjectInfo, ObjectError> {
        let subject = name::info(self.bucket(), name)?;
        let mut info = ObjectInfo::new(self.bucket(), name, self.new_id());
        info.set_link(link);
        let free = |there: &ObjectInfo| {
            let is_free = there.deleted || there.link().is_some();
            if is_free { Ok(()) } else { Err(self.exists(&there.name)) }
        };
        self.replace(&mut info, &subject, None, free).await?;
        Ok(info)
    }
}
