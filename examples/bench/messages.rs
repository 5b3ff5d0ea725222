//! What is sent with `--typed`: the same message in two codecs.

use std::time::Duration;

use bytes::Bytes;
use natsws::{DecodeOwned, Request, Subject};
use natsws_service::{App, Router};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tower::limit::ConcurrencyLimitLayer;
use tower::load_shed::LoadShedLayer;
use tower::timeout::TimeoutLayer;

use crate::Done;
use crate::args::Layer;

/// Sent as JSON.
#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("natsws.bench.{run}.{lane}", reply = Answer, queue = "bench")]
pub(crate) struct AsJson {
    run: u64,
    lane: u32,
    id: u64,
    text: String,
}

/// Sent as MessagePack.
#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("natsws.bench.{run}.{lane}", codec = MsgPack, reply = Answer, queue = "bench")]
pub(crate) struct AsMsgPack {
    run: u64,
    lane: u32,
    id: u64,
    text: String,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Answer {
    pub(crate) id: u64,
    pub(crate) text: String,
}

/// A message, and how one would encode it by hand.
pub(crate) trait Sample:
    Request<Reply = Answer, Error: 'static>
    + DecodeOwned
    + Serialize
    + DeserializeOwned
    + Send
    + Sync
    + 'static
{
    const CONTENT_TYPE: &'static str;

    fn new(run: u64, lane: u32, size: usize) -> Self;
    fn set_id(&mut self, id: u64);
    /// The run that it belongs to, and its number there.
    fn place(&self) -> (u64, u64);
    fn answer(self) -> Answer;
    /// A service that answers it.
    fn app(layers: &[Layer]) -> App;
    fn encode_by_hand(value: &impl Serialize) -> Done<Bytes>;
    fn decode_by_hand<T: DeserializeOwned>(payload: &[u8]) -> Done<T>;
}

macro_rules! sample {
    ($name:ident, $content_type:literal, $encode:expr, $decode:expr) => {
        impl Sample for $name {
            const CONTENT_TYPE: &'static str = $content_type;

            fn new(run: u64, lane: u32, size: usize) -> Self {
                Self { run, lane, id: 0, text: "x".repeat(size) }
            }

            fn set_id(&mut self, id: u64) {
                self.id = id;
            }

            fn place(&self) -> (u64, u64) {
                (self.run, self.id)
            }

            fn answer(self) -> Answer {
                Answer { id: self.id, text: self.text }
            }

            fn app(layers: &[Layer]) -> App {
                async fn answer(ask: $name) -> Answer {
                    ask.answer()
                }
                layered(Router::new("bench", "1.0.0").endpoint(answer), layers)
            }

            fn encode_by_hand(value: &impl Serialize) -> Done<Bytes> {
                Ok($encode(value)?.into())
            }

            fn decode_by_hand<T: DeserializeOwned>(payload: &[u8]) -> Done<T> {
                Ok($decode(payload)?)
            }
        }
    };
}

sample!(AsJson, "application/json", serde_json::to_vec, serde_json::from_slice);
sample!(AsMsgPack, "application/msgpack", rmp_serde::to_vec_named, rmp_serde::from_slice);

fn layered(mut router: Router<()>, layers: &[Layer]) -> App {
    for layer in layers {
        router = match layer {
            Layer::Timeout => router.layer(TimeoutLayer::new(Duration::from_secs(10))),
            Layer::Limit => router.layer(ConcurrencyLimitLayer::new(4096)),
            Layer::LoadShed => router.layer(LoadShedLayer::new()),
        };
    }
    router.with_state(())
}
