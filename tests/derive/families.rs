//! Enums: a family of subjects that is one type.

use natsws::codec::Encoded;
use natsws::{DecodeError, DecodeMessage, EncodeMessage, Filter, Subject, SubjectError};
use serde::{Deserialize, Serialize};

use crate::{decode, payload, round_trip, subject_error};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Subject)]
#[subject(queue = "orders")]
enum OrderEvent {
    #[subject("orders.{id}.created")]
    Created { id: u64, total: f64 },
    #[subject("orders.{id}.noted")]
    Noted(#[subject(rename = "id")] u64, String),
    #[subject("orders.renamed")]
    Renamed(String),
    #[subject("orders.{id}.shipped.{carrier}")]
    #[serde(rename_all = "camelCase")]
    Shipped {
        #[serde(skip)]
        id: u64,
        carrier: String,
        #[serde(rename = "to")]
        address: Vec<String>,
        parcel_count: u8,
    },
    #[subject("orders.closed")]
    Closed,
}

fn shipped() -> OrderEvent {
    let address = vec!["Main St".to_owned()];
    OrderEvent::Shipped { id: 7, carrier: "post".to_owned(), address, parcel_count: 2 }
}

#[test]
fn each_variant_has_its_subject_and_the_contents_of_a_struct() {
    for (event, subject, contents) in [
        (OrderEvent::Created { id: 7, total: 9.5 }, "orders.7.created", r#"{"id":7,"total":9.5}"#),
        (OrderEvent::Noted(7, "late".to_owned()), "orders.7.noted", r#"[7,"late"]"#),
        (OrderEvent::Renamed("x".to_owned()), "orders.renamed", r#""x""#),
        (
            shipped(),
            "orders.7.shipped.post",
            r#"{"carrier":"post","to":["Main St"],"parcelCount":2}"#,
        ),
        (OrderEvent::Closed, "orders.closed", "null"),
    ] {
        assert_eq!(event.subject().unwrap(), subject);
        assert_eq!(payload(&event), contents);
        assert_eq!(round_trip(&event), event);
    }
    assert_eq!(OrderEvent::QUEUE, Some("orders"));
    assert_eq!(
        OrderEvent::FILTERS,
        [
            "orders.*.created",
            "orders.*.noted",
            "orders.renamed",
            "orders.*.shipped.*",
            "orders.closed"
        ]
    );
}

#[test]
fn the_subject_says_which_variant_it_is_and_overrides_the_payload() {
    let event = decode::<OrderEvent>("orders.8.created", r#"{"id":7,"total":1}"#).unwrap();
    assert_eq!(event, OrderEvent::Created { id: 8, total: 1.0 });
    let event = decode::<OrderEvent>("orders.8.noted", r#"[7,"late"]"#).unwrap();
    assert_eq!(event, OrderEvent::Noted(8, "late".to_owned()));
    assert_eq!(decode::<OrderEvent>("orders.closed", "").unwrap(), OrderEvent::Closed);
}

#[test]
fn a_subject_of_no_variant_is_named_with_all_templates() {
    assert_eq!(
        subject_error::<OrderEvent>("orders.7.lost", "{}").to_string(),
        "subject \"orders.7.lost\" matches none of the templates `orders.{id}.created`, `orders.{id}.noted`, `orders.renamed`, `orders.{id}.shipped.{carrier}`, `orders.closed`"
    );
    assert!(matches!(
        subject_error::<OrderEvent>("orders.x.created", "{}"),
        SubjectError::Parse { field: "id", .. }
    ));
    assert!(matches!(
        decode::<OrderEvent>("orders.7.created", r#"{"id":7}"#),
        Err(DecodeError::Payload(_))
    ));
}

#[test]
fn a_filter_fixes_the_token_in_each_variant_that_has_it() {
    let filter: Filter<OrderEvent> = OrderEvent::filter().id(7).into();
    assert_eq!(
        filter.subjects().unwrap(),
        [
            "orders.7.created",
            "orders.7.noted",
            "orders.renamed",
            "orders.7.shipped.*",
            "orders.closed"
        ]
    );
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Subject)]
#[subject(codec = MsgPack)]
enum Packed {
    #[subject("p.{id}.a")]
    A { id: u8, text: String },
    #[subject("p.{id}.b")]
    B(#[subject(rename = "id")] u8, i64),
    #[subject("p.c")]
    C(Vec<u8>),
    #[subject("p.d")]
    D,
}

#[test]
fn other_codecs_of_serde_have_variants_without_names_too() {
    let a = Packed::A { id: 1, text: "x".to_owned() };
    let contents = payload(&a);
    assert_eq!(contents, &b"\x82\xa2id\x01\xa4text\xa1x"[..]);
    for event in [a, Packed::B(1, -2), Packed::C(vec![1, 2]), Packed::D] {
        assert_eq!(round_trip(&event), event);
    }
}

/// Where a variant is one value, the codec only has to know that value.
#[derive(Debug, PartialEq, Subject)]
#[subject(codec = Text)]
enum Reading {
    #[subject("readings.temperature")]
    Temperature(f64),
    #[subject("readings.name")]
    Name(String),
}

#[test]
fn a_variant_of_one_value_is_encoded_as_that_value() {
    assert_eq!(payload(&Reading::Temperature(20.5)), "20.5");
    assert_eq!(
        decode::<Reading>("readings.name", "hall").unwrap(),
        Reading::Name("hall".to_owned())
    );
    assert_eq!(round_trip(&Reading::Temperature(1.0)), Reading::Temperature(1.0));
}

/// Serde's own tag stays where the user asks for it.
#[derive(Debug, PartialEq, Serialize, Deserialize, Subject)]
#[serde(tag = "type")]
enum Tagged {
    #[subject("t.a.{id}")]
    A { id: u8 },
    #[subject("t.b.{id}")]
    B { id: u8 },
}

#[test]
fn a_payload_that_names_another_variant_than_the_subject_is_refused() {
    assert_eq!(payload(&Tagged::A { id: 1 }), r#"{"type":"A","id":1}"#);
    assert_eq!(round_trip(&Tagged::B { id: 1 }), Tagged::B { id: 1 });
    assert!(matches!(
        subject_error::<Tagged>("t.b.1", r#"{"type":"A","id":1}"#),
        SubjectError::Variant { subject } if subject == "t.b.1"
    ));
}

/// The text around a placeholder is a part of its token.
#[derive(Debug, PartialEq, Serialize, Deserialize, Subject)]
enum Version {
    #[subject("api.v{major}.stable")]
    Stable { major: u32 },
    #[subject("api.b{name}-x.beta")]
    Beta { name: u32 },
    #[subject("files.{path..}")]
    File { path: Vec<String> },
}

#[test]
fn variants_may_have_text_around_their_placeholders() {
    for event in [
        Version::Stable { major: 2 },
        Version::Beta { name: 3 },
        Version::File { path: vec!["etc".to_owned(), "hosts".to_owned()] },
    ] {
        assert_eq!(round_trip(&event), event);
    }
    let filter: Filter<Version> = Version::filter().into();
    assert_eq!(filter.subjects().unwrap(), ["api.*.stable", "api.*.beta", "files.>"]);
    let filter: Filter<Version> = Version::filter().major(2).path(["etc"]).into();
    assert_eq!(filter.subjects().unwrap(), ["api.v2.stable", "api.*.beta", "files.etc"]);
    assert!(matches!(
        subject_error::<Version>("api.latest.stable", "{}"),
        SubjectError::Unknown { templates, .. } if templates == Version::TEMPLATES
    ));
}

/// An enum that borrows can be published, and read from a message that is held.
#[derive(Debug, PartialEq, Serialize, Deserialize, Subject)]
enum Line<'a> {
    #[subject("logs.{host}.text")]
    Text { host: &'a str, text: &'a str },
    #[subject("logs.{host}.number")]
    Number { host: &'a str, number: i64 },
}

#[test]
fn an_enum_may_borrow_from_the_message() {
    let line = Line::Text { host: "a", text: "up" };
    let (subject, payload) = (line.subject().unwrap(), payload(&line));
    let read = Line::decode(Encoded::new(&subject, &payload)).unwrap();
    assert_eq!(read, line);
    let Line::Text { text, .. } = read else { panic!("it is a text") };
    assert!(payload.as_ptr_range().contains(&text.as_ptr()));
}

/// Generic over what it carries.
#[derive(Debug, PartialEq, Serialize, Deserialize, Subject)]
enum Change<T> {
    #[subject("changes.set")]
    Set(T),
    #[subject("changes.both")]
    Both { old: T, new: T },
}

#[test]
fn an_enum_may_be_generic() {
    let set = Change::Set(vec![1_u8]);
    assert_eq!(round_trip(&set), set);
    let both = Change::Both { old: "a".to_owned(), new: "b".to_owned() };
    assert_eq!(round_trip(&both), both);
    assert_eq!(both.content_type(), "application/json");
}

mod hex {
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
    pub(super) fn serialize<S: Serializer>(value: &u8, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("{value:02x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
        let text = String::deserialize(deserializer)?;
        u8::from_str_radix(&text, 16).map_err(serde::de::Error::custom)
    }
}

/// What serde is told of one value holds, wherever it is told.
#[derive(Debug, PartialEq, Serialize, Deserialize, Subject)]
enum Told {
    #[subject("told.variant")]
    #[serde(with = "hex")]
    Variant(u8),
    #[subject("told.field")]
    Field(#[serde(with = "hex")] u8),
    #[subject("told.nothing")]
    Nothing(u8),
}

#[test]
fn what_serde_is_told_of_a_variant_of_one_value_holds() {
    for (told, contents) in
        [(Told::Variant(200), "\"c8\""), (Told::Field(200), "\"c8\""), (Told::Nothing(200), "200")]
    {
        assert_eq!(payload(&told), contents);
        assert_eq!(round_trip(&told), told);
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Contents {
    id: u8,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, Subject)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Kinds {
    #[subject("kinds.one")]
    One(Contents),
    #[subject("kinds.two")]
    Two(Contents),
}

#[test]
fn a_tag_that_serde_is_asked_for_travels_with_every_variant() {
    let one = Kinds::One(Contents { id: 7 });
    assert_eq!(payload(&one), r#"{"kind":"one","id":7}"#);
    assert_eq!(round_trip(&one), one);
    assert!(matches!(
        subject_error::<Kinds>("kinds.two", r#"{"kind":"one","id":7}"#),
        SubjectError::Variant { .. }
    ));
}
