//! What payloads look like: JSON Schemas that an endpoint's types give.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use natsws::codec::ContentType;
use natsws::{EncodeMessage, Request};
use schemars::generate::{Contract, SchemaSettings};
use schemars::{JsonSchema, Schema, SchemaGenerator};

use crate::discovery::ServiceInfo;
use crate::endpoint::{Endpoint, Untyped};

/// What a raw endpoint's schema says of payloads of which nothing else is known.
const JSON: &str = "application/json";

const REQUEST: &str = "request_schema";
const REPLY: &str = "response_schema";
const ERROR: &str = "error_schema";
/// The content type of the request.
const FORMAT: &str = "format";

/// The longest schema that is told of in `INFO`, in bytes.
const LONGEST: usize = 16 * 1024;

/// How one kind of payload looks, from a type that is no longer known.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) content_type: Option<&'static str>,
    pub(crate) content_encoding: Option<&'static str>,
    pub(crate) name: fn() -> Cow<'static, str>,
    /// As a part of a document, which has the definitions.
    pub(crate) part: fn(&mut SchemaGenerator) -> Schema,
    /// By itself.
    whole: fn(SchemaGenerator) -> Schema,
}

impl Shape {
    fn of<T: JsonSchema>(content_type: Option<&'static str>) -> Self {
        Self {
            content_type,
            content_encoding: None,
            name: T::schema_name,
            part: SchemaGenerator::subschema_for::<T>,
            whole: SchemaGenerator::into_root_schema_for::<T>,
        }
    }

    fn encoded<C: ContentType, T: JsonSchema>() -> Self {
        Self { content_encoding: C::CONTENT_ENCODING, ..Self::of::<T>(Some(C::CONTENT_TYPE)) }
    }

    /// The schema by itself. A request is described as it is read, a reply as it is written.
    pub(crate) fn schema(&self, contract: Contract) -> Schema {
        let settings = SchemaSettings::draft2020_12().with(|settings| settings.contract = contract);
        (self.whole)(settings.into_generator())
    }
}

/// What is known of an endpoint's payloads.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Schemas {
    pub(crate) request: Option<Shape>,
    pub(crate) reply: Option<Shape>,
    pub(crate) error: Option<Shape>,
    pub(crate) is_stream: bool,
}

impl Schemas {
    /// Adds what is told in `INFO`. What the user has said under the same keys stays.
    pub(crate) fn added_to(
        &self,
        mut metadata: BTreeMap<String, String>,
    ) -> BTreeMap<String, String> {
        let shapes = [
            (REQUEST, self.request, Contract::Deserialize),
            (REPLY, self.reply, Contract::Serialize),
            (ERROR, self.error, Contract::Serialize),
        ];
        for (key, shape, contract) in shapes {
            let Some(shape) = shape else { continue };
            let schema = shape.schema(contract).to_value().to_string();
            if schema.len() <= LONGEST {
                metadata.entry(key.to_owned()).or_insert(schema);
            }
        }
        if let Some(format) = self.request.and_then(|shape| shape.content_type) {
            metadata.entry(FORMAT.to_owned()).or_insert_with(|| format.to_owned());
        }
        metadata
    }
}

/// What is left to say where it does not fit into a message with the schemas.
pub(crate) fn without_schemas(mut info: ServiceInfo) -> ServiceInfo {
    for endpoint in &mut info.endpoints {
        endpoint.metadata.retain(|key, _| ![REQUEST, REPLY, ERROR].contains(&key.as_str()));
    }
    info
}

