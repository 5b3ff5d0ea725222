use std::any::TypeId;

use natsws::bytes::BytesMut;
use natsws::codec::{AsIs, Encoded, Encoder, ErrorCodec, Json, MsgPack, Text};
use natsws::{Request, ServiceError, Subject};
use serde::{Deserialize, Serialize};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Order {
    total: u64,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
enum OrderError {
    #[error("no order {0}")]
    NotFound(u64),
}

/// What a request declares, in the order of the trait.
fn declared<R>() -> [TypeId; 4]
where
    R: Request<Reply: 'static, ReplyCodec: 'static, ErrorCodec: 'static>,
{
    [
        TypeId::of::<R::Reply>(),
        TypeId::of::<R::Error>(),
        TypeId::of::<R::ReplyCodec>(),
        TypeId::of::<R::ErrorCodec>(),
    ]
}

fn types<A: 'static, B: 'static, C: 'static, D: 'static>() -> [TypeId; 4] {
    [TypeId::of::<A>(), TypeId::of::<B>(), TypeId::of::<C>(), TypeId::of::<D>()]
}

#[derive(Serialize, Subject)]
#[subject("orders.{id}.get", reply = Order)]
struct Plain {
    id: u64,
}

#[derive(Serialize, Subject)]
#[subject("orders.{id}.get", codec = MsgPack, reply = Order)]
struct Packed {
    id: u64,
}

#[derive(Serialize, Subject)]
#[subject("orders.{id}.get", codec = MsgPack, reply = Order, error = OrderError)]
struct PackedError {
    id: u64,
}

#[derive(Serialize, Subject)]
#[subject(
    "orders.{id}.get",
    codec = MsgPack,
    reply = u64,
    reply_codec = Text,
    error = OrderError,
    error_codec = Json
)]
struct Mixed {
    id: u64,
}

#[derive(Serialize, Subject)]
#[subject("orders.{id}.get", reply = Order, reply_codec = MsgPack, error = OrderError)]
struct ReplyPacked {
    id: u64,
}

#[derive(Serialize, Subject)]
#[subject("orders.{id}.get", reply = Order, error = ServiceError, error_codec = AsIs)]
struct Spelled {
    id: u64,
}

#[test]
fn what_is_not_declared_follows_from_what_is() {
    assert_eq!(declared::<Plain>(), types::<Order, ServiceError, Json, AsIs>());
    assert_eq!(declared::<Packed>(), types::<Order, ServiceError, MsgPack, AsIs>());
    assert_eq!(declared::<PackedError>(), types::<Order, OrderError, MsgPack, MsgPack>());
    assert_eq!(declared::<ReplyPacked>(), types::<Order, OrderError, MsgPack, MsgPack>());
    assert_eq!(declared::<Mixed>(), types::<u64, OrderError, Text, Json>());
    assert_eq!(declared::<Spelled>(), types::<Order, ServiceError, Json, AsIs>());
}

#[test]
fn replies_and_errors_travel_by_the_declared_codecs() {
    let mut reply = BytesMut::new();
    <Mixed as Request>::ReplyCodec::encode(&7, &mut reply).unwrap();
    assert_eq!(&reply[..], b"7");
    let read: u64 = Encoded::new("", "8").decode_as::<<Mixed as Request>::ReplyCodec, _>().unwrap();
    assert_eq!(read, 8);

    let error = OrderError::NotFound(7);
    let code = Mixed::error_code(&error);
    let sent = <Mixed as Request>::ErrorCodec::encode_error(&error, code);
    assert_eq!((sent.code(), sent.description()), (500, "no order 7"));
    assert_eq!(sent.body(), r#"{"NotFound":7}"#);
    assert_eq!(<Mixed as Request>::ErrorCodec::decode_error(sent), Ok(error));
}

impl OrderError {
    fn code(&self) -> u16 {
        let Self::NotFound(_) = self;
        404
    }
}

#[derive(Serialize, Subject)]
#[subject(
    "orders.{id}.get",
    reply = Order,
    error = OrderError,
    error_code = OrderError::code,
    idempotent
)]
struct Coded {
    id: u64,
}

#[test]
fn a_request_says_the_codes_of_its_errors_and_whether_it_may_be_sent_twice() {
    assert_eq!(Coded::error_code(&OrderError::NotFound(7)), 404);
    const { assert!(Coded::IDEMPOTENT && !Plain::IDEMPOTENT) };
    assert_eq!(Coded { id: 7 }.subject().unwrap(), "orders.7.get");
}

#[derive(Serialize, Subject)]
#[subject("find.{kind}", reply = Vec<T>)]
struct Find<'a, T> {
    kind: &'a str,
    example: T,
}

#[test]
fn a_reply_may_name_a_parameter() {
    assert_eq!(declared::<Find<'_, u8>>(), types::<Vec<u8>, ServiceError, Json, AsIs>());
    assert_eq!(Find { kind: "odd", example: 3 }.subject().unwrap(), "find.odd");
}

#[derive(Serialize, Deserialize, Subject)]
#[subject("echo", reply = Self)]
struct Echo;

#[test]
fn a_reply_may_be_the_type_itself() {
    assert_eq!(declared::<Echo>(), types::<Echo, ServiceError, Json, AsIs>());
}
