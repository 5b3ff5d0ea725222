//! What is known of an object besides its bytes, and how that is stored.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::error::ObjectError;
use crate::jetstream::{StoredMessage, wire};
use crate::runtime;

/// The values of each header of an object.
pub type ObjectHeaders = BTreeMap<String, Vec<String>>;

/// What is known of an object besides its bytes.
///
/// What another client stored with it and this version does not know is kept when it is
/// [updated](super::ObjectStore::update).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ObjectInfo {
    /// The name: any text.
    pub name: String,
    /// What the object is.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Headers for whoever serves it, as `Content-Type`.
    #[serde(
        default,
        deserialize_with = "wire::or_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub headers: ObjectHeaders,
    /// Texts for whoever reads them.
    #[serde(
        default,
        deserialize_with = "wire::or_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub metadata: BTreeMap<String, String>,
    #[serde(
        default,
        deserialize_with = "wire::or_default",
        skip_serializing_if = "wire::is_default"
    )]
    options: Options,
    /// The store that it is in.
    pub bucket: String,
    /// What its chunks are stored under: each put makes a new one.
    #[serde(rename = "nuid", default, deserialize_with = "wire::or_default")]
    pub id: String,
    /// How many bytes it has.
    #[serde(default, deserialize_with = "wire::count")]
    pub size: u64,
    /// In how many chunks they are stored.
    #[serde(default, deserialize_with = "wire::count")]
    pub chunks: u64,
    /// The SHA-256 of its bytes, as `SHA-256=` and base64. A link and a deleted object have none.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Whether it is deleted. Its name is kept, and can be put again.
    #[serde(default, skip_serializing_if = "wire::is_default")]
    pub deleted: bool,
    /// When this was stored, by the server's clock.
    #[serde(skip, default = "start_of_time")]
    pub modified: SystemTime,
    /// The number of what is said here in the stream of the store. It grows with each change.
    #[serde(skip)]
    pub revision: u64,
    /// What other clients say.
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

/// How an object is stored, and what it stands for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Options {
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<ObjectLink>,
    #[serde(
        with = "wire::limit",
        rename = "max_chunk_size",
        skip_serializing_if = "Option::is_none"
    )]
    chunk_size: Option<u64>,
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

/// What a link points to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ObjectLink {
    /// The store.
    pub bucket: String,
    /// The object in it; `None` for the store as a whole.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

impl ObjectLink {
    pub(super) fn new(bucket: &str, name: Option<&str>) -> Self {
        Self { bucket: bucket.to_owned(), name: name.map(str::to_owned), unknown: Map::new() }
    }
}

fn start_of_time() -> SystemTime {
    SystemTime::UNIX_EPOCH
}

impl ObjectInfo {
    pub(super) fn new(bucket: &str, name: &str, id: String) -> Self {
        Self {
            name: name.to_owned(),
            description: None,
            headers: BTreeMap::new(),
            metadata: BTreeMap::new(),
            options: Options::default(),
            bucket: bucket.to_owned(),
            id,
            size: 0,
            chunks: 0,
            digest: None,
            deleted: false,
            modified: start_of_time(),
            revision: 0,
            unknown: Map::new(),
        }
    }

