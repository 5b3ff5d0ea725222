//! What the tests in the browser ask of their stage, which runs outside of it.

use natsws::Subject;
use serde::{Deserialize, Serialize};

/// Starts a server, behind a proxy that can be told to disturb its connections.
#[derive(Debug, Default, Serialize, Deserialize, Subject)]
#[subject("stage.start", reply = Started)]
pub(crate) struct Start {
    pub(crate) jetstream: bool,
    pub(crate) token: Option<String>,
    /// The public key of a user.
    pub(crate) nkey: Option<String>,
    /// Users log in with JWTs.
    pub(crate) operator: bool,
    pub(crate) max_payload: Option<usize>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Started {
    /// What the others call it.
    pub(crate) id: usize,
    /// The way through the proxy.
    pub(crate) url: String,
    /// The text of a creds file, where users log in with JWTs, and a JWT that needs no seed.
    pub(crate) creds: String,
    pub(crate) bearer: String,
}

/// Does something to a server or to the way to it, and answers when it is done.
#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("stage.{id}.do", reply = ())]
pub(crate) struct Do {
    pub(crate) id: usize,
    pub(crate) what: What,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) enum What {
    /// Breaks the connections.
    Cut,
    /// Nothing passes any more, and nothing breaks.
    Stall,
    Resume,
    /// New connections break at once.
    Refuse,
    Accept,
    Kill,
    Restart,
}

/// A server that only the test's page speaks to: it says this, each text in a frame of its own, once a
/// client has sent the line that stands before it. An empty line waits for nothing.
#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("stage.script", reply = String)]
pub(crate) struct Script {
    pub(crate) says: Vec<(String, Said)>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Said {
    /// As a frame of text.
    Text(String),
    /// As a frame of bytes.
    Bytes(Vec<u8>),
    /// A close, with its code and reason.
    Close(u16, String),
}
