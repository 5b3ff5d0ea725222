//! What can be said on the command line.

mod kv;
mod object;
mod stream;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub(crate) use kv::KeyValue;
pub(crate) use object::Object;
pub(crate) use stream::{AddConsumer, AddStream, Consumer, JsPublish, Next, Storage, Stream};

/// A command line for NATS.
#[derive(Debug, Parser)]
#[command(name = "cli", version)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) connect: Connect,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// How to connect, before or behind the command. Which of these go together is checked in
/// [`connect`](crate::connect::connect), which sees those from both places.
#[derive(Debug, Args)]
#[command(next_help_heading = "Connecting")]
pub(crate) struct Connect {
    /// A server, as in `ws://127.0.0.1:9222`; can be given several times
    #[arg(
        long = "server",
        value_name = "URL",
        global = true,
        env = "NATS_URL",
        hide_env_values = true,
        value_delimiter = ',',
        default_value = "nats://localhost:4222"
    )]
    pub(crate) servers: Vec<String>,
    /// Log in with a user name
    #[arg(long, value_name = "USER", global = true)]
    pub(crate) user: Option<String>,
    /// The password of the user
    #[arg(long, value_name = "PASSWORD", global = true)]
    pub(crate) password: Option<String>,
    /// Log in with a token
    #[arg(long, value_name = "TOKEN", global = true)]
    pub(crate) token: Option<String>,
    /// Log in with a credentials file
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) creds: Option<PathBuf>,
    /// Log in with the NKEY whose seed is in this file
    #[arg(long, value_name = "SEED_FILE", global = true)]
    pub(crate) nkey: Option<PathBuf>,
    /// Trust the certificate authorities in this PEM file, besides the system's
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) tls_ca: Option<PathBuf>,
    /// Show the server the certificate in this PEM file
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The private key of the certificate, a PEM file
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) tls_key: Option<PathBuf>,
    /// Begin TLS before the server says anything
    #[arg(long, global = true)]
    pub(crate) tls_first: bool,
    /// Add a header to the WebSocket handshake; can be given several times
    #[arg(long = "ws-header", value_name = "K:V", value_parser = header, global = true)]
    pub(crate) ws_headers: Vec<(String, String)>,
    /// Connect through this HTTP proxy; `env` takes it from the environment
    #[arg(long, value_name = "URL", global = true, hide_env_values = true)]
    pub(crate) proxy: Option<String>,
    /// The name that the server shows for this connection
    // Not `--name`: objects have one.
    #[arg(long, value_name = "NAME", global = true)]
    pub(crate) connection_name: Option<String>,
    /// How long connecting, and a request, may take, in milliseconds
    #[arg(long, value_name = "MS", global = true)]
    pub(crate) timeout: Option<u64>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Publish messages; when it exits with 0, the server has them
    Pub(Publish),
    /// Subscribe, and print what comes until interrupted
    Sub(Subscribe),
    /// Send a request and print the reply
    Req(Request),
    /// Answer requests until interrupted
    Reply(Reply),
    /// Print what happens to the connection until interrupted
    Events,
    /// Print how long a round trip to the server takes
    Rtt,
    /// Streams, which keep messages
    #[command(subcommand)]
    Stream(Stream),
    /// Consumers, which deliver the messages of a stream
    #[command(subcommand)]
    Consumer(Consumer),
    /// Publish messages to the stream that has their subject; when it exits with 0, it has them
    JsPub(JsPublish),
    /// Buckets of keys and values
    #[command(subcommand)]
    Kv(KeyValue),
    /// Object stores, which keep files of any size
    #[command(subcommand)]
    Object(Object),
}

#[derive(Debug, Args)]
pub(crate) struct Publish {
    pub(crate) subject: String,
    /// What to send
    #[arg(default_value = "", allow_negative_numbers = true)]
    pub(crate) payload: String,
    /// A header; can be given several times
    #[arg(long = "header", value_name = "K:V", value_parser = header)]
    pub(crate) headers: Vec<(String, String)>,
    /// The subject that answers are expected on
    #[arg(long, value_name = "SUBJECT")]
    pub(crate) reply: Option<String>,
    /// How many messages
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) count: u64,
    /// Send this many bytes instead of a payload
    #[arg(long, value_name = "BYTES", conflicts_with = "payload")]
    pub(crate) size: Option<usize>,
}

#[derive(Debug, Args)]
pub(crate) struct Subscribe {
    pub(crate) subject: String,
    /// Join a queue group
    #[arg(long, value_name = "GROUP")]
    pub(crate) queue: Option<String>,
    /// Exit after this many messages
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) max: Option<u64>,
    /// Print headers
    #[arg(long)]
    pub(crate) headers: bool,
    /// Print the payload alone, a line each
    #[arg(long)]
    pub(crate) raw: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Request {
    pub(crate) subject: String,
    /// What to ask
    #[arg(default_value = "", allow_negative_numbers = true)]
    pub(crate) payload: String,
    /// A header; can be given several times
    #[arg(long = "header", value_name = "K:V", value_parser = header)]
    pub(crate) headers: Vec<(String, String)>,
}

#[derive(Debug, Args)]
pub(crate) struct Reply {
    pub(crate) subject: String,
    /// What to answer; without it, payload and headers of the request are sent back
    #[arg(allow_negative_numbers = true)]
    pub(crate) payload: Option<String>,
    /// Join a queue group
    #[arg(long, value_name = "GROUP")]
    pub(crate) queue: Option<String>,
    /// Exit after this many requests
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) max: Option<u64>,
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("write it as NAME:VALUE")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}
