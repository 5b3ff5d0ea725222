//! What holds for every codec.

mod evolution;
mod headers;
mod hostile;
#[cfg(target_os = "linux")]
mod memory;
mod packed;
mod registry;

use std::collections::BTreeMap;
use std::net::IpAddr;

use bytes::{Bytes, BytesMut};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    Codec, CodecError, Compressed, ContentType, Decoder, Encoded, Encoder, Json, MsgPack,
    MsgPackCompact, Raw, Text,
};
use crate::header::Headers;

/// What serde has, one inside the other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Tree {
    name: String,
    signed: i64,
    unsigned: u64,
    large: f64,
    small: f32,
    letter: char,
    nothing: (),
    leaf: Option<Leaf>,
    pairs: BTreeMap<String, Vec<(bool, u8)>>,
    branches: Vec<Self>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Leaf {
    Unit,
    Newtype(String),
    Tuple(i16, Option<u32>),
    Struct { on: bool, levels: Vec<u16> },
}

fn leaf() -> impl Strategy<Value = Leaf> {
    prop_oneof![
        Just(Leaf::Unit),
        any::<String>().prop_map(Leaf::Newtype),
        any::<(i16, Option<u32>)>().prop_map(|(one, two)| Leaf::Tuple(one, two)),
        any::<(bool, Vec<u16>)>().prop_map(|(on, levels)| Leaf::Struct { on, levels }),
    ]
}

fn node(branches: impl Strategy<Value = Vec<Tree>>) -> impl Strategy<Value = Tree> {
    // JSON has no NaN and no infinity.
    let finite = (
        prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO,
        prop::num::f32::NORMAL,
    );
    let pairs = btree_map(any::<String>(), vec(any::<(bool, u8)>(), 0..3), 0..3);
    let plain = any::<(String, i64, u64, char)>();
    (plain, finite, prop::option::of(leaf()), pairs, branches).prop_map(
        |((name, signed, unsigned, letter), (large, small), leaf, pairs, branches)| Tree {
            name,
            signed,
            unsigned,
            large,
            small,
            letter,
            nothing: (),
            leaf,
            pairs,
            branches,
        },
    )
}

fn tree() -> impl Strategy<Value = Tree> {
    node(Just(Vec::new())).prop_recursive(4, 24, 3, |inner| node(vec(inner, 0..3)))
}

/// A value's payload with this codec.
fn encoded<C: Encoder<T>, T: ?Sized>(value: &T) -> Bytes {
    let mut out = BytesMut::from("before");
    C::encode(value, &mut out).expect("it has an encoding");
    assert_eq!(out.split_to(6), "before", "it is appended");
    out.freeze()
}

/// The headers that a message of this codec has.
fn headers<C: ContentType>() -> Headers {
    let mut headers = Headers::new();
    headers.append("Content-Type", C::CONTENT_TYPE).expect("it is a header value");
    if let Some(encoding) = C::CONTENT_ENCODING {
        headers.append("Content-Encoding", encoding).expect("it is a header value");
    }
    headers
}

fn decoded<C: for<'m> Decoder<'m, T>, T>(payload: &[u8]) -> Result<T, CodecError> {
    Encoded::new("a", payload).with_headers(&headers::<C>()).decode_as::<C, T>()
}

fn round_trip<C: Codec<T>, T>(value: &T) -> T {
    decoded::<C, T>(&encoded::<C, T>(value)).expect("it reads back")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn values_of_serde_read_back_as_they_were(tree in tree()) {
        prop_assert_eq!(&round_trip::<Json, _>(&tree), &tree);
        prop_assert_eq!(&round_trip::<MsgPack, _>(&tree), &tree);
        prop_assert_eq!(&round_trip::<MsgPackCompact, _>(&tree), &tree);
        prop_assert_eq!(&round_trip::<Compressed<Json>, _>(&tree), &tree);
        prop_assert_eq!(&round_trip::<Compressed<MsgPack>, _>(&tree), &tree);
        prop_assert_eq!(&round_trip::<Compressed<MsgPackCompact>, _>(&tree), &tree);
        // Each of the two reads what the other wrote.
        let (named, compact) = (encoded::<MsgPack, _>(&tree), encoded::<MsgPackCompact, _>(&tree));
        prop_assert_eq!(&decoded::<MsgPackCompact, Tree>(&named).expect("it reads"), &tree);
        prop_assert_eq!(&decoded::<MsgPack, Tree>(&compact).expect("it reads"), &tree);
    }

    #[test]
    fn text_reads_back_as_it_was(
        text: String, number: i128, ratio in prop::num::f64::ANY, letter: char, on: bool, ip: IpAddr,
    ) {
        prop_assert_eq!(&round_trip::<Text, String>(&text), &text);
        prop_assert_eq!(&round_trip::<Compressed<Text>, String>(&text), &text);
        prop_assert_eq!(round_trip::<Text, i128>(&number), number);
        prop_assert_eq!(round_trip::<Text, f64>(&ratio).total_cmp(&ratio).is_eq(), !ratio.is_nan());
        prop_assert_eq!(round_trip::<Text, char>(&letter), letter);
        prop_assert_eq!(round_trip::<Text, bool>(&on), on);
        prop_assert_eq!(round_trip::<Text, IpAddr>(&ip), ip);
    }

    #[test]
    fn bytes_read_back_as_they_were(bytes in vec(any::<u8>(), 0..5000)) {
        prop_assert_eq!(&round_trip::<Raw, Vec<u8>>(&bytes), &bytes);
        prop_assert_eq!(&round_trip::<Compressed<Raw>, Vec<u8>>(&bytes), &bytes);
        prop_assert_eq!(&round_trip::<Compressed<Raw>, Bytes>(&bytes.clone().into()), &bytes);
    }

    #[test]
    fn no_payload_makes_a_codec_panic(
        payload in vec(prop_oneof![any::<u8>(), 0x90..=0x93_u8, 0xc0..=0xdf_u8], 0..200),
    ) {
        let headers = headers::<Compressed<Json>>();
        let message = Encoded::new("a", &payload);
        let packed = message.with_headers(&headers);
        drop(message.decode_as::<Json, Tree>());
        drop(message.decode_as::<MsgPack, Tree>());
        drop(message.decode_as::<MsgPackCompact, serde_json::Value>());
        drop(message.decode_as::<Text, String>());
        drop(packed.decode_as::<Compressed<Json>, Tree>());
    }
}
