//! What can be said of objects.

use std::path::PathBuf;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum Object {
    /// List the objects of a store
    Ls { bucket: String },
    /// Make a store; one that is there and the same is right too
    Add { bucket: String },
    /// Store a file, and print its digest
    Put {
        bucket: String,
        file: PathBuf,
        /// The name of the object, where it is not to be the file's
        #[arg(long)]
        name: Option<String>,
    },
    /// Print the bytes of an object, or write them to a file
    Get {
        bucket: String,
        name: String,
        /// Where to; the file is there when it is whole
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Delete an object
    Rm { bucket: String, name: String },
    /// Print what is known of an object
    Info { bucket: String, name: String },
}