    /// The first value of a header, its name compared exactly.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.first().map(String::as_str)
    }

    /// What it points to, where it is a link.
    pub fn link(&self) -> Option<&ObjectLink> {
        self.options.link.as_ref()
    }

    /// How large its chunks are but the last, where that is known.
    pub fn chunk_size(&self) -> Option<u64> {
        self.options.chunk_size
    }

    pub(super) fn set_link(&mut self, link: ObjectLink) {
        self.options.link = Some(link);
    }

    pub(super) fn set_chunk_size(&mut self, bytes: usize) {
        self.options.chunk_size = u64::try_from(bytes).ok();
    }

    /// Says that it is in this store. Some clients write down of a link the store that it leads to.
    pub(super) fn in_store(self, bucket: &str) -> Self {
        Self { bucket: bucket.to_owned(), ..self }
    }

    /// Makes it the mark of an object that is deleted.
    pub(super) fn set_deleted(&mut self) {
        self.deleted = true;
        self.size = 0;
        self.chunks = 0;
        self.digest = None;
    }

    /// Says that it was stored just now.
    pub(super) fn set_stored(&mut self, revision: u64) {
        self.revision = revision;
        self.modified = SystemTime::UNIX_EPOCH + runtime::since_1970();
    }

    /// Keeps something with it that no client but this one knows.
    pub(super) fn keep(&mut self, field: &str, kept: &impl Serialize) -> Result<(), ObjectError> {
        let kept = serde_json::to_value(kept).map_err(|error| ObjectError::Info(error.into()))?;
        self.unknown.insert(field.to_owned(), kept);
        Ok(())
    }

    /// What was kept with it.
    pub(super) fn kept(&self, field: &str) -> Option<&Value> {
        self.unknown.get(field)
    }

    pub(super) fn read(stored: &StoredMessage) -> Result<Self, ObjectError> {
        Self::parse(stored.payload(), stored.sequence(), stored.time())
    }

    pub(super) fn parse(
        payload: &[u8],
        revision: u64,
        modified: SystemTime,
    ) -> Result<Self, ObjectError> {
        let info: Result<Self, _> = serde_json::from_slice(payload);
        let mut info = info.map_err(|error| ObjectError::Info(error.into()))?;
        // Some clients write these, and they would be wrong from the next change on (ADR-20).
        for field in ["mtime", "revision"] {
            info.unknown.remove(field);
        }
        Ok(Self { modified, revision, ..info })
    }

    pub(super) fn write(&self) -> Result<Vec<u8>, ObjectError> {
        serde_json::to_vec(self).map_err(|error| ObjectError::Info(error.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_client_says_is_kept() {
        let payload = serde_json::json!({
            "name": "report.pdf",
            "description": "of June",
            "headers": { "key": ["foo", "bar"], "a b": ["c"] },
            "metadata": { "owner": "infra" },
            "options": {
                "max_chunk_size": 131_072,
                "encryption": { "by": "newer" },
                "link": { "bucket": "other", "name": "target", "version": 3 },
            },
            "bucket": "files",
            "nuid": "CkuyLEX4z2hbyjj1aWCfiH",
            "size": 344_000_u64,
            "chunks": 42,
            "digest": "SHA-256=abc",
            "mtime": "0001-01-01T00:00:00Z",
            "revision": 3,
            "retention": ["newer"],
        });
        let text = payload.to_string();
        let info = ObjectInfo::parse(text.as_bytes(), 7, start_of_time()).expect("understood");
        assert_eq!((info.size, info.chunks, info.revision), (344_000, 42, 7));
        assert_eq!((info.header("key"), info.chunk_size()), (Some("foo"), Some(131_072)));
        assert_eq!(info.link().map(|link| link.bucket.as_str()), Some("other"));
        let mut expected = payload;
        for field in ["mtime", "revision"] {
            expected.as_object_mut().expect("a map").remove(field);
        }
        let written: Value =
            serde_json::from_slice(&info.write().expect("written")).expect("it is JSON");
        assert_eq!(written, expected);
    }

    #[test]
    fn little_is_needed_and_null_is_as_good_as_absent() {
        let text = br#"{"name":"a","bucket":"b","headers":null,"metadata":null,"options":null}"#;
        let info = ObjectInfo::parse(text, 1, start_of_time()).expect("understood");
        assert_eq!(info, ObjectInfo { revision: 1, ..ObjectInfo::new("b", "a", String::new()) });
        for text in ["", "{}", "[]", r#"{"name":"a","bucket":"b","size":-1}"#] {
            let read = ObjectInfo::parse(text.as_bytes(), 1, start_of_time());
            assert!(matches!(read, Err(ObjectError::Info(_))), "{text}");
        }
    }
}
