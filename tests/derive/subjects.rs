use natsws::bytes::Bytes;
use natsws::{DecodeError, Subject, SubjectError, TokenFault};
use serde::{Deserialize, Serialize};

use crate::{decode, payload, subject_error};

#[derive(Debug, PartialEq, Serialize, Deserialize, Subject)]
#[subject("orders.{region}.created.{id}", queue = "orders")]
struct OrderCreated {
    region: String,
    id: u64,
    note: String,
}

fn order(region: &str) -> OrderCreated {
    OrderCreated { region: region.to_owned(), id: 7, note: "by hand".to_owned() }
}

#[test]
fn placeholders_are_replaced_by_the_values_of_their_fields() {
    assert_eq!(order("eu").subject().unwrap(), "orders.eu.created.7");
}

#[test]
fn template_filter_and_queue_are_constants() {
    assert_eq!(OrderCreated::TEMPLATES, ["orders.{region}.created.{id}"]);
    assert_eq!(OrderCreated::FILTERS, ["orders.*.created.*"]);
    assert_eq!(OrderCreated::QUEUE, Some("orders"));
}

#[test]
fn a_value_that_is_not_one_token_is_an_error_that_names_the_field() {
    for (region, fault) in [
        ("", TokenFault::Empty),
        ("eu.created.8.x", TokenFault::Separator),
        ("*", TokenFault::Wildcard),
        (">", TokenFault::Wildcard),
        ("eu west", TokenFault::Character(' ')),
        ("eu\r\nPUB secret 0\r\n", TokenFault::Character('\r')),
        ("eu\0", TokenFault::Character('\0')),
    ] {
        match order(region).subject() {
            Err(SubjectError::Token { field: "region", value, fault: found }) => {
                assert_eq!((value.as_str(), found), (region, fault));
            }
            other => panic!("{region:?}: {other:?}"),
        }
    }
}

#[test]
fn the_subject_overrides_the_payload() {
    let received = decode::<OrderCreated>("orders.us.created.8", payload(&order("eu"))).unwrap();
    assert_eq!(
        received,
        OrderCreated { region: "us".to_owned(), id: 8, note: "by hand".to_owned() }
    );
}

#[test]
fn a_subject_of_another_shape_is_refused() {
    for subject in [
        "",
        "orders",
        "orders.eu.created",
        "orders.eu.deleted.7",
        "ORDERS.eu.created.7",
        "x.orders.eu.created.7",
        "orders.eu.created.7.x",
        "orders.eu.created.7.",
    ] {
        assert_eq!(
            subject_error::<OrderCreated>(subject, "{}").to_string(),
            format!(
                "subject {subject:?} does not match the template `orders.{{region}}.created.{{id}}`"
            )
        );
    }
}

#[test]
fn a_token_that_is_not_a_value_of_the_field_is_refused() {
    match subject_error::<OrderCreated>("orders.eu.created.seven", "{}") {
        SubjectError::Parse { field, token, source } => {
            assert_eq!((field, token.as_str()), ("id", "seven"));
            assert_eq!(source.to_string(), "invalid digit found in string");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_subject_is_read_before_the_payload() {
    assert!(matches!(
        subject_error::<OrderCreated>("other", "not json"),
        SubjectError::Mismatch { template: "orders.{region}.created.{id}", .. }
    ));
}

#[test]
fn a_payload_that_does_not_decode_is_an_error_of_the_payload() {
    let decoded = decode::<OrderCreated>("orders.eu.created.7", Bytes::from_static(b"not json"));
    match decoded {
        Err(DecodeError::Payload(error)) => {
            assert_eq!(error.to_string(), "decoding as application/json failed");
        }
        other => panic!("{other:?}"),
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize, Subject)]
#[subject("{tenant}.sensors.{sensor}")]
struct Reading {
    #[serde(skip)]
    tenant: String,
    #[serde(skip)]
    sensor: u32,
    degrees: f64,
}

#[test]
fn skipped_fields_travel_in_the_subject_only() {
    let reading = Reading { tenant: "acme".to_owned(), sensor: 3, degrees: 21.5 };
    assert_eq!(payload(&reading), r#"{"degrees":21.5}"#);
    assert_eq!(crate::round_trip(&reading), reading);
}

#[derive(Debug, PartialEq, Serialize, Deserialize, Subject)]
#[subject("{type}.{self_}.{reader}.{out}.{subject}.{payload}.{message}.{value_0}.{orderId}")]
#[expect(non_snake_case, reason = "a field may be called anything")]
struct Awkward {
    r#type: u8,
    self_: u8,
    reader: u8,
    out: u8,
    subject: u8,
    payload: u8,
    message: u8,
    value_0: u8,
    orderId: u8,
}

#[test]
fn fields_may_have_the_names_that_the_generated_code_uses() {
    let awkward = Awkward {
        r#type: 1,
        self_: 2,
        reader: 3,
        out: 4,
        subject: 5,
        payload: 6,
        message: 7,
        value_0: 8,
        orderId: 9,
    };
    assert_eq!(Subject::subject(&awkward).unwrap(), "1.2.3.4.5.6.7.8.9");
    assert_eq!(crate::round_trip(&awkward), awkward);
}

#[derive(Debug, PartialEq, Serialize, Deserialize, Subject)]
#[subject("{first}")]
struct Single {
    first: char,
}

#[test]
fn a_template_may_be_one_placeholder() {
    assert_eq!(Single::FILTERS, ["*"]);
    assert_eq!(Single { first: 'é' }.subject().unwrap(), "é");
    assert_eq!(crate::round_trip(&Single { first: 'é' }), Single { first: 'é' });
    assert!(Single { first: '.' }.subject().is_err());
}
