//! What is said: each message once, for the side that sends it and the side that receives it, whether
//! that runs on a server or in a browser.

use natsws::Subject;
use serde::{Deserialize, Serialize};

/// Something that happened. The region stands in the subject, the rest in the payload.
#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("quickstart.orders.{region}.created")]
pub struct OrderCreated {
    /// Where it was ordered.
    pub region: String,
    /// The number of the order.
    pub id: u64,
    /// What it costs.
    pub total: f64,
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
pub struct GetOrder {
    /// The number of the order.
    pub id: u64,
}

/// The answer to [`GetOrder`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// The number of the order.
    pub id: u64,
    /// What it costs.
    pub total: f64,
    /// Which replica of the service knew.
    pub answered_by: String,
}

/// What the service of [`GetOrder`] may say instead.
#[derive(Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
pub enum OrderError {
    /// Nobody has ordered that.
    #[error("there is no order {id}")]
    NotFound {
        /// The number that was asked for.
        id: u64,
    },
}

/// A question that nobody answers.
#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("quickstart.weather.get", reply = String)]
pub struct GetWeather;

/// A question whose service thinks for too long.
#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("quickstart.meaning.get", reply = u64)]
pub struct GetMeaning;
