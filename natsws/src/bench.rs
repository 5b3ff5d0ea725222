//! What the benchmarks in `benches/` reach of the inside. **Not public API**: no stability, no
//! promises.
//!
//! Everything here calls the code that a connection runs and does nothing of its own, so that what
//! is measured is what is used.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};

use crate::connect_error::ConnectError;
use crate::connection::Connection;
use crate::delivery::Place;
use crate::header::{HeaderError, Headers};
use crate::options::ConnectOptions;
use crate::protocol::ProtocolError;
use crate::protocol::decode::{Decoder, Limits};
use crate::protocol::encode::{self, PublishHead};
use crate::protocol::op::ServerOp;
use crate::server_addr::ServerAddr;
use crate::subject::{self, SubjectError};
use crate::transport::memory::{self, Memory};

/// Decodes what a server sent in these chunks, and counts the operations.
///
/// # Errors
/// What is wrong with them.
pub fn decode(chunks: &[Bytes]) -> Result<usize, ProtocolError> {
    let mut decoder = Decoder::new(Limits::default());
    let mut operations = 0;
    for chunk in chunks {
        decoder.push(chunk.clone());
        let mut put = |operation: ServerOp<Place>, _: &Bytes| {
            std::hint::black_box(operation);
            operations += 1;
            true
        };
        while !decoder.is_idle() {
            decoder.each(&mut put)?;
        }
    }
    Ok(operations)
}

/// Writes a publish up to where its payload begins.
pub fn encode(subject: &str, headers: &Headers, payload_len: usize, out: &mut Vec<u8>) {
    let head = PublishHead { subject, reply: None, headers, typed: None };
    head.write(out, head.headers_len(), payload_len, payload_len);
    encode::payload_end(out);
}

/// Reads a header block as it came.
///
/// # Errors
/// What is wrong with it.
pub fn parse_headers(block: &Bytes) -> Result<Headers, HeaderError> {
    Headers::parse(block)
}

/// Checks a subject as a publish does.
///
/// # Errors
/// What is wrong with it.
pub fn check_subject(name: &str) -> Result<(), SubjectError> {
    subject::check_subject(name)
}

/// The client's end of a connection in memory that is not used yet.
#[derive(Debug)]
pub struct Near(Memory);

/// The other end of a connection in memory: what a server would have.
#[derive(Debug)]
pub struct Far(Memory);

/// A connection in memory, as its two ends.
pub fn pair() -> (Near, Far) {
    let (near, far) = memory::pair();
    (Near(near), Far(far))
}

impl Near {
    /// Connects over it. The other end must greet as a server does.
    ///
    /// # Errors
    /// [`ConnectError`] where it does not.
    pub async fn connect(self, options: ConnectOptions) -> Result<Connection, ConnectError> {
        let near = Mutex::new(Some(self.0));
        let mut options = options.reconnect(false);
        // Another one has ended already.
        options.transport.in_memory = Some(Arc::new(move || {
            let near = near.lock().unwrap_or_else(PoisonError::into_inner).take();
            near.unwrap_or_else(|| memory::pair().0)
        }));
        Connection::connect_with(ServerAddr::on_localhost(4222), options).await
    }
}

impl Far {
    /// What the client sent next; `None` when it has gone.
    pub async fn read(&mut self) -> Option<Bytes> {
        self.0.next().await?.ok()
    }

    /// Sends to the client; `false` when it has gone.
    pub async fn write(&mut self, chunk: Bytes) -> bool {
        self.0.send(chunk).await.is_ok()
    }
}
