//! What a server tells about itself over HTTP.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use super::Server;
use crate::eventually::DEADLINE;

impl Server {
    /// What the server tells about itself, such as `/varz` (all there is to know about the server)
    /// or `/connz?subs=1` (its clients and what they subscribed to).
    ///
    /// # Panics
    ///
    /// Without [`ServerBuilder::monitoring`](crate::ServerBuilder::monitoring).
    #[track_caller]
    pub fn monitor(&self, path: &str) -> Value {
        self.try_monitor(path).unwrap_or_else(|fault| self.fail(&fault))
    }

    /// [`monitor`](Self::monitor) of a server that may end at any time.
    pub(crate) fn try_monitor(&self, path: &str) -> Result<Value, String> {
        let file = self.ports_file().unwrap_or_default();
        let Some(url) = file["monitoring"][0].as_str() else {
            return Err("it is asked about itself without monitoring()".to_owned());
        };
        let answer = get(url.trim_start_matches("http://"), path)
            .map_err(|error| format!("{url}{path}: {error}"))?;
        let body = answer.split_once("\r\n\r\n").map(|(_, body)| serde_json::from_str(body));
        match body {
            Some(Ok(body)) => Ok(body),
            _ => Err(format!("{url}{path} has no JSON, but {answer:?}")),
        }
    }
}

/// HTTP/1.0 has no chunks, and ends the connection after the answer.
fn get(addr: &str, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(addr)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
