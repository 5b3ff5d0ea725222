//! An HTTP proxy, as companies have between their people and the internet.

#[cfg(test)]
mod tests;

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use data_encoding::BASE64;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::proxy::listen;

const ESTABLISHED: &str = "HTTP/1.1 200 Connection Established\r\n\r\n";
const FORBIDDEN: &str = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";
const BAD_GATEWAY: &str = "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n";
const LOG_IN: &str = "HTTP/1.1 407 Proxy Authentication Required\r\n\
    Proxy-Authenticate: Basic realm=\"natsws-tests\"\r\nContent-Length: 0\r\n\r\n";

/// A head that is longer than this is none.
const LONGEST_HEAD: usize = 64 * 1024;

/// Connects clients that ask for it by `CONNECT` with servers on this machine, and with no others.
///
/// It runs in the runtime it was started in, and breaks its connections when it is dropped.
#[derive(Debug)]
pub struct HttpProxy {
    addr: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    /// What `Proxy-Authorization` has to say, where it has to say anything.
    authorization: Option<String>,
    requests: Mutex<Vec<ProxyRequest>>,
    answer: Mutex<Option<Vec<u8>>>,
}

/// What a client asked an [`HttpProxy`] for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyRequest {
    /// How it asked: `CONNECT`.
    pub method: String,
    /// For which server: `HOST:PORT`.
    pub target: String,
    /// The names and values of the headers, in their order.
    pub headers: Vec<(String, String)>,
}

impl HttpProxy {
    /// Starts a proxy that serves everybody.
    pub fn start() -> Self {
        Self::run(None)
    }

    /// Starts a proxy that serves who has this name and password, and tells others to log in.
    pub fn with_auth(user: &str, password: &str) -> Self {
        let login = BASE64.encode(format!("{user}:{password}").as_bytes());
        Self::run(Some(format!("Basic {login}")))
    }

    fn run(authorization: Option<String>) -> Self {
        let (listener, addr) = listen();
        let (requests, answer) = (Mutex::default(), Mutex::default());
        let shared = Arc::new(Shared { authorization, requests, answer });
        let accepting = tokio::spawn(accept(listener, shared.clone()));
        Self { addr, shared, accepting }
    }

    /// The address for a client: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// The address with a name and a password: `http://USER:PASSWORD@127.0.0.1:PORT`, where both
    /// stand as they are given.
    pub fn url_with(&self, user: &str, password: &str) -> String {
        format!("http://{user}:{password}@{}", self.addr)
    }

    /// Where it listens, as a [`Proxy`](crate::Proxy) wants it.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What clients asked for so far, in the order it came; also what was refused.
    pub fn requests(&self) -> Vec<ProxyRequest> {
        self.shared.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Answers all further requests with these bytes, and closes the connection after them.
    pub fn answer_with(&self, response: impl Into<Vec<u8>>) {
        *self.shared.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(response.into());
    }
}

impl Drop for HttpProxy {
    fn drop(&mut self) {
        // The connections are the task's own, and go with it.
        self.accepting.abort();
    }
}

impl ProxyRequest {
    /// The value of this header, whose name may be written in any case; the first one of several.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(it, _)| it.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }

    /// `None` where this is no head of a request.
    fn parse(head: &str) -> Option<Self> {
        let mut lines = head.split("\r\n").take_while(|line| !line.is_empty());
        let mut words = lines.next()?.split(' ').map(str::to_owned);
        let (method, target) = (words.next()?, words.next()?);
        let header = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_owned(), value.trim().to_owned()))
        };
        Some(Self { method, target, headers: lines.map(header).collect::<Option<_>>()? })
    }

    /// The server, where it is on this machine.
    fn local_target(&self) -> Option<SocketAddr> {
        let (host, port) = self.target.rsplit_once(':')?;
        let port = port.parse().ok()?;
        match host {
            "127.0.0.1" | "localhost" => Some((Ipv4Addr::LOCALHOST, port).into()),
            "[::1]" => Some((Ipv6Addr::LOCALHOST, port).into()),
            _ => None,
        }
    }
}

impl Shared {
    /// Writes the request down. Gives the server to connect to, or else what to answer.
    fn judge(&self, request: &ProxyRequest) -> Result<SocketAddr, Vec<u8>> {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.push(request.clone());
        let answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = &*answer {
            return Err(answer.clone());
        }
        let authorization = self.authorization.as_deref();
        if authorization.is_some() && request.header("Proxy-Authorization") != authorization {
            return Err(LOG_IN.into());
        }
        let connects = request.method == "CONNECT";
        connects.then(|| request.local_target()).flatten().ok_or_else(|| FORBIDDEN.into())
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        connections.spawn(serve(client, shared.clone()));
    }
}

/// One connection from its beginning to its end.
async fn serve(mut client: TcpStream, shared: Arc<Shared>) -> io::Result<()> {
    let head = read_head(&mut client).await?;
    let Some(request) = ProxyRequest::parse(&head) else { return Ok(()) };
    match shared.judge(&request) {
        Err(answer) => {
            client.write_all(&answer).await?;
            client.shutdown().await?;
            // Closing with unread bytes would reset, and the client might lose the answer.
            tokio::io::copy(&mut client, &mut tokio::io::sink()).await?;
        }
        Ok(target) => match TcpStream::connect(target).await {
            Err(_) => client.write_all(BAD_GATEWAY.as_bytes()).await?,
            Ok(mut server) => {
                client.write_all(ESTABLISHED.as_bytes()).await?;
                tokio::io::copy_bidirectional(&mut client, &mut server).await?;
            }
        },
    }
    Ok(())
}

/// Reads no further than the empty line: what follows is for the server.
async fn read_head(client: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < LONGEST_HEAD {
        head.push(client.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}
