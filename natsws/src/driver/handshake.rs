//! From a server's address to a connection that it has answered on.

use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt};

use crate::connect_error::AttemptError;
use crate::options::ConnectOptions;
use crate::protocol::decode::{Decoder, Limits};
use crate::protocol::op::ServerOp;
use crate::protocol::{Connect, ProtocolError, ServerError, ServerInfo, encode};
use crate::runtime;
use crate::server_addr::{ServerAddr, Userinfo};
use crate::transport::{self, BoxTransport, TransportError};

/// A connection that a server has answered on.
pub(super) struct Established {
    pub(super) transport: BoxTransport,
    /// May hold what came behind the answer.
    pub(super) decoder: Decoder,
    pub(super) info: ServerInfo,
}

/// Dials a server and goes through `INFO`, `CONNECT`, `PING` and `PONG`, all under one timeout.
pub(super) async fn establish(
    addr: &ServerAddr,
    options: &ConnectOptions,
) -> Result<Established, AttemptError> {
    // Boxed, since a TLS handshake's state is large and rarely needed.
    let attempt = Box::pin(async {
        let transport = transport::dial(addr, &options.tls).await?;
        greet(transport, addr, options).await
    });
    let timed_out = AttemptError::TimedOut { after: options.timeout };
    runtime::timeout(options.timeout, attempt).await.unwrap_or(Err(timed_out))
}

/// Introduces the client on a transport that has just been opened.
pub(super) async fn greet(
    mut transport: BoxTransport,
    addr: &ServerAddr,
    options: &ConnectOptions,
) -> Result<Established, AttemptError> {
    let mut decoder = Decoder::new(Limits::default());
    let mut info = match read(&mut transport, &mut decoder).await? {
        ServerOp::Info(json) => parse(&json)?,
        ServerOp::Err(text) => return Err(ServerError::parse(&text).into()),
        _ => return Err(TransportError::NotNats { start: "another operation".to_owned() }.into()),
    };
    if options.no_echo && info.proto < 1 {
        return Err(AttemptError::NoEchoUnsupported);
    }
    let mut hello = BytesMut::new();
    encode::connect(&mut hello, &introduction(addr, options, &info));
    hello.extend_from_slice(encode::PING);
    let sent = transport.send(hello.freeze()).await;
    loop {
        // A server that refuses says why before it closes the connection. That is worth more than
        // a failed write, so what it said is read first.
        match read(&mut transport, &mut decoder).await {
            Ok(ServerOp::Pong) => break,
            Ok(ServerOp::Err(text)) => return Err(ServerError::parse(&text).into()),
            Ok(ServerOp::Info(json)) => info = parse(&json)?,
            Ok(ServerOp::Ping) => transport.send(Bytes::from_static(encode::PONG)).await?,
            Ok(ServerOp::Ok | ServerOp::Msg { .. }) => {}
            Err(error) => {
                sent?;
                return Err(error);
            }
        }
    }
    Ok(Established { transport, decoder, info })
}

fn parse(json: &[u8]) -> Result<ServerInfo, ProtocolError> {
    ServerInfo::parse(json).map_err(|fault| ProtocolError { fault, at: 0 })
}

/// Reads the next operation.
async fn read(
    transport: &mut BoxTransport,
    decoder: &mut Decoder,
) -> Result<ServerOp, AttemptError> {
    loop {
        if let Some(op) = decoder.next()? {
            return Ok(op);
        }
        match transport.next().await {
            Some(chunk) => decoder.push(chunk?),
            None => return Err(TransportError::Closed.into()),
        }
    }
}

/// What the client says of itself. Headers and no-responders are asked for where there are any.
fn introduction<'a>(
    addr: &'a ServerAddr,
    options: &'a ConnectOptions,
    info: &ServerInfo,
) -> Connect<'a> {
    let (mut user, mut auth_token) = match addr.userinfo() {
        Some(Userinfo::User { user, password }) => (Some((user, password)), None),
        Some(Userinfo::Token(token)) => (None, Some(token)),
        None => (None, None),
    };
    if let Some((name, password)) = &options.user {
        user = Some((name, password));
    }
    if let Some(token) = &options.token {
        auth_token = Some(token);
    }
    Connect {
        verbose: options.verbose,
        pedantic: options.pedantic,
        lang: "rust",
        version: env!("CARGO_PKG_VERSION"),
        protocol: 1,
        headers: info.headers,
        no_responders: info.headers,
        echo: !options.no_echo,
        tls_required: false,
        name: options.name.as_deref(),
        user: user.map(|(name, _)| name.as_str()),
        pass: user.map(|(_, password)| password.as_str()),
        auth_token: auth_token.map(String::as_str),
    }
}
