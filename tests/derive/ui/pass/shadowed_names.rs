//! The generated code means the same where the user's names are those of the standard library.

#[allow(dead_code)]
mod shadowed {
    pub struct Option;
    pub struct Result;
    pub struct String;
    pub struct Self_;
    pub enum Outcome {
        Ok,
        Err,
        Some,
        None,
    }
    pub use self::Outcome::*;
    pub mod core {}
    pub mod std {}
    pub mod natsws {}
    pub struct Json;
    pub trait Encoder {}
    pub trait Decoder {}
    pub trait Request {}

    #[derive(::natsws::Subject, ::serde::Serialize, ::serde::Deserialize)]
    #[subject("a.{id}", reply = u8, codec = Json, queue = "q")]
    pub struct Message {
        pub id: u64,
    }
}

mod bare {
    #![no_implicit_prelude]

    #[derive(::natsws::Subject)]
    #[subject("a.{id}")]
    pub struct Message {
        pub id: u64,
    }
}

fn main() {
    use natsws::{DecodeMessage, EncodeMessage, Subject};

    let message = shadowed::Message { id: 7 };
    assert_eq!(message.subject().unwrap(), "a.7");
    let mut payload = natsws::bytes::BytesMut::new();
    message.encode(&mut payload).unwrap();
    assert_eq!(shadowed::Message::decode(natsws::codec::Encoded::new("a.8", &payload)).unwrap().id, 8);
    assert_eq!(bare::Message { id: 9 }.subject().unwrap(), "a.9");
}
