//! What is said: each message once, for the side that sends it and the side that receives it.

use natsws::Subject;
use serde::{Deserialize, Serialize};

/// Something that happened. The region stands in the subject, the rest in the payload.
#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("quickstart.orders.{region}.created")]
pub(crate) struct OrderCreated {
    pub(crate) region: String,
    pub(crate) id: u64,
    pub(crate) total: f64,
}

/// A question, with its answer and the service's own error. It travels as MessagePack.
#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject(
    "quickstart.orders.{id}.get",
    codec = MsgPack,
    reply = Order,
    error = OrderError,
    queue = "orders"
)]
pub(crate) struct GetOrder {
    pub(crate) id: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) id: u64,
    pub(crate) total: f64,
    pub(crate) answered_by: String,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
pub(crate) enum OrderError {
    #[error("there is no order {id}")]
    NotFound { id: u64 },
}

/// A question that nobody answers.
#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("quickstart.weather.get", reply = String)]
pub(crate) struct GetWeather;

/// A question whose service thinks for too long.
#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("quickstart.meaning.get", reply = u64)]
pub(crate) struct GetMeaning;
