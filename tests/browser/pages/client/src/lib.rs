//! What a page has to load for a typed client: connecting and staying connected, publishing,
//! subscribing and asking, in JSON.

#![cfg(all(target_family = "wasm", target_os = "unknown"))]

use natsws::{ConnectOptions, Subject};
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::wasm_bindgen;

/// Something that happened.
#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("page.{name}.said")]
struct Said {
    name: String,
    text: String,
    count: u32,
}

/// Something to answer.
#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("page.{name}.ask", reply = Said)]
struct Ask {
    name: String,
}

/// Says something, hears it, and asks somebody.
///
/// # Errors
/// Whatever goes wrong, in words.
#[wasm_bindgen]
pub async fn run(url: String, name: String) -> Result<String, String> {
    talk(&url, name).await.map_err(|error| error.to_string())
}

async fn talk(url: &str, name: String) -> Result<String, natsws::Error> {
    let client = ConnectOptions::new().unlimited_reconnect_attempts().connect(url).await?;
    let mut said = client.subscribe::<Said>().await?;
    let message = Said { name: name.clone(), text: "hello".to_owned(), count: 1 };
    client.publish(&message).await?;
    let text = match said.next().await {
        Some(heard) => heard?.text.clone(),
        None => String::new(),
    };
    let answer = client.request(&Ask { name }).await;
    let answer = answer.map_or_else(|error| error.to_string(), |answer| answer.text);
    Ok(format!("{text} {answer}"))
}
