//! The names of stores and objects, and the subjects that they stand for (ADR-20).

use data_encoding::BASE64URL;

use super::error::ObjectError;
use crate::jetstream::{NameError, NameFault};
use crate::subject::MAX_SUBJECT_LEN;

/// What the name of a store's stream starts with.
pub(super) const STREAM_PREFIX: &str = "OBJ_";

/// The longest name of a stream, in bytes.
const LONGEST_STREAM: usize = 255;

/// The stream of a store.
pub(super) fn stream(bucket: &str) -> Result<String, NameError> {
    let bad = |c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_');
    let len = STREAM_PREFIX.len() + bucket.len();
    let fault = match bucket.char_indices().find(|(_, character)| bad(*character)) {
        Some((at, character)) => NameFault::Character { character, at },
        None if bucket.is_empty() => NameFault::Empty,
        None if len > LONGEST_STREAM => NameFault::TooLong { len },
        None => return Ok(format!("{STREAM_PREFIX}{bucket}")),
    };
    Err(NameError { what: "store", name: bucket.to_owned(), fault })
}

/// All that is said about the objects of a store.
pub(super) fn all_infos(bucket: &str) -> String {
    format!("$O.{bucket}.M.>")
}

/// All chunks of a store.
pub(super) fn all_chunks(bucket: &str) -> String {
    format!("$O.{bucket}.C.>")
}

/// The chunks of one object.
pub(super) fn chunks(bucket: &str, id: &str) -> String {
    format!("$O.{bucket}.C.{id}")
}

/// What is said about the object of this name.
pub(super) fn info(bucket: &str, name: &str) -> Result<String, ObjectError> {
    let prefix = format!("$O.{bucket}.M.");
    // Three bytes become four characters.
    let most = MAX_SUBJECT_LEN.saturating_sub(prefix.len()) / 4 * 3;
    if name.is_empty() || name.len() > most {
        return Err(ObjectError::ObjectName { len: name.len(), most });
    }
    Ok(prefix + &BASE64URL.encode(name.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_a_stream_with_letters_digits_dashes_and_underscores() {
        assert_eq!(stream("my-Files_7"), Ok("OBJ_my-Files_7".to_owned()));
        for (bucket, character) in [("a.b", '.'), ("a b", ' '), ("größe", 'ö'), ("a>", '>')] {
            let error = stream(bucket).expect_err("no name");
            assert!(
                matches!(error.fault, NameFault::Character { character: found, .. } if found == character)
            );
        }
        let error = stream("").expect_err("no name");
        assert_eq!(error.to_string(), "\"\" cannot be the name of a store: it is empty");
        assert!(stream(&"x".repeat(251)).is_ok());
        assert!(stream(&"x".repeat(252)).is_err());
    }

    #[test]
    fn an_object_may_have_any_name_but_none() {
        assert_eq!(info("b", "blob?>").expect("a name"), "$O.b.M.YmxvYj8-");
        assert_eq!(info("b", "größe 漢字.txt").expect("a name"), "$O.b.M.Z3LDtsOfZSDmvKLlrZcudHh0");
        assert_eq!(info("b", "a").expect("a name"), "$O.b.M.YQ==");
        assert!(matches!(info("b", ""), Err(ObjectError::ObjectName { len: 0, .. })));
        let Err(ObjectError::ObjectName { most, .. }) = info("b", &"x".repeat(1_000_000)) else {
            panic!("it is too long");
        };
        assert!(info("b", &"x".repeat(most)).expect("it fits").len() <= MAX_SUBJECT_LEN);
    }

    #[test]
    fn the_subjects_are_those_of_other_clients() {
        assert_eq!(all_infos("b"), "$O.b.M.>");
        assert_eq!(all_chunks("b"), "$O.b.C.>");
        assert_eq!(chunks("b", "n1"), "$O.b.C.n1");
    }
}
