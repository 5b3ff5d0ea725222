use futures_util::{Stream, stream};
use natsws::bytes::BytesMut;
use natsws::codec::{ContentType, Decoder, Encoded, Encoder, Json};
use natsws::{CodecError, Subject};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{IntoApp, Response, Router};

/// JSON under another name.
struct Packed;

impl ContentType for Packed {
    const CONTENT_TYPE: &'static str = "application/x-packed";
    const CONTENT_ENCODING: Option<&'static str> = Some("deflate");
}

impl<T: Serialize> Encoder<T> for Packed {
    fn encode(value: &T, out: &mut BytesMut) -> Result<(), CodecError> {
        Json::encode(value, out)
    }
}

impl<'m, T: Deserialize<'m>> Decoder<'m, T> for Packed {
    fn decode(message: Encoded<'m>) -> Result<T, CodecError> {
        Json::decode(message)
    }
}

/// Asks for an order.
#[derive(Serialize, Deserialize, JsonSchema, Subject)]
#[subject("orders.{id}.get", reply = Order, error = NoOrder, codec = Packed, queue = "orders")]
struct GetOrder {
    /// The number of the order.
    id: u64,
    #[serde(default)]
    with: Option<Part>,
}

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
struct Order {
    lines: Page<Line>,
    state: State,
}

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
struct Page<T> {
    of: Vec<T>,
}

/// Read and written in different ways.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
struct Line {
    #[serde(default)]
    text: String,
}

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind")]
enum State {
    Open,
    Closed { on: String },
    Part(Part),
}

/// Has itself in it.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
struct Part {
    parts: Vec<Self>,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema, thiserror::Error)]
#[error("no order")]
struct NoOrder;

async fn get_order(_: GetOrder) -> Result<Order, NoOrder> {
    Err(NoOrder)
}

mod other {
    use super::{Deserialize, JsonSchema, Line, Serialize};

    /// Of the same name as another.
    #[derive(Serialize, Deserialize, JsonSchema)]
    pub(super) struct Order {
        pub(super) line: Line,
        pub(super) pair: (u8, bool),
    }
}

#[derive(Serialize, Deserialize, JsonSchema, Subject)]
#[subject("orders.{region}.put.{path..}", reply = ())]
#[schemars(rename = "Put<Order>")]
struct Put {
    #[serde(skip)]
    region: String,
    path: Vec<String>,
    order: other::Order,
    orders: Vec<Order>,
}

async fn put(_: Put) {}

#[derive(Serialize, Deserialize, JsonSchema, Subject)]
#[subject("orders.watch", reply = u64, reply_codec = Text)]
struct Watch;

async fn watch(_: Watch) -> Result<impl Stream<Item = u64>, natsws::ServiceError> {
    Ok(stream::empty())
}

/// A router with everything that a document tells of.
fn everything() -> Router {
    Router::new("orders", "1.0.0")
        .description("What was ordered.")
        .endpoint_with(get_order, |endpoint| endpoint.schema().error_schema())
        .endpoint_with(watch, |endpoint| endpoint.schema().no_queue())
        .group("eu.{region}", |eu| {
            eu.queue("eu").endpoint_with(put, |endpoint| {
                endpoint.schema().metadata("description", "Adds orders.")
            })
        })
        .raw("admin.*.>", async || "?")
        .raw_with(
            "desk.{verb}",
            async || "1",
            |endpoint| endpoint.name("desk").payload_schema::<Vec<Part>>().reply_schema::<bool>(),
        )
        .fallback(">", async || Response::new(""))
}

