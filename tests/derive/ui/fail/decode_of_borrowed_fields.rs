use natsws::{DecodeOwned, Subject};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Subject)]
#[subject("logs.{level}")]
struct Log<'a> {
    level: &'a str,
}

fn subscribe<M: DecodeOwned>() {}

fn main() {
    subscribe::<Log<'static>>();
}
