//! The document itself.

use natsws::{
    ERROR_CODE_HEADER, ERROR_HEADER, TIMEOUT_HEADER, TRACEPARENT_HEADER, TRACESTATE_HEADER,
};
use schemars::generate::Contract;
use serde_json::{Map, Value, json};

use super::address::{Address, Parameter};
use super::definitions::Definitions;
use super::names::Names;
use crate::app::About;
use crate::pattern::Pattern;
use crate::registry::Description;
use crate::schema::{Schemas, Shape};

/// One endpoint, as far as a document tells of it.
#[derive(Debug)]
pub(super) struct Outline<'a> {
    pub(super) description: Description,
    pub(super) pattern: &'a Pattern,
    pub(super) prefix_tokens: usize,
    pub(super) schemas: &'a Schemas,
}

const TOKEN: &str = "One token of the subject.";
const TAIL: &str = "One or more tokens of the subject, with dots between them.";
const INBOX: &str = "The subject that the caller waits on, which its request names.";
const STREAM: &str = "There are any number of replies, and behind the last one an empty message \
                      without `Content-Type`.";
const ERROR: &str = "The error that the request declares. Errors of the service itself, as 400 and \
                     503, have an empty payload.";
const FALLBACK: &str = "Answers what no other endpoint of the service takes.";

