//! The HTTP request that asks for a WebSocket.

use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::Peer;

/// One client that asked for a WebSocket, and has no answer yet.
#[derive(Debug)]
pub struct Upgrade {
    peer: Peer,
    request: String,
}

impl Upgrade {
    /// Reads the request.
    pub(super) async fn read(mut peer: Peer) -> Self {
        let mut request = String::new();
        while !request.ends_with("\r\n\r\n") {
            let line = peer.expect_line("").await;
            request += &line;
            request += "\r\n";
        }
        Self { peer, request }
    }

    /// The request as the client sent it, from `GET` to the empty line.
    pub fn request(&self) -> &str {
        &self.request
    }

    /// What the client asked for, such as `/` or `/nats?key=1`.
    pub fn target(&self) -> &str {
        self.request.split(' ').nth(1).unwrap_or_default()
    }

    /// The value of this header, whose name may be written in any case; the first one of several.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.request.lines().skip(1).filter_map(|line| line.split_once(':'));
        fields.find(|(it, _)| it.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// Answers with these bytes, and goes on without a WebSocket: the peer reads and writes bytes
    /// as they are.
    pub async fn respond(mut self, response: impl AsRef<[u8]>) -> Peer {
        self.peer.send(response).await;
        self.peer
    }

    /// Answers that a WebSocket begins here, in which the peer goes on.
    pub async fn accept(self) -> Peer {
        self.accept_with("").await
    }

    /// [`accept`](Self::accept), with more headers: each a line that ends with `\r\n`.
    pub async fn accept_with(self, headers: &str) -> Peer {
        let Some(key) = self.header("Sec-WebSocket-Key") else {
            panic!("the client asks for no WebSocket: {:?}", self.request);
        };
        let response = format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Accept: {}\r\n{headers}\r\n",
            derive_accept_key(key.as_bytes())
        );
        self.respond(response).await.with_frames().await
    }
}
