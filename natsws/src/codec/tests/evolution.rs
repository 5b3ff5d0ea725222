//! Old programs read what new ones write, and the other way round, where only fields are added.

use super::*;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Old {
    id: u64,
    inner: OldInner,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct OldInner {
    name: String,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct New {
    id: u64,
    inner: NewInner,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    note: Option<String>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct NewInner {
    name: String,
    #[serde(default)]
    place: BTreeMap<String, Vec<u8>>,
}

/// The new field may be missing where it is an `Option`, even without an attribute.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct WithOption {
    id: u64,
    inner: OldInner,
    note: Option<String>,
}

fn old() -> Old {
    Old { id: 7, inner: OldInner { name: "x".to_owned() } }
}

fn new() -> New {
    let place = BTreeMap::from([("hall".to_owned(), vec![1, 2])]);
    let inner = NewInner { name: "x".to_owned(), place };
    New { id: 7, inner, tags: vec!["a".to_owned()], note: Some("n".to_owned()) }
}

/// What a new program makes of an old message.
fn filled_up() -> New {
    let inner = NewInner { name: "x".to_owned(), place: BTreeMap::new() };
    New { id: 7, inner, tags: Vec::new(), note: None }
}

macro_rules! fields_may_be_added {
    ($($name:ident: $codec:ty;)*) => {$(
        #[test]
        fn $name() {
            let from_new = encoded::<$codec, _>(&new());
            assert_eq!(decoded::<$codec, Old>(&from_new).expect("the rest is ignored"), old());
            let from_old = encoded::<$codec, _>(&old());
            assert_eq!(decoded::<$codec, New>(&from_old).expect("it is filled up"), filled_up());
            let optional = WithOption { id: 7, inner: old().inner, note: None };
            assert_eq!(decoded::<$codec, WithOption>(&from_old).expect("it is none"), optional);
        }
    )*};
}

fields_may_be_added! {
    fields_may_be_added_to_json: Json;
    fields_may_be_added_to_msgpack: MsgPack;
    fields_may_be_added_to_packed_json: Compressed<Json>;
    fields_may_be_added_to_packed_msgpack: Compressed<MsgPack>;
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Skipping {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first: Option<u8>,
    last: u8,
}

#[test]
fn compact_msgpack_has_the_limits_that_it_says() {
    // New programs read old messages, where the new fields are last and have a default.
    let from_old = encoded::<MsgPackCompact, _>(&old());
    assert_eq!(decoded::<MsgPackCompact, New>(&from_old).expect("it is filled up"), filled_up());
    // An `Option` is not enough.
    let error = decoded::<MsgPackCompact, WithOption>(&from_old).expect_err("there is no third");
    assert!(matches!(error, CodecError::Decode { content_type: "application/msgpack", .. }));
    // Old programs refuse new messages.
    let from_new = encoded::<MsgPackCompact, _>(&new());
    let error = decoded::<MsgPackCompact, Old>(&from_new).expect_err("there are more");
    assert!(matches!(error, CodecError::Decode { content_type: "application/msgpack", .. }));
    // A field that is left out is not missed: the next one comes in its place.
    let skipping = encoded::<MsgPackCompact, _>(&Skipping { first: None, last: 7 });
    assert_eq!(skipping, &b"\x91\x07"[..]);
    decoded::<MsgPackCompact, Skipping>(&skipping).expect_err("there is no last");
    assert_eq!(round_trip::<MsgPack, _>(&Skipping { first: None, last: 7 }).last, 7);
}