impl<S, M: Request> Endpoint<S, M> {
    /// Describes request and reply by the JSON Schemas of their types: to who asks for the
    /// service's `INFO`, and in [`Router::asyncapi`](crate::Router::asyncapi). Needs the feature
    /// `schema`, and `#[derive(schemars::JsonSchema)]` on both types.
    ///
    /// ```
    /// use natsws::Subject;
    /// use natsws_service::{Endpoint, Router, serve};
    /// use schemars::JsonSchema;
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Serialize, Deserialize, JsonSchema, Subject)]
    /// #[subject("orders.{id}.total", reply = f64)]
    /// struct Total { id: u64 }
    ///
    /// async fn total(ask: Total) -> f64 {
    ///     ask.id as f64 * 9.5
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let client = natsws::embedded::Broker::start().await?.connect().await?;
    /// let router: Router =
    ///     Router::new("orders", "1.0.0").endpoint_with(total, Endpoint::schema);
    /// let service = serve(client, router).start().await?;
    ///
    /// let metadata = &service.info().endpoints[0].metadata;
    /// assert!(metadata["request_schema"].contains(r#""properties":{"id":{"#));
    /// assert!(metadata["response_schema"].contains(r#""type":"number""#));
    /// assert_eq!(metadata["format"], "application/json");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// ADR-32 leaves it open where schemas are told. They stand in the endpoint's metadata, where
    /// services of other clients have them too: `request_schema` and `response_schema` are JSON
    /// Schemas (draft 2020-12) without line breaks, and `format` is the content type of the request.
    /// `nats micro info` shows them. What [`metadata`](Self::metadata) says under these keys stays.
    ///
    /// A schema of more than 16 KiB is left out of the metadata, and where the whole of the `INFO`
    /// is larger than the server's `max_payload` (1 MiB unless it was changed), all schemas are left
    /// out of that. The document of [`Router::asyncapi`](crate::Router::asyncapi) has them all.
    ///
    /// A request is described as it is read, a reply as it is written: they differ where serde does
    /// something in one direction only, as with `#[serde(default)]`. Fields that a placeholder names
    /// are part of the request's schema, unless serde skips them.
    pub fn schema(mut self) -> Self
    where
        M: JsonSchema,
        M::Reply: JsonSchema,
    {
        self.plan.schemas.request = Some(Shape::of::<M>(M::PAYLOAD_CONTENT_TYPE));
        self.plan.schemas.reply = Some(Shape::encoded::<M::ReplyCodec, M::Reply>());
        self
    }

    /// Describes the error that the request declares, as [`schema`](Self::schema) does the reply: in
    /// the metadata's `error_schema`, and as the payload of error replies. Needs the feature
    /// `schema`.
    pub fn error_schema(mut self) -> Self
    where
        M::Error: JsonSchema,
        M::ErrorCodec: ContentType,
    {
        self.plan.schemas.error = Some(Shape::encoded::<M::ErrorCodec, M::Error>());
        self
    }
}

impl<S> Endpoint<S, Untyped> {
    /// Describes the payloads that the endpoint takes by the JSON Schema of a type, which they are
    /// the JSON of. It is told as with a typed request's [`schema`](Self::schema). Needs the feature
    /// `schema`.
    ///
    /// It is a description alone: nothing is checked.
    ///
    /// ```
    /// use natsws_service::Router;
    ///
    /// let router: Router = Router::new("desk", "1.0.0").raw_with(
    ///     "desk.sum",
    ///     async || "10",
    ///     |endpoint| endpoint.payload_schema::<Vec<u32>>().reply_schema::<u32>(),
    /// );
    /// let document = router.asyncapi().into_json();
    /// let message = &document["channels"]["desk-sum"]["messages"]["request"];
    /// assert_eq!(message["payload"]["type"], "array");
    /// ```
    pub fn payload_schema<T: JsonSchema>(mut self) -> Self {
        self.plan.schemas.request = Some(Shape::of::<T>(Some(JSON)));
        self
    }

    /// Describes the endpoint's replies by the JSON Schema of a type, which they are the JSON of.
    /// Needs the feature `schema`.
    pub fn reply_schema<T: JsonSchema>(mut self) -> Self {
        self.plan.schemas.reply = Some(Shape::of::<T>(Some(JSON)));
        self
    }
}

impl<S, M: EncodeMessage + JsonSchema> Endpoint<S, M> {
    /// Describes an event by the JSON Schema of its type, as [`schema`](Self::schema) does a request.
    /// Needs the feature `schema`.
    ///
    /// A family of events has one schema for all of its variants.
    pub fn event_schema(mut self) -> Self {
        self.plan.schemas.request = Some(Shape::of::<M>(M::PAYLOAD_CONTENT_TYPE));
        self
    }
}

impl<S, M> Endpoint<S, M> {
    /// Says whether its handler answers with a stream.
    pub(crate) fn streamed(mut self, is_stream: bool) -> Self {
        self.plan.schemas.is_stream = is_stream;
        self
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Shape").field(&(self.name)()).finish()
    }
}
