//! The JSON of `INFO` and `CONNECT`.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::error::ProtocolFault;

/// What a server says of itself in `INFO`, when a client connects and whenever it changes.
///
/// Fields that a server does not send have the value of their `Default`; fields that are not listed
/// here are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "the protocol has them")]
#[non_exhaustive]
pub struct ServerInfo {
    /// The server's own unique id.
    pub server_id: String,
    /// The server's name in its cluster.
    pub server_name: String,
    /// The server's version, for example `2.15.1`.
    pub version: String,
    /// The version of Go that the server was built with.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub go: String,
    /// The address that the server is bound to, as it sees it.
    pub host: String,
    /// The port that goes with `host`.
    pub port: u16,
    /// The version of the protocol; 1 and above know `no_echo` and later changes of `INFO`.
    pub proto: i32,
    /// Whether messages may have headers.
    pub headers: bool,
    /// The largest message that is accepted, headers and payload together, in bytes.
    pub max_payload: usize,
    /// The number of this connection at the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<u64>,
    /// The address of this client as the server sees it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub client_ip: String,
    /// Whether the server wants credentials.
    #[serde(skip_serializing_if = "is_false")]
    pub auth_required: bool,
    /// Whether the server speaks nothing but TLS.
    #[serde(skip_serializing_if = "is_false")]
    pub tls_required: bool,
    /// Whether the server speaks TLS where the client wants it.
    #[serde(skip_serializing_if = "is_false")]
    pub tls_available: bool,
    /// Whether the server wants a client certificate.
    #[serde(skip_serializing_if = "is_false")]
    pub tls_verify: bool,
    /// Whether JetStream is switched on.
    #[serde(skip_serializing_if = "is_false")]
    pub jetstream: bool,
    /// Whether the server is about to shut down and evict its clients ("lame duck mode").
    #[serde(rename = "ldm", skip_serializing_if = "is_false")]
    pub lame_duck_mode: bool,
    /// The name of the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// Addresses of the other servers of the cluster, `host:port` each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub connect_urls: Vec<String>,
    /// What nkey and JWT authentication signs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

impl ServerInfo {
    pub(crate) fn parse(json: &[u8]) -> Result<Self, ProtocolFault> {
        serde_json::from_slice(json).map_err(|_| ProtocolFault::Json)
    }

    /// Writes the JSON. Text and numbers always have one, so this does not fail.
    #[cfg(any(embedded_broker, test))]
    pub(crate) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// What a client says of itself in `CONNECT`. Only what is listed here ever reaches the wire.
#[derive(Clone, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "the protocol has them")]
pub(crate) struct Connect<'a> {
    pub(crate) verbose: bool,
    pub(crate) pedantic: bool,
    pub(crate) lang: &'static str,
    pub(crate) version: &'static str,
    pub(crate) protocol: u8,
    pub(crate) headers: bool,
    pub(crate) no_responders: bool,
    pub(crate) echo: bool,
    pub(crate) tls_required: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pass: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) auth_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) jwt: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) nkey: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sig: Option<&'a str>,
}

impl Connect<'_> {
    /// Writes the JSON. Text and numbers always have one, so this does not fail.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

impl fmt::Debug for Connect<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connect").field("name", &self.name).finish_non_exhaustive()
    }
}
