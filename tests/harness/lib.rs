//! What the integration tests share: servers, certificates, faults and waiting.
//!
//! | To have | use |
//! |---|---|
//! | a real `nats-server` | [`Server::start`], [`Server::builder`] |
//! | several of them that are one to clients | [`Cluster`] |
//! | the same test over each way to the server | [`Transport`] |
//! | TLS with a private certificate authority | [`Certificates`] |
//! | users who prove themselves with a key | [`Nkey`], [`Operator`] |
//! | a server that says exactly what the test wants, with TLS or a WebSocket too | [`Scripted`] |
//! | the official JavaScript client, under Node.js | [`Script`] |
//! | a page in a real browser | [`Chromium`], which loads it from a [`Site`] |
//! | connections that break, stand still or are slow | [`Proxy`] |
//! | a proxy that clients know of | [`HttpProxy`] |
//! | something that happens some time later | [`eventually`], [`within`] |
//!
//! Nothing listens anywhere but on 127.0.0.1, and nothing waits for longer than [`DEADLINE`].
//!
//! # Panics
//!
//! A test cannot go on when its surroundings fail, so everything here panics where something goes
//! wrong, with what was awaited and what was seen instead: the log of the server, the bytes that a
//! peer sent. Tests never skip: without a `nats-server` they fail, and say how to get one.

#![expect(clippy::panic, reason = "a harness reports by panicking")]
#![expect(clippy::missing_panics_doc, reason = "stated once, in the words above")]

mod binary;
mod cache;
mod certificates;
mod chromium;
mod cluster;
mod compiler;
mod eventually;
mod http_proxy;
mod nkey;
mod node;
mod operator;
mod ports;
mod proxy;
mod scripted;
mod server;
mod site;
#[cfg(test)]
mod tables;

pub use binary::nats_server;
pub use certificates::{Certificates, Identity};
pub use chromium::{Chromium, Page};
pub use cluster::Cluster;
pub use compiler::words_are_pinned;
pub use eventually::{DEADLINE, eventually, within};
pub use http_proxy::{HttpProxy, ProxyRequest};
pub use nkey::Nkey;
pub use node::{Script, ScriptError, npm_packages};
pub use operator::{Operator, User};
pub use ports::ReservedPort;
pub use proxy::Proxy;
pub use scripted::{Peer, Scripted, Upgrade, info, info_with};
pub use server::{Server, ServerBuilder, Transport};
pub use site::Site;
pub use tokio_tungstenite::tungstenite::Message;
pub use tokio_tungstenite::tungstenite::protocol::CloseFrame;

/// The code of the README, each block a program of its own.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
