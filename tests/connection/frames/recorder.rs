//! A proxy that notes which frames pass.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What passed one way.
#[derive(Debug, Default, Clone)]
pub(crate) struct Passed {
    /// The largest frame's payload, in bytes.
    pub(crate) largest: u64,
    /// How many frames were compressed.
    pub(crate) compressed: u64,
    upgraded: bool,
    /// What is there of the HTTP head, or of a frame's header.
    header: Vec<u8>,
    left: u64,
}

impl Passed {
    fn see(&mut self, mut bytes: &[u8]) {
        while let Some((first, rest)) = bytes.split_first() {
            if self.left > 0 {
                let count = bytes.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
                self.left -= count as u64;
                bytes = &bytes[count..];
                continue;
            }
            self.header.push(*first);
            bytes = rest;
            if self.upgraded {
                self.frame();
            } else if self.header.ends_with(b"\r\n\r\n") {
                self.header.clear();
                self.upgraded = true;
            }
        }
    }

    /// Takes a frame's header where it is whole.
    fn frame(&mut self) {
        let [first, second, more @ ..] = &self.header[..] else { return };
        let key = if second & 0x80 == 0 { 0 } else { 4 };
        let size = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        if more.len() < size + key {
            return;
        }
        let long = more[..size].iter().fold(0, |len, byte| len << 8 | u64::from(*byte));
        let len = if size == 0 { u64::from(second & 0x7f) } else { long };
        self.compressed += u64::from(first & 0x40 != 0);
        self.largest = self.largest.max(len);
        self.left = len;
        self.header.clear();
    }
}

/// A proxy for one client of a WebSocket.
#[derive(Debug)]
pub(crate) struct Recorder {
    addr: SocketAddr,
    to_client: Arc<Mutex<Passed>>,
    to_server: Arc<Mutex<Passed>>,
}

impl Recorder {
    pub(crate) fn start(target: SocketAddr) -> Self {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let addr = listener.local_addr().expect("a listener has an address");
        listener.set_nonblocking(true).expect("a socket can be nonblocking");
        let listener = TcpListener::from_std(listener).expect("a runtime is here");
        let (to_client, to_server) = (Arc::default(), Arc::default());
        let passed = (Arc::clone(&to_server), Arc::clone(&to_client));
        tokio::spawn(async move {
            let (mut client, _) = listener.accept().await.expect("a client comes");
            let mut server = TcpStream::connect(target).await.expect("the server is there");
            let (from_client, to_client) = client.split();
            let (from_server, to_server) = server.split();
            tokio::join!(
                pass(from_client, to_server, &passed.0),
                pass(from_server, to_client, &passed.1),
            );
        });
        Self { addr, to_client, to_server }
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}", self.addr)
    }

    /// What went to the client so far.
    pub(crate) fn to_client(&self) -> Passed {
        self.to_client.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What went to the server so far.
    pub(crate) fn to_server(&self) -> Passed {
        self.to_server.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Passes bytes on until an end.
async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    passed: &Mutex<Passed>,
) {
    let mut chunk = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut chunk).await {
        passed.lock().unwrap_or_else(PoisonError::into_inner).see(&chunk[..read]);
        if to.write_all(&chunk[..read]).await.is_err() {
            return;
        }
    }
    // Either side may be gone before.
    let _ = to.shutdown().await;
}
