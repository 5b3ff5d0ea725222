use natsws::bytes::BytesMut;
use natsws::codec::{AsIs, Encoded, Text};
use natsws::embedded::Broker;
use natsws::{
    CodecError, DecodeError, DecodeMessage, EncodeMessage, Replies, ServiceError, Subject,
    SubjectError, SubjectWriter,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::*;
use crate::{IntoApp, Router, Services, serve};

#[derive(Serialize, Deserialize, JsonSchema, Subject)]
#[subject("accounts.{name}.draw", reply = Left, error = Overdrawn)]
struct Draw {
    name: String,
    #[serde(default)]
    cents: u32,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Left {
    #[serde(default)]
    cents: u32,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema, thiserror::Error)]
#[error("overdrawn")]
struct Overdrawn {
    cents: u32,
}

async fn draw(_: Draw) -> Result<Left, Overdrawn> {
    Ok(Left { cents: 0 })
}

/// The metadata of the only endpoint.
fn metadata(router: Router) -> BTreeMap<String, String> {
    let mut endpoints = router.into_app().endpoints;
    endpoints.pop().map(|built| built.description.metadata).unwrap_or_default()
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).expect("it is JSON")
}

#[test]
fn metadata_has_each_schema_as_one_line_in_its_own_direction() {
    let router = Router::new("bank", "1.0.0").endpoint_with(draw, |endpoint| {
        endpoint.schema().error_schema().metadata("team", "tellers")
    });
    let metadata = metadata(router);
    let keys: Vec<_> = metadata.keys().collect();
    assert_eq!(keys, ["error_schema", "format", "request_schema", "response_schema", "team"]);
    assert_eq!(metadata["format"], "application/json");
    let cents = json!({ "type": "integer", "format": "uint32", "minimum": 0 });
    let mut by_default = cents.clone();
    by_default["default"] = json!(0);
    let draft = "https://json-schema.org/draft/2020-12/schema";
    assert_eq!(
        json_of(&metadata["request_schema"]),
        json!({
            "$schema": draft,
            "title": "Draw",
            "type": "object",
            "properties": { "name": { "type": "string" }, "cents": by_default },
            "required": ["name"],
        })
    );
    assert_eq!(
        json_of(&metadata["response_schema"]),
        json!({
            "$schema": draft,
            "title": "Left",
            "type": "object",
            "properties": { "cents": by_default },
            "required": ["cents"],
        }),
        "it is always written"
    );
    assert_eq!(json_of(&metadata["error_schema"])["properties"], json!({ "cents": cents }));
    assert!(metadata.values().all(|value| !value.contains('\n')));
}

#[test]
fn what_the_user_says_stays() {
    let metadata = metadata(Router::new("bank", "1.0.0").endpoint_with(draw, |endpoint| {
        endpoint.metadata("request_schema", "see the manual").schema().metadata("format", "json")
    }));
    assert_eq!(metadata["request_schema"], "see the manual");
    assert_eq!(metadata["format"], "json");
    assert_eq!(json_of(&metadata["response_schema"])["title"], "Left");
}

/// Has a schema of so many bytes, and of 90 more.
struct Long<const N: usize>;

impl<const N: usize> JsonSchema for Long<N> {
    fn schema_name() -> Cow<'static, str> {
        "Long".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "description": "x".repeat(N) })
    }
}

#[test]
fn a_schema_of_more_than_16_kib_is_not_told_of() {
    fn told<const N: usize>() -> Option<usize> {
        let router = Router::new("desk", "1.0.0").raw_with(
            "desk",
            async || "",
            Endpoint::payload_schema::<Long<N>>,
        );
        metadata(router).get("request_schema").map(String::len)
    }
    const REST: usize = 90;
    assert_eq!(told::<0>(), Some(REST));
    assert_eq!(told::<{ 16 * 1024 - REST }>(), Some(16 * 1024));
    assert_eq!(told::<{ 16 * 1024 - REST + 1 }>(), None);
}

#[tokio::test]
async fn an_info_that_is_too_long_is_told_without_schemas() {
    let broker = Broker::builder().max_payload(4096).start().await.expect("a broker");
    let client = broker.connect().await.expect("connected");
    let router: Router = Router::new("desk", "1.0.0")
        .raw_with(
            "desk.long",
            async || "",
            |endpoint| endpoint.payload_schema::<Long<4096>>().metadata("team", "desk"),
        )
        .raw_with("desk.short", async || "", Endpoint::reply_schema::<bool>);
    let service = serve(client.clone(), router).start().await.expect("served");
    let told = client.services().info().replies(Replies::Count(1)).await.expect("told");
    let [info] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(info.name, "desk");
    let said = [("format", "application/json"), ("team", "desk")];
    let said = said.map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(info.endpoints[0].metadata, BTreeMap::from(said));
    assert_eq!(info.endpoints[1].metadata, BTreeMap::new());
    let own = &service.info().endpoints[1].metadata;
    assert_eq!(json_of(&own["response_schema"])["type"], "boolean");
}

/// Written by hand: its content type is not known without a value.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it is described and never made")]
struct ByHand(u8);

impl Subject for ByHand {
    const TEMPLATES: &'static [&'static str] = &["hand"];
    const FILTERS: &'static [&'static str] = &["hand"];

    fn write_subject(&self, out: &mut SubjectWriter<'_>) -> Result<(), SubjectError> {
        out.literal("hand");
        Ok(())
    }
}

impl EncodeMessage for ByHand {
    fn content_type(&self) -> &'static str {
        "text/plain"
    }

    fn encode(&self, _: &mut BytesMut) -> Result<(), CodecError> {
        Ok(())
    }
}

impl<'m> DecodeMessage<'m> for ByHand {
    fn decode(_: Encoded<'m>) -> Result<Self, DecodeError> {
        Ok(Self(0))
    }
}

impl Request for ByHand {
    type Reply = u8;
    type Error = ServiceError;
    type ReplyCodec = Text;
    type ErrorCodec = AsIs;
}

#[test]
fn a_content_type_that_nobody_knows_is_not_told() {
    let router: Router =
        Router::new("hand", "1.0.0").endpoint_with(async |_: ByHand| 0, Endpoint::schema);
    let document = router.asyncapi().into_json();
    let channels = &document["channels"];
    assert_eq!(channels["hand"]["messages"]["request"]["contentType"], Value::Null);
    assert_eq!(channels["hand.reply"]["messages"]["reply"]["contentType"], "text/plain");
    let keys: Vec<_> = metadata(router).into_keys().collect();
    assert_eq!(keys, ["request_schema", "response_schema"]);
}
