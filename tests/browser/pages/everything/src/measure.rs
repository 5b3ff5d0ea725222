//! Much at once, with the time that it took.

use bytes::Bytes;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::{Page, said};

#[wasm_bindgen]
impl Page {
    /// Publishes so many messages of so many bytes; the milliseconds until the server has them.
    ///
    /// # Errors
    /// Why not, in words.
    #[wasm_bindgen(js_name = publishMany)]
    pub async fn publish_many(
        &self,
        subject: String,
        bytes: usize,
        count: u32,
    ) -> Result<f64, String> {
        let payload = Bytes::from(vec![b'x'; bytes]);
        let connection = self.client.connection();
        let began = js_sys::Date::now();
        for _ in 0..count {
            connection.publish(&subject, payload.clone()).await.map_err(said)?;
        }
        self.client.flush().await.map_err(said)?;
        Ok(js_sys::Date::now() - began)
    }

    /// Asks `start` for so many messages, and receives them; the milliseconds from the first to the
    /// last.
    ///
    /// # Errors
    /// Why not, in words.
    #[wasm_bindgen(js_name = receiveMany)]
    pub async fn receive_many(
        &self,
        subject: String,
        count: u32,
        start: String,
    ) -> Result<f64, String> {
        let connection = self.client.connection();
        let mut all = connection.subscribe(subject).await.map_err(said)?;
        connection.publish(&start, count.to_string()).await.map_err(said)?;
        let mut bytes = 0;
        let mut began = None;
        for _ in 0..count {
            let msg = all.next().await.ok_or("it has ended")?.map_err(said)?;
            bytes += msg.payload().len();
            began.get_or_insert_with(js_sys::Date::now);
        }
        let took = js_sys::Date::now() - began.unwrap_or_default();
        if bytes == 0 { Err("nothing came".to_owned()) } else { Ok(took) }
    }

    /// Asks one after the other; the milliseconds that all took.
    ///
    /// # Errors
    /// Why not, in words.
    #[wasm_bindgen(js_name = requestMany)]
    pub async fn request_many(&self, subject: String, count: u32) -> Result<f64, String> {
        let began = js_sys::Date::now();
        for _ in 0..count {
            self.client.connection().request(&subject, "").await.map_err(said)?;
        }
        Ok(js_sys::Date::now() - began)
    }
}
