//! From a server's address to a connection that it has answered on.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};

use super::trace;
use crate::auth::Credentials;
use crate::connect_error::AttemptError;
use crate::options::ConnectOptions;
use crate::protocol::decode::Decoder;
use crate::protocol::op::ServerOp;
use crate::protocol::{Connect, ProtocolError, ServerError, ServerInfo, encode};
use crate::runtime;
use crate::server_addr::{Scheme, ServerAddr};
use crate::transport::{self, BoxTransport, Phase, Progress, TransportError};

/// A connection that a server has answered on.
pub(super) struct Established {
    pub(super) transport: BoxTransport,
    /// May hold what came behind the answer.
    pub(super) decoder: Decoder,
    pub(super) info: ServerInfo,
    /// When the JWT expires that the server was given, in seconds since 1970.
    pub(super) expires_at: Option<u64>,
}

/// Dials a server and goes through `INFO`, `CONNECT`, `PING` and `PONG`, all under one timeout.
/// `discovered` says that the application has not named the server itself.
pub(super) async fn establish(
    addr: &Arc<ServerAddr>,
    discovered: bool,
    options: &ConnectOptions,
) -> Result<Established, AttemptError> {
    let progress = Progress::default();
    // Boxed, since a TLS handshake's state is large and rarely needed.
    let attempt = Box::pin(async {
        let transport = transport::dial(addr, discovered, &options.transport, &progress).await?;
        greet(transport, addr, options, &progress).await
    });
    match runtime::timeout(options.timeout, attempt).await {
        Some(result) => result,
        None => Err(AttemptError::TimedOut { after: options.timeout, phase: progress.phase() }),
    }
}

/// Introduces the client on a transport that has just been opened.
async fn greet(
    mut transport: BoxTransport,
    addr: &Arc<ServerAddr>,
    options: &ConnectOptions,
    progress: &Progress,
) -> Result<Established, AttemptError> {
    let mut decoder = Decoder::new(options.decoder);
    let trace = options.debug;
    progress.reached(Phase::Info);
    let mut info = match read(&mut transport, &mut decoder, trace).await? {
        ServerOp::Info(json) => parse(&json)?,
        ServerOp::Err(text) => return Err(ServerError::parse(&text).into()),
        _ => return Err(TransportError::NotNats { start: "another operation".to_owned() }.into()),
    };
    if options.no_echo && info.proto < 1 {
        return Err(AttemptError::NoEchoUnsupported);
    }
    progress.reached(Phase::Authenticator);
    let credentials = options.auth.credentials(addr, info.nonce.as_deref()).await?;
    progress.reached(Phase::Answer);
    let mut hello = Vec::new();
    encode::connect(&mut hello, &introduction(addr, options, &credentials, &info));
    hello.extend_from_slice(encode::PING);
    if trace {
        trace::introduced(options.name.as_deref(), &credentials);
    }
    let sent = transport.send(Bytes::from(hello)).await;
    loop {
        // A server that refuses says why before it closes the connection. That is worth more than
        // a failed write, so what it said is read first.
        match read(&mut transport, &mut decoder, trace).await {
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
    let expires_at = credentials.expires_at();
    Ok(Established { transport, decoder, info, expires_at })
}

fn parse(json: &[u8]) -> Result<ServerInfo, ProtocolError> {
    ServerInfo::parse(json).map_err(|fault| ProtocolError { fault, at: 0 })
}

/// Reads the next operation.
async fn read(
    transport: &mut BoxTransport,
    decoder: &mut Decoder,
    trace: bool,
) -> Result<ServerOp, AttemptError> {
    loop {
        if let Some(op) = decoder.next()? {
            return Ok(op);
        }
        match transport.next().await {
            Some(chunk) => {
                let chunk = chunk?;
                if trace {
                    trace::received(&chunk);
                }
                decoder.push(chunk);
            }
            None => return Err(TransportError::Closed.into()),
        }
    }
}

/// What the client says of itself. Headers and no-responders are asked for where there are any.
fn introduction<'a>(
    addr: &ServerAddr,
    options: &'a ConnectOptions,
    credentials: &'a Credentials,
    info: &ServerInfo,
) -> Connect<'a> {
    Connect {
        verbose: options.verbose,
        pedantic: options.pedantic,
        lang: "rust",
        version: env!("CARGO_PKG_VERSION"),
        protocol: 1,
        headers: info.headers,
        no_responders: info.headers,
        echo: !options.no_echo,
        tls_required: addr.scheme() == Scheme::Tls,
        name: options.name.as_deref(),
        user: credentials.user.as_deref(),
        pass: credentials.password.as_deref(),
        auth_token: credentials.token.as_deref(),
        jwt: credentials.jwt.as_deref(),
        nkey: credentials.nkey.as_deref(),
        sig: credentials.signature.as_deref(),
    }
}
