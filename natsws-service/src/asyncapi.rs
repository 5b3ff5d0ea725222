//! AsyncAPI documents of services.

mod address;
mod definitions;
mod document;
mod names;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::Value;

use self::document::Outline;
use crate::app::App;
use crate::endpoint::Built;
use crate::pattern::Pattern;
use crate::registry::Description;
use crate::router::Router;
use crate::schema::Schemas;

/// What a service offers, as a document of AsyncAPI 3.0.0: for code generators, catalogues, and
/// pages that people read. Made by [`Router::asyncapi`] and [`App::asyncapi`]. Needs the feature
/// `schema`.
///
/// As text, [`Display`](fmt::Display), it is JSON with line breaks; [`Serialize`] writes it to any
/// format of serde. The same service always gives the same document.
///
/// - Each endpoint is a channel of its name, and an operation that receives on it. The address is
///   the subject with its placeholders. AsyncAPI knows no wildcards, so `{rest..}` and `>` are
///   parameters, whose descriptions say that they stand for one token or more.
/// - The inbox of the caller is a channel without an address, with the replies. Every endpoint may
///   answer with an error: a message with the headers of ADR-32.
/// - What [`Endpoint::schema`](crate::Endpoint::schema) and its like describe are the payloads, as
///   JSON Schemas of draft 7, which AsyncAPI builds on. Of other endpoints the payload is `{}`.
/// - An endpoint's metadata under `description` describes the operation. Queue groups are bindings.
///
/// ```
/// use natsws::Subject;
/// use natsws_service::{Endpoint, Router};
/// use schemars::JsonSchema;
/// use serde::{Deserialize, Serialize};
///
/// /// Asks what an order comes to.
/// #[derive(Serialize, Deserialize, JsonSchema, Subject)]
/// #[subject("orders.{id}.total", reply = f64)]
/// struct Total { id: u64 }
///
/// async fn total(ask: Total) -> f64 {
///     ask.id as f64 * 9.5
/// }
///
/// let router: Router =
///     Router::new("orders", "1.0.0").endpoint_with(total, Endpoint::schema);
/// let document = router.asyncapi();
///
/// let json = document.as_json();
/// assert_eq!(json["channels"]["orders-id-total"]["address"], "orders.{id}.total");
/// assert_eq!(json["components"]["schemas"]["Total"]["required"][0], "id");
/// assert!(document.to_string().starts_with("{\n  \"asyncapi\": \"3.0.0\""));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct AsyncApi(Value);

impl AsyncApi {
    /// The document as JSON.
    pub fn as_json(&self) -> &Value {
        &self.0
    }

    /// The document as JSON, to add to: servers, a licence, what a service does not know of itself.
    pub fn into_json(self) -> Value {
        self.0
    }
}

impl fmt::Display for AsyncApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.0)
    }
}

impl Serialize for AsyncApi {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// An endpoint has a channel for each of its subjects, which of most is one.
fn outlines<'a>(
    description: Description,
    patterns: &'a [Pattern],
    prefix_tokens: usize,
    schemas: &'a Schemas,
) -> impl Iterator<Item = Outline<'a>> {
    patterns.iter().map(move |pattern| {
        let mut description = description.clone();
        if patterns.len() > 1 {
            description.name = format!("{}.{}", description.name, pattern.name());
        }
        Outline { description, pattern, prefix_tokens, schemas }
    })
}

impl<S: Send + Sync + 'static> Router<S> {
    /// Describes the service as [AsyncAPI](AsyncApi) does, without serving it. Needs the feature
    /// `schema`.
    ///
    /// What [`App::check`] would find is not looked for.
    pub fn asyncapi(&self) -> AsyncApi {
        let outlines = self.endpoints.iter().flat_map(|plan| {
            let (patterns, prefix_tokens) = plan.patterns();
            outlines(plan.describe(&self.queue_group), patterns, prefix_tokens, &plan.schemas)
        });
        AsyncApi(document::of(&self.about, &outlines.collect::<Vec<_>>()))
    }
}

impl App {
    /// Describes the service as [AsyncAPI](AsyncApi) does, without serving it. Needs the feature
    /// `schema`.
    pub fn asyncapi(&self) -> AsyncApi {
        let outlines = self.endpoints.iter().flat_map(|built| {
            let Built { description, patterns, prefix_tokens, schemas, .. } = built;
            outlines(description.clone(), patterns, *prefix_tokens, schemas)
        });
        AsyncApi(document::of(&self.about, &outlines.collect::<Vec<_>>()))
    }
}
