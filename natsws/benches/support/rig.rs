//! A connection in memory on one thread, with a server that does nothing but what the client waits
//! for. Both take turns, so that every run takes the same steps.

use std::future::Future;

use futures_util::future::join_all;
use natsws::bench::{Far, pair};
use natsws::bytes::{Bytes, BytesMut};
use natsws::{Client, ConnectOptions, PublishError};
use tokio::runtime::{Builder, Runtime};

use super::BLOCK;

const INFO: &[u8] =
    b"INFO {\"server_id\":\"S\",\"version\":\"2.10.0\",\"proto\":1,\"headers\":true,\"max_payload\":1048576}\r\n";
const PING: &[u8] = b"PING\r\n";
const PONG: &[u8] = b"PONG\r\n";

pub(super) struct Rig {
    runtime: Runtime,
    pub(super) client: Client,
    far: Far,
}

impl Rig {
    pub(super) fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (near, mut far) = pair();
        let client = runtime.block_on(async {
            assert!(far.write(Bytes::from_static(INFO)).await, "the client is there");
            let (connection, ()) =
                tokio::join!(near.connect(ConnectOptions::new()), confirm(&mut far));
            Client::from(connection.expect("it is greeted"))
        });
        Self { runtime, client, far }
    }

    /// Does something that ends with a PING.
    pub(super) fn confirmed<T, E: std::fmt::Debug>(
        &mut self,
        work: impl Future<Output = Result<T, E>>,
    ) -> T {
        let Self { runtime, far, .. } = self;
        let (done, ()) = runtime.block_on(async { tokio::join!(work, confirm(far)) });
        done.expect("the server does what is asked")
    }

    /// Publishes messages, with a flush behind each block.
    pub(super) fn publish(
        &mut self,
        count: usize,
        publish: &impl AsyncFn(&Client) -> Result<(), PublishError>,
    ) {
        let Self { runtime, client, far } = self;
        runtime.block_on(async {
            for _ in 0..count / BLOCK {
                for _ in 0..BLOCK {
                    publish(client).await.expect("it is accepted");
                }
                let (flushed, ()) = tokio::join!(client.flush(), confirm(far));
                flushed.expect("it is confirmed");
            }
        });
    }

    /// Receives messages that come in blocks.
    pub(super) fn receive(&mut self, count: usize, block: &Bytes, mut read: impl AsyncFnMut()) {
        let Self { runtime, far, .. } = self;
        runtime.block_on(async {
            for _ in 0..count / BLOCK {
                assert!(far.write(block.clone()).await, "the client is there");
                for _ in 0..BLOCK {
                    read().await;
                }
            }
        });
    }

    /// Receives messages that come in blocks and are answered, with a flush behind each block.
    pub(super) fn consume(&mut self, count: usize, block: &Bytes, mut read: impl AsyncFnMut()) {
        let Self { runtime, client, far } = self;
        runtime.block_on(async {
            for _ in 0..count / BLOCK {
                assert!(far.write(block.clone()).await, "the client is there");
                for _ in 0..BLOCK {
                    read().await;
                }
                let (flushed, ()) = tokio::join!(client.flush(), confirm(far));
                flushed.expect("it is confirmed");
            }
        });
    }

    /// Makes requests and gets their replies, this many at a time.
    pub(super) fn request(
        &mut self,
        count: usize,
        in_flight: usize,
        reply: &[u8],
        ask: &impl AsyncFn(&Client),
    ) {
        let Self { runtime, client, far } = self;
        let client = &*client;
        runtime.block_on(async {
            for _ in 0..count / in_flight {
                let requests = (0..in_flight).map(|_| ask(client));
                tokio::join!(join_all(requests), answer(far, in_flight, reply));
            }
        });
    }
}

/// Reads up to the next PING, which is the last of what is sent at once, and answers it.
async fn confirm(far: &mut Far) {
    while let Some(chunk) = far.read().await {
        if chunk.ends_with(PING) {
            assert!(far.write(Bytes::from_static(PONG)).await, "the client is there");
            return;
        }
    }
}

/// Answers this many requests. The first subscription is the inbox.
async fn answer(far: &mut Far, count: usize, reply: &[u8]) {
    let size = reply.len().to_string();
    let mut answered = 0;
    while answered < count {
        let Some(chunk) = far.read().await else { return };
        let mut out = BytesMut::with_capacity(2 * chunk.len());
        for line in chunk.split(|byte| *byte == b'\n') {
            let inbox = line.split(|byte| *byte == b' ').nth(2);
            let is_publish = line.starts_with(b"PUB ") || line.starts_with(b"HPUB ");
            if let (true, Some(inbox)) = (is_publish, inbox) {
                for part in [b"MSG ", inbox, b" 1 ", size.as_bytes(), b"\r\n", reply, b"\r\n"] {
                    out.extend_from_slice(part);
                }
                answered += 1;
            }
        }
        if !out.is_empty() {
            assert!(far.write(out.freeze()).await, "the client is there");
        }
    }
}
