//! What the page is told by who serves it.

use serde::Deserialize;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::Response;

use super::dom;

/// The file `config.json` beside the page.
#[derive(Debug, Deserialize)]
pub(crate) struct Config {
    /// Where the server is, for a start.
    pub(crate) address: String,
}

/// Reads it.
pub(crate) async fn config() -> Result<Config, String> {
    let text = fetch("config.json").await.map_err(|error| format!("{error:?}"))?;
    serde_json::from_str(&text).map_err(|error| error.to_string())
}

async fn fetch(path: &str) -> Result<String, JsValue> {
    let response: Response =
        JsFuture::from(dom::window().fetch_with_str(path)).await?.dyn_into()?;
    if !response.ok() {
        return Err(format!("HTTP status {}", response.status()).into());
    }
    let text = JsFuture::from(response.text()?).await?;
    Ok(text.as_string().unwrap_or_default())
}