pub(super) fn of(about: &About, outlines: &[Outline<'_>]) -> Value {
    let mut definitions = Definitions::of(outlines.iter().map(|outline| outline.schemas));
    let (mut channels, mut operations) = (Map::new(), Map::new());
    let mut names = Names::default();
    for outline in outlines {
        let name = names.take(&outline.description.name);
        let inbox = format!("{name}.reply");
        channels.insert(name.clone(), channel(outline, &mut definitions));
        let mut operation = operation(outline, &name);
        if !outline.description.is_event {
            operation["reply"] = reply(&inbox);
            channels.insert(inbox, replies(outline, &mut definitions));
        }
        operations.insert(name, operation);
    }
    let mut info = json!({ "title": about.name, "version": about.version });
    if !about.description.is_empty() {
        info["description"] = json!(about.description);
    }
    json!({
        "asyncapi": "3.0.0",
        "info": info,
        "channels": channels,
        "operations": operations,
        "components": {
            "schemas": definitions.schemas,
            "messageTraits": { "request": request_headers(), "error": error_headers() },
        },
    })
}

/// Where requests come.
fn channel(outline: &Outline<'_>, definitions: &mut Definitions) -> Value {
    let shape = outline.schemas.request.as_ref();
    let payload = shape.map(|shape| definitions.request(shape));
    let mut request = message(shape, payload);
    request["traits"] = json!([{ "$ref": "#/components/messageTraits/request" }]);
    let address = Address::new(&outline.pattern.template, outline.prefix_tokens);
    let mut channel = json!({ "address": address.text, "messages": { "request": request } });
    if address.parameters.iter().any(|parameter| parameter.is_tail) {
        let filter = &outline.pattern.filter;
        channel["description"] = json!(format!("All subjects that `{filter}` matches."));
    }
    if !address.parameters.is_empty() {
        let schema = shape.map(|shape| shape.schema(Contract::Deserialize).to_value());
        let fields = schema.as_ref().and_then(|schema| schema.get("properties"));
        let parameters = address.parameters.iter();
        let parameters = parameters.map(|each| (each.name.clone(), parameter(each, fields)));
        channel["parameters"] = Value::Object(parameters.collect());
    }
    channel
}

/// What a placeholder stands for; where it is a field of the payload too, as that is described.
fn parameter(parameter: &Parameter, fields: Option<&Value>) -> Value {
    let field = parameter.field.as_ref().and_then(|field| Some((field, fields?.get(field)?)));
    let place = if parameter.is_tail { TAIL } else { TOKEN };
    let Some((name, schema)) = field else { return json!({ "description": place }) };
    let description = match schema.get("description").and_then(Value::as_str) {
        Some(description) => format!("{description}\n\n{place}"),
        None => place.to_owned(),
    };
    let mut described = json!({ "description": description });
    // The payload has a tail as a list. Names of fields need no escaping in a JSON pointer.
    if !parameter.is_tail {
        described["location"] = json!(format!("$message.payload#/{name}"));
    }
    described
}

/// Where replies go.
fn replies(outline: &Outline<'_>, definitions: &mut Definitions) -> Value {
    let Schemas { reply, error, is_stream, .. } = outline.schemas;
    let payload = reply.as_ref().map(|shape| definitions.reply(shape));
    let reply = message(reply.as_ref(), payload);
    let payload = error.as_ref().map(|shape| definitions.reply(shape));
    let declares = error.is_some();
    let mut error = message(error.as_ref(), payload);
    if declares {
        error["description"] = json!(ERROR);
    }
    error["traits"] = json!([{ "$ref": "#/components/messageTraits/error" }]);
    let description = if *is_stream { format!("{INBOX} {STREAM}") } else { INBOX.to_owned() };
    json!({
        "address": null,
        "description": description,
        "messages": { "reply": reply, "error": error },
    })
}

fn message(shape: Option<&Shape>, payload: Option<Value>) -> Value {
    let mut message = json!({ "payload": payload.unwrap_or_else(|| json!({})) });
    let Some(shape) = shape else { return message };
    message["name"] = json!((shape.name)());
    if let Some(content_type) = shape.content_type {
        message["contentType"] = json!(content_type);
    }
    if let Some(encoding) = shape.content_encoding {
        let header = json!({ "type": "string", "const": encoding });
        message["headers"] =
            json!({ "type": "object", "properties": { "Content-Encoding": header } });
    }
    message
}

fn message_of(channel: &str, message: &str) -> Value {
    json!({ "$ref": format!("#/channels/{channel}/messages/{message}") })
}

fn reply(inbox: &str) -> Value {
    json!({
        "channel": { "$ref": format!("#/channels/{inbox}") },
        "messages": [message_of(inbox, "reply"), message_of(inbox, "error")],
    })
}

fn operation(outline: &Outline<'_>, name: &str) -> Value {
    let Description { queue_group, metadata, fallback, .. } = &outline.description;
    let mut operation = json!({
        "action": "receive",
        "channel": { "$ref": format!("#/channels/{name}") },
        "messages": [message_of(name, "request")],
    });
    let fallback = fallback.then_some(FALLBACK);
    if let Some(description) = metadata.get("description").map(String::as_str).or(fallback) {
        operation["description"] = json!(description);
    }
    if let Some(queue) = queue_group {
        operation["bindings"] = json!({ "nats": { "queue": queue, "bindingVersion": "0.1.0" } });
    }
    operation
}

/// What every request may say.
fn request_headers() -> Value {
    headers(
        &[],
        &[
            (
                TIMEOUT_HEADER,
                "How long the caller waits for the reply.",
                json!({ "examples": ["1500ms"] }),
            ),
            (TRACEPARENT_HEADER, "The span that asks, as W3C Trace Context writes it.", json!({})),
            (TRACESTATE_HEADER, "What tracing systems add to that.", json!({})),
        ],
    )
}

/// What makes a reply an error (ADR-32).
fn error_headers() -> Value {
    headers(
        &[ERROR_HEADER, ERROR_CODE_HEADER],
        &[
            (ERROR_HEADER, "What went wrong, in words.", json!({})),
            (ERROR_CODE_HEADER, "What went wrong, as a number.", json!({ "pattern": "^[0-9]+$" })),
        ],
    )
}

fn headers(required: &[&str], headers: &[(&str, &str, Value)]) -> Value {
    let described = headers.iter().map(|(name, description, more)| {
        let mut header = more.clone();
        header["type"] = json!("string");
        header["description"] = json!(description);
        ((*name).to_owned(), header)
    });
    let properties: Map<_, _> = described.collect();
    let mut headers = json!({ "type": "object", "properties": properties });
    if !required.is_empty() {
        headers["required"] = json!(required);
    }
    json!({ "headers": headers })
}
