//! Describes a service as an AsyncAPI 3.0.0 document, with the schemas of its types.
//!
//! `cargo run --example asyncapi` prints the document. Nothing is connected: the router knows all of
//! it. A build script or a test can write it where a catalogue or a code generator reads it.
//!
//! What is printed was checked with the official parser, `@asyncapi/parser` 3.6.6, which finds no
//! errors. With the document in `orders.json`, in an empty directory:
//! ```sh
//! npm install @asyncapi/parser@3.6.6
//! node --input-type=module --eval '
//!   import { readFileSync } from "node:fs";
//!   import { Parser } from "@asyncapi/parser";
//!   const { document, diagnostics } = await new Parser().parse(readFileSync("orders.json", "utf8"));
//!   console.log(document ? "valid" : "invalid", diagnostics);'
//! ```

use std::error::Error;
use std::io::{self, Write};

use futures_util::{Stream, stream};
use natsws::Subject;
use natsws_service::{Endpoint, Router};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Asks for an order.
#[derive(Debug, Serialize, Deserialize, JsonSchema, Subject)]
#[subject("orders.{id}.get", reply = Order, error = OrderError, queue = "orders")]
struct GetOrder {
    /// The number of the order.
    id: u64,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Order {
    state: State,
    /// What was ordered, in the order in which it was.
    lines: Vec<Line>,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
enum State {
    Open,
    Shipped,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Line {
    article: String,
    pieces: u32,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema, thiserror::Error)]
enum OrderError {
    #[error("there is no order {0}")]
    NotFound(u64),
}

/// Asks for all lines of all orders of a customer.
#[derive(Debug, Serialize, Deserialize, JsonSchema, Subject)]
#[subject("customers.{name}.lines", reply = Line)]
struct ListLines {
    name: String,
}

async fn get_order(ask: GetOrder) -> Result<Order, OrderError> {
    Err(OrderError::NotFound(ask.id))
}

async fn list_lines(_: ListLines) -> impl Stream<Item = Line> {
    stream::empty()
}

fn main() -> Result<(), Box<dyn Error>> {
    let router: Router = Router::new("orders", "1.0.0")
        .description("Knows what was ordered.")
        .endpoint_with(get_order, |endpoint| {
            endpoint.schema().error_schema().metadata("description", "Gives an order.")
        })
        .endpoint_with(list_lines, Endpoint::schema)
        .group("admin", |admin| {
            // Its payloads are described; those of what is not are `{}`.
            admin.queue("admins").raw_with(
                "logs.{file..}",
                async || "[]",
                Endpoint::reply_schema::<Vec<String>>,
            )
        });
    writeln!(io::stdout().lock(), "{}", router.asyncapi())?;
    Ok(())
}
