use natsws::Subject;
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize, thiserror::Error)]
#[error("no")]
struct OrderError;

impl OrderError {
    fn code(self) -> u32 {
        404
    }
}

#[derive(Serialize, Subject)]
#[subject("orders.{id}.get", reply = u64, error = OrderError, error_code = OrderError::code)]
struct GetOrder {
    id: u64,
}

fn main() {}
