use std::fmt;

use natsws::{DecodeOwned, Subject};
use serde::Deserialize;

#[derive(Deserialize)]
struct Region;

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("eu")
    }
}

#[derive(Deserialize, Subject)]
#[subject("orders.{region}")]
struct Order {
    region: Region,
}

fn subscribe<M: DecodeOwned>() {}

fn main() {
    subscribe::<Order>();
}
