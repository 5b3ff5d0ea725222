//! What can be said on the command line.

use clap::{Parser, ValueEnum};

/// Measures what messages cost
#[derive(Debug, Clone, Parser)]
#[command(name = "bench", version)]
pub(crate) struct Args {
    /// What to do
    pub(crate) what: What,
    /// The server, as in `ws://127.0.0.1:9222`; without it, a broker in this process, whose cost is
    /// then in the figures
    #[arg(long, value_name = "URL", env = "NATS_URL", hide_env_values = true)]
    pub(crate) server: Option<String>,
    /// The bytes of a payload; with --typed, of the text in it
    #[arg(long, value_name = "BYTES", default_value_t = 128)]
    pub(crate) size: usize,
    /// How many messages, or requests, in a round [default: 1000000, or 100000 requests]
    #[arg(long, value_name = "N")]
    pub(crate) count: Option<u64>,
    /// How many tasks do it at the same time [default: 1, or 64 for requests]
    #[arg(long, value_name = "N")]
    pub(crate) concurrency: Option<u32>,
    /// How often
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub(crate) rounds: u32,
    /// With `store`: how many messages of a task may have no acknowledgement; with 1, each is waited
    /// for. With `consume`: how many are asked for at a time
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(crate) window: usize,
    /// Send and read a declared type; `service` always does, as JSON unless told
    #[arg(long, value_name = "CODEC")]
    pub(crate) typed: Option<Format>,
    /// Do the same with another client, taking turns
    #[arg(long, value_name = "CLIENT")]
    pub(crate) compare: Option<Other>,
    /// Put a tower layer around the service; can be given several times, the outermost last
    #[arg(long = "layer", value_name = "LAYER", value_delimiter = ',')]
    pub(crate) layers: Vec<Layer>,
    /// The number of the run that is fed
    #[arg(long, hide = true, default_value_t = 0)]
    pub(crate) run: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum What {
    /// Publish messages that nobody reads
    Pub,
    /// Read messages
    Sub,
    /// Send requests, and answer them
    Req,
    /// Send requests, and answer them with a natsws-service router
    Service,
    /// Publish messages to a stream in memory, which the server must have JetStream for
    Store,
    /// Read messages of a stream in memory by a pull consumer, and acknowledge each
    Consume,
    /// Publish what `sub` reads, as it says on stdin
    #[value(hide = true)]
    Feed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Json,
    #[value(name = "msgpack")]
    MsgPack,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Other {
    AsyncNats,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Layer {
    /// Every request may take 10 s
    Timeout,
    /// At most 4096 requests run at the same time
    Limit,
    /// What cannot run at once is refused
    LoadShed,
}

impl What {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pub => "pub",
            Self::Sub => "sub",
            Self::Req => "req",
            Self::Service => "service",
            Self::Store => "store",
            Self::Consume => "consume",
            Self::Feed => "feed",
        }
    }

    /// Whether messages are answered.
    pub(crate) fn asks(self) -> bool {
        matches!(self, Self::Req | Self::Service)
    }
}

impl Format {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::MsgPack => "msgpack",
        }
    }
}

impl Layer {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Limit => "limit",
            Self::LoadShed => "load-shed",
        }
    }
}
