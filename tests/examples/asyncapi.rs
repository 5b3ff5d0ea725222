//! The example that describes a service.

use serde_json::{Value, json};

use crate::program::{run, text};

fn document() -> Value {
    let output = run("asyncapi", &[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("a document")
}

#[test]
fn asyncapi_prints_what_the_service_offers() {
    let document = document();
    assert_eq!(document["asyncapi"], "3.0.0");
    assert_eq!(
        document["info"],
        json!({ "title": "orders", "version": "1.0.0", "description": "Knows what was ordered." })
    );
    let reference = |place: &str| json!({ "$ref": format!("#/{place}") });
    let asked = json!([reference("components/messageTraits/request")]);
    let failed = json!([reference("components/messageTraits/error")]);

    let channels = &document["channels"];
    assert_eq!(
        channels["orders-id-get"],
        json!({
            "address": "orders.{id}.get",
            "parameters": { "id": {
                "description": "The number of the order.\n\nOne token of the subject.",
                "location": "$message.payload#/id",
            } },
            "messages": { "request": {
                "name": "GetOrder",
                "contentType": "application/json",
                "payload": reference("components/schemas/GetOrder"),
                "traits": asked,
            } },
        })
    );
    let inbox = "The subject that the caller waits on, which its request names.";
    assert_eq!(
        channels["orders-id-get.reply"],
        json!({
            "address": null,
            "description": inbox,
            "messages": {
                "reply": {
                    "name": "Order",
                    "contentType": "application/json",
                    "payload": reference("components/schemas/Order"),
                },
                "error": {
                    "name": "OrderError",
                    "description": "The error that the request declares. Errors of the service \
                                    itself, as 400 and 503, have an empty payload.",
                    "contentType": "application/json",
                    "payload": reference("components/schemas/OrderError"),
                    "traits": failed,
                },
            },
        })
    );
    let lines = channels["customers-name-lines.reply"]["description"].as_str();
    let stream = lines.and_then(|lines| lines.strip_prefix(inbox));
    assert_eq!(
        stream,
        Some(
            " There are any number of replies, and behind the last one an empty message without \
             `Content-Type`."
        )
    );
    let logs = &channels["admin-logs-file"];
    assert_eq!(logs["address"], "admin.logs.{file}");
    assert_eq!(logs["description"], "All subjects that `admin.logs.>` matches.");
    assert_eq!(logs["messages"]["request"], json!({ "payload": {}, "traits": asked }));

    assert_eq!(
        document["operations"]["orders-id-get"],
        json!({
            "action": "receive",
            "description": "Gives an order.",
            "channel": reference("channels/orders-id-get"),
            "messages": [reference("channels/orders-id-get/messages/request")],
            "reply": {
                "channel": reference("channels/orders-id-get.reply"),
                "messages": [
                    reference("channels/orders-id-get.reply/messages/reply"),
                    reference("channels/orders-id-get.reply/messages/error"),
                ],
            },
            "bindings": { "nats": { "queue": "orders", "bindingVersion": "0.1.0" } },
        })
    );
    assert_eq!(
        document["components"]["schemas"]["Order"],
        json!({
            "type": "object",
            "properties": {
                "state": reference("components/schemas/State"),
                "lines": {
                    "description": "What was ordered, in the order in which it was.",
                    "type": "array",
                    "items": reference("components/schemas/Line"),
                },
            },
            "required": ["state", "lines"],
        })
    );
}
