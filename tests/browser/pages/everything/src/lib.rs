//! A page that a test or a measurement tells what to do, through JavaScript.

#![cfg(all(target_family = "wasm", target_os = "unknown"))]

mod measure;
mod storage;

use std::cell::Cell;
use std::error::Error;
use std::fmt::Write;
use std::rc::Rc;

use bytes::Bytes;
use natsws::{Client, ConnectOptions, Headers, Subject};
use natsws_service::{Router, State, serve};
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::wasm_bindgen;

/// A request that the page answers.
#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("page.greet", reply = String)]
struct Greet {
    name: String,
}

/// As [`Greet`], in another codec.
#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("page.packed", codec = MsgPack, reply = Vec<i64>)]
struct Packed {
    numbers: Vec<i64>,
}

/// A client of the page.
#[derive(Debug)]
#[wasm_bindgen]
pub struct Page {
    client: Client,
}

/// An error with its causes, as a page shows it.
pub(crate) fn words(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // A `String` takes all that is written.
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}

pub(crate) fn said<E: Error + 'static>(error: E) -> String {
    words(&error)
}

#[wasm_bindgen]
impl Page {
    /// Connects, without credentials: those of the page's cookies count.
    ///
    /// # Errors
    /// Why not, in words.
    pub async fn connect(url: String) -> Result<Self, String> {
        let options = ConnectOptions::new()
            .reconnect_delay(|_| std::time::Duration::from_millis(50))
            .unlimited_reconnect_attempts()
            .ignore_auth_error_abort(true);
        let client = options.connect(url).await.map_err(said)?;
        Ok(Self { client })
    }

    /// Connects with the text of a creds file.
    ///
    /// # Errors
    /// Why not, in words.
    #[wasm_bindgen(js_name = connectWithCreds)]
    pub async fn connect_with_creds(url: String, creds: String) -> Result<Self, String> {
        let client = ConnectOptions::new().creds(creds).connect(url).await.map_err(said)?;
        Ok(Self { client })
    }

    /// What the state of the connection is.
    pub fn state(&self) -> String {
        format!("{:?}", self.client.connection().state())
    }

    /// Publishes a text with one header.
    ///
    /// # Errors
    /// Why not, in words.
    pub async fn publish(
        &self,
        subject: String,
        text: String,
        header: String,
        value: String,
    ) -> Result<(), String> {
        let mut headers = Headers::new();
        headers.append(&header, &value).map_err(said)?;
        let publish = self.client.connection().publish(&subject, text).headers(&headers);
        publish.await.map_err(said)?;
        self.client.flush().await.map_err(said)
    }

    /// Publishes bytes.
    ///
    /// # Errors
    /// Why not, in words.
    #[wasm_bindgen(js_name = publishBytes)]
    pub async fn publish_bytes(&self, subject: String, bytes: Vec<u8>) -> Result<(), String> {
        let publish = self.client.connection().publish(&subject, Bytes::from(bytes));
        publish.await.map_err(said)?;
        self.client.flush().await.map_err(said)
    }

    /// Subscribes, and calls back with subject, bytes and the value of the header `Color` for each
    /// message.
    ///
    /// # Errors
    /// Why not, in words.
    pub async fn subscribe(&self, subject: String, call: js_sys::Function) -> Result<(), String> {
        let mut all = self.client.connection().subscribe(subject).await.map_err(said)?;
        wasm_bindgen_futures::spawn_local(async move {
            while let Some(Ok(msg)) = all.next().await {
                let bytes = js_sys::Uint8Array::from(msg.payload());
                let color = msg.headers().get("Color").unwrap_or_default();
                // What a test's function throws is the test's to see.
                let _ = call.call3(&call, &msg.subject().into(), &bytes, &color.into());
            }
        });
        Ok(())
    }

    /// Asks with a text.
    ///
    /// # Errors
    /// Why there is no answer, in words.
    pub async fn request(&self, subject: String, text: String) -> Result<String, String> {
        let reply = self.client.connection().request(&subject, text).await.map_err(said)?;
        reply.text().map(str::to_owned).map_err(said)
    }

    /// Asks for a greeting, typed.
    ///
    /// # Errors
    /// Why there is none, in words.
    pub async fn greet(&self, name: String) -> Result<String, String> {
        self.client.request(&Greet { name }).await.map_err(said)
    }

    /// Serves greetings, and sums of packed numbers.
    ///
    /// # Errors
    /// Why not, in words.
    pub async fn serve(&self) -> Result<(), String> {
        let count = Rc::new(Cell::new(0));
        let greet = async |State(count): State<Rc<Cell<u32>>>, ask: Greet| {
            count.set(count.get() + 1);
            format!("hello {}, you are number {}", ask.name, count.get())
        };
        let packed =
            async |ask: Packed| ask.numbers.iter().map(|number| number * 2).collect::<Vec<_>>();
        let app = Router::new("page", "1.0.0").endpoint(greet).endpoint(packed).with_state(count);
        serve(self.client.clone(), app).start().await.map(drop).map_err(said)
    }

    /// Closes the connection.
    pub async fn close(&self) {
        self.client.close().await;
    }
}
