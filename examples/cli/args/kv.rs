//! What can be said of buckets.

use clap::{Subcommand, value_parser};

#[derive(Debug, Subcommand)]
pub(crate) enum KeyValue {
    /// List all buckets
    Ls,
    /// Make a bucket; one that is there and the same is right too
    Add {
        bucket: String,
        /// How many values of each key it keeps
        #[arg(long, value_name = "N", default_value_t = 1, value_parser = value_parser!(u64).range(1..=64))]
        history: u64,
        /// How long it keeps a value, in milliseconds; without it for ever
        #[arg(long, value_name = "MS")]
        ttl: Option<u64>,
    },
    /// Give a key a value, and print the revision of that
    Put {
        bucket: String,
        key: String,
        #[arg(allow_negative_numbers = true)]
        value: String,
    },
    /// Print the value of a key
    Get {
        bucket: String,
        key: String,
        /// Print the bytes of the value alone, with no end of line
        #[arg(long)]
        raw: bool,
    },
    /// Delete a key, leave its history, and print the revision of the deletion
    Del { bucket: String, key: String },
    /// Print the keys that have a value, a line each
    Keys {
        bucket: String,
        /// Only these, with wildcards
        filter: Option<String>,
    },
    /// Print what keys are at, and every change, until interrupted
    Watch {
        bucket: String,
        /// Only of these, with wildcards
        filter: Option<String>,
    },
    /// Print what the bucket keeps of a key, the oldest first
    History { bucket: String, key: String },
}
