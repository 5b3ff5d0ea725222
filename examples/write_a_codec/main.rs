//! A codec of your own: messages travel as Protocol Buffers, through `prost`.
//!
//! A codec is a type that is named and never made. Three short `impl`s are all of it: what its
//! payloads are called, how one is written, and how one is read. Then every message can say
//! `codec = Protobuf`.
//!
//! `cargo run --example write_a_codec` starts a broker in its own process.

use std::error::Error;
use std::io::{self, Write};

use natsws::bytes::BytesMut;
use natsws::codec::{ContentType, Decoder, Encoded, Encoder};
use natsws::embedded::Broker;
use natsws::{CodecError, Subject};
use prost::Message;

struct Protobuf;

impl ContentType for Protobuf {
    const CONTENT_TYPE: &'static str = "application/protobuf";
}

impl<T: Message> Encoder<T> for Protobuf {
    fn encode(value: &T, out: &mut BytesMut) -> Result<(), CodecError> {
        value.encode(out).map_err(CodecError::encode::<Self>)
    }
}

impl<T: Message + Default> Decoder<'_, T> for Protobuf {
    fn decode(message: Encoded<'_>) -> Result<T, CodecError> {
        T::decode(message.payload()).map_err(CodecError::decode::<Self>)
    }
}

/// What a sensor measured. Room and sensor stand in the subject, whatever the payload says of them.
#[derive(PartialEq, Message, Subject)]
#[subject("rooms.{room}.{sensor}.measured", codec = Protobuf)]
struct Measured {
    #[prost(string, tag = "1")]
    room: String,
    #[prost(uint32, tag = "2")]
    sensor: u32,
    #[prost(double, tag = "3")]
    degrees: f64,
    #[prost(message, optional, tag = "4")]
    battery: Option<Battery>,
}

#[derive(PartialEq, Message)]
struct Battery {
    #[prost(uint32, tag = "1")]
    percent: u32,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut out = io::stdout().lock();
    let broker = Broker::start().await?;
    let client = broker.connect().await?;
    let mut readings = client.subscribe::<Measured>().await?;

    let battery = Some(Battery { percent: 80 });
    let measured = Measured { room: "hall".to_owned(), sensor: 7, degrees: 21.5, battery };
    client.publish(&measured).await?;
    // Another program, which says in the payload only what the subject does not: 19.5 as field 3.
    let payload = b"\x19\0\0\0\0\0\x80\x33\x40";
    client.connection().publish("rooms.hall.8.measured", payload).await?;

    for _ in 0..2 {
        let Some(received) = readings.next().await else { break };
        let received = received?;
        let kind = received.headers().get("Content-Type").unwrap_or("no content type");
        let Measured { sensor, degrees, battery, .. } = &*received;
        let bytes = received.msg().payload().len();
        writeln!(out, "{}: {bytes} bytes, {kind}", received.subject())?;
        writeln!(out, "  sensor {sensor} measured {degrees} degrees")?;
        if let Some(Battery { percent }) = battery {
            writeln!(out, "  its battery is at {percent} %")?;
        }
    }
    Ok(())
}