fn document() -> Value {
    everything().asyncapi().into_json()
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

#[test]
fn the_service_says_what_it_is() {
    let document = document();
    assert_eq!(document["asyncapi"], "3.0.0");
    let info = json!({ "title": "orders", "version": "1.0.0", "description": "What was ordered." });
    assert_eq!(document["info"], info);
    let plain: Router = Router::new("desk", "1.0.0");
    assert_eq!(plain.asyncapi().as_json()["info"], json!({ "title": "desk", "version": "1.0.0" }));
}

#[test]
fn an_endpoint_is_a_channel_with_parameters() {
    let channels = &document()["channels"];
    let get = &channels["orders-id-get"];
    assert_eq!(get["address"], "orders.{id}.get");
    assert_eq!(
        get["parameters"],
        json!({ "id": {
            "description": "The number of the order.\n\nOne token of the subject.",
            "location": "$message.payload#/id",
        } })
    );
    let request = json!({
        "name": "GetOrder",
        "contentType": "application/x-packed",
        "payload": reference("GetOrder"),
        "traits": [{ "$ref": "#/components/messageTraits/request" }],
    });
    assert_eq!(get["messages"], json!({ "request": request }));
    assert_eq!(channels["orders-watch"]["parameters"], Value::Null);
}

#[test]
fn groups_put_parameters_before_and_tails_are_explained() {
    let channel = &document()["channels"]["eu-region-orders-region-put-path"];
    assert_eq!(channel["address"], "eu.{region}.orders.{region2}.put.{path}");
    assert_eq!(channel["description"], "All subjects that `eu.*.orders.*.put.>` matches.");
    assert_eq!(
        channel["parameters"],
        json!({
            "region": { "description": "One token of the subject." },
            // The field is skipped, so it is in no payload.
            "region2": { "description": "One token of the subject." },
            // The payload has a list, so its place is not said.
            "path": {
                "description": "One or more tokens of the subject, with dots between them.",
            },
        })
    );
}

#[test]
fn replies_and_errors_come_to_an_inbox() {
    let channels = &document()["channels"];
    let get = &channels["orders-id-get.reply"];
    assert_eq!(get["address"], Value::Null);
    let packed = json!({
        "type": "object",
        "properties": { "Content-Encoding": { "type": "string", "const": "deflate" } },
    });
    assert_eq!(
        get["messages"],
        json!({
            "reply": {
                "name": "Order",
                "contentType": "application/x-packed",
                "payload": reference("OrderReply"),
                "headers": packed,
            },
            "error": {
                "name": "NoOrder",
                "description": "The error that the request declares. Errors of the service itself, \
                                as 400 and 503, have an empty payload.",
                "contentType": "application/x-packed",
                "payload": reference("NoOrder"),
                "headers": packed,
                "traits": [{ "$ref": "#/components/messageTraits/error" }],
            },
        })
    );
    let inbox = "The subject that the caller waits on, which its request names.";
    assert_eq!(get["description"], inbox);
    let watch = &channels["orders-watch.reply"];
    assert_eq!(
        watch["description"],
        format!(
            "{inbox} There are any number of replies, and behind the last one an empty message \
             without `Content-Type`."
        )
    );
    assert_eq!(watch["messages"]["reply"]["contentType"], "text/plain");
}

#[test]
fn an_operation_receives_and_replies() {
    let operations = &document()["operations"];
    assert_eq!(
        operations["eu-region-orders-region-put-path"],
        json!({
            "action": "receive",
            "description": "Adds orders.",
            "channel": { "$ref": "#/channels/eu-region-orders-region-put-path" },
            "messages": [
                { "$ref": "#/channels/eu-region-orders-region-put-path/messages/request" },
            ],
            "reply": {
                "channel": { "$ref": "#/channels/eu-region-orders-region-put-path.reply" },
                "messages": [
                    { "$ref": "#/channels/eu-region-orders-region-put-path.reply/messages/reply" },
                    { "$ref": "#/channels/eu-region-orders-region-put-path.reply/messages/error" },
                ],
            },
            "bindings": { "nats": { "queue": "eu", "bindingVersion": "0.1.0" } },
        })
    );
    let queue = |name: &str| operations[name]["bindings"]["nats"]["queue"].clone();
    assert_eq!(queue("orders-id-get"), "orders");
    assert_eq!(queue("desk"), "q");
    assert_eq!(queue("all"), "q-fallback");
    assert_eq!(operations["orders-watch"]["bindings"], Value::Null);
    let fallback = "Answers what no other endpoint of the service takes.";
    assert_eq!(operations["all"]["description"], fallback);
}

#[test]
fn raw_endpoints_have_empty_payloads_unless_they_say_more() {
    let channels = &document()["channels"];
    let admin = &channels["admin-any-all"];
    assert_eq!(admin["address"], "admin.{any}.{rest}");
    assert_eq!(
        admin["messages"]["request"],
        json!({ "payload": {}, "traits": [{ "$ref": "#/components/messageTraits/request" }] })
    );
    assert_eq!(channels["admin-any-all.reply"]["messages"]["reply"], json!({ "payload": {} }));
    let desk = &channels["desk"]["messages"]["request"];
    assert_eq!(desk["payload"], json!({ "type": "array", "items": reference("Part") }));
    assert_eq!(desk["contentType"], "application/json");
    let reply = &channels["desk.reply"]["messages"]["reply"];
    assert_eq!(reply["payload"], json!({ "type": "boolean" }));
}

#[test]
fn types_are_defined_once_whatever_they_are_called() {
    let document = document();
    let schemas = &document["components"]["schemas"];
    let names: Vec<_> = schemas.as_object().into_iter().flat_map(|map| map.keys()).collect();
    assert_eq!(
        names,
        [
            "GetOrder",
            "Line",
            "LineReply",
            "NoOrder",
            "Order",
            "Order2",
            "OrderReply",
            "Page",
            "PageReply",
            "Part",
            "Put_Order_",
            "State",
            "Watch",
        ]
    );
    let part = json!({
        "description": "Has itself in it.",
        "type": "object",
        "properties": { "parts": { "type": "array", "items": reference("Part") } },
        "required": ["parts"],
    });
    assert_eq!(schemas["Part"], part, "it is read as it is written, and recursive");
    let put = &schemas["Put_Order_"]["properties"];
    assert_eq!(put["order"], reference("Order"));
    assert_eq!(put["orders"]["items"], reference("Order2"), "of another module");
    assert_eq!(put["region"], Value::Null, "serde skips it");
    assert_eq!(schemas["Order"]["properties"]["line"], reference("Line"));
    assert_eq!(schemas["Line"]["required"], Value::Null);
    assert_eq!(schemas["LineReply"]["required"], json!(["text"]));
    assert_eq!(schemas["OrderReply"]["properties"]["lines"], reference("PageReply"));
    let items = &schemas["PageReply"]["properties"]["of"]["items"];
    assert_eq!(*items, reference("LineReply"));
    let pair = &schemas["Order"]["properties"]["pair"]["items"];
    assert_eq!(pair[1], json!({ "type": "boolean" }), "a tuple as draft 7 has it");
}

#[test]
fn every_reference_leads_somewhere() {
    fn each(value: &Value, document: &Value, found: &mut usize) {
        if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
            let pointer = reference.strip_prefix('#').expect("it is within the document");
            assert!(document.pointer(pointer).is_some(), "{reference}");
            *found += 1;
        }
        let values = value.as_object().into_iter().flat_map(|map| map.values());
        values
            .chain(value.as_array().into_iter().flatten())
            .for_each(|value| each(value, document, found));
    }
    let (document, mut found) = (document(), 0);
    each(&document, &document, &mut found);
    assert_eq!(found, 60);
}

#[test]
fn headers_are_those_of_typed_requests_and_of_errors() {
    let traits = &document()["components"]["messageTraits"];
    let names = |of: &str| -> Vec<String> {
        let properties = traits[of]["headers"]["properties"].as_object().into_iter();
        properties.flat_map(|map| map.keys().cloned()).collect()
    };
    assert_eq!(names("request"), ["Request-Timeout", "traceparent", "tracestate"]);
    assert_eq!(traits["request"]["headers"]["required"], Value::Null);
    assert_eq!(names("error"), ["Nats-Service-Error", "Nats-Service-Error-Code"]);
    assert_eq!(traits["error"]["headers"]["required"], json!(names("error")));
}

#[test]
fn routers_and_apps_say_the_same_every_time() {
    let text = everything().asyncapi().to_string();
    assert_eq!(everything().asyncapi().to_string(), text);
    let app = everything().into_app();
    assert_eq!(app.check().map_err(|error| error.to_string()), Ok(()));
    assert_eq!(app.asyncapi().to_string(), text);
    let json = serde_json::to_value(app.asyncapi()).expect("it is JSON");
    assert_eq!(json, app.asyncapi().into_json());
    assert_eq!(serde_json::from_str::<Value>(&text).expect("it is JSON"), json);
}
