//! What can be said of streams and consumers.

use clap::{Args, Subcommand, ValueEnum, value_parser};

#[derive(Debug, Subcommand)]
pub(crate) enum Stream {
    /// List all streams
    Ls,
    /// Print what is known of a stream
    Info { name: String },
    /// Make a stream; one that is there and the same is right too
    Add(AddStream),
    /// Delete a stream with all that is in it
    Rm { name: String },
    /// Delete all messages of a stream, and print how many these were
    Purge { name: String },
}

#[derive(Debug, Args)]
pub(crate) struct AddStream {
    pub(crate) name: String,
    /// The subjects whose messages it keeps, with wildcards
    #[arg(long, value_name = "SUBJECT", value_delimiter = ',', required = true)]
    pub(crate) subjects: Vec<String>,
    /// Where it keeps them
    #[arg(long, value_enum, default_value_t = Storage::File)]
    pub(crate) storage: Storage,
    /// How many servers keep it
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) replicas: u32,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Storage {
    File,
    Memory,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Consumer {
    /// List all consumers of a stream
    Ls { stream: String },
    /// Print what is known of a consumer
    Info { stream: String, name: String },
    /// Make a durable consumer; one that is there and the same is right too
    Add(AddConsumer),
    /// Delete a consumer
    Rm { stream: String, name: String },
    /// Print the next messages of a consumer; without --ack they are given back
    Next(Next),
}

#[derive(Debug, Args)]
pub(crate) struct AddConsumer {
    pub(crate) stream: String,
    pub(crate) name: String,
    /// Deliver only messages of this subject, with wildcards
    #[arg(long, value_name = "SUBJECT")]
    pub(crate) filter: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Next {
    pub(crate) stream: String,
    pub(crate) name: String,
    /// How many messages at most; they are waited for as long as a request is
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value_parser!(u32).range(1..))]
    pub(crate) count: u32,
    /// Acknowledge them, so that they do not come again
    #[arg(long)]
    pub(crate) ack: bool,
}

#[derive(Debug, Args)]
pub(crate) struct JsPublish {
    pub(crate) subject: String,
    /// What to store
    #[arg(allow_negative_numbers = true)]
    pub(crate) payload: String,
    /// What the stream knows the message by: of several with the same id it stores the first
    #[arg(long)]
    pub(crate) id: Option<String>,
    /// How many messages
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value_parser!(u64).range(1..))]
    pub(crate) count: u64,
}
