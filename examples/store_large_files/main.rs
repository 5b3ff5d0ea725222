//! Puts a large file into an object store and gets it back, a few MiB of it in memory at a time.
//!
//! `cargo run --example store_large_files -- FILE`, or without a file for 64 MiB that are made up. It
//! needs a server with JetStream: the one that `NATS_URL` names, or `nats://localhost:4222`, as
//! `nats-server --jetstream` is.

#![expect(clippy::print_stdout, reason = "an example tells what happens")]

use std::error::Error;
use std::io::{self, Write};
use std::path::Path;
use std::pin::Pin;

use natsws::Client;
use natsws::object_store::ObjectStoreConfig;
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt};

const MIB: u64 = 1024 * 1024;
const MADE_UP: u64 = 64 * MIB;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::var("NATS_URL").unwrap_or_else(|_| "nats://localhost:4222".to_owned());
    let (name, reader) = open(std::env::args().nth(1)).await?;

    let js = Client::connect(url).await?.jetstream();
    let config = ObjectStoreConfig::new("examples").description("What the examples store");
    let files = js.create_or_update_object_store(config).await?;

    let mut told = 0;
    let put = files
        .put(&name, reader)
        .description("Put by an example")
        .header("Content-Type", "application/octet-stream")
        .progress(|stored| {
            if stored >= told + 8 * MIB {
                told = stored;
                // A progress that nobody sees is no reason to stop.
                drop(writeln!(io::stderr(), "{} MiB are stored", stored / MIB));
            }
        })
        .await?;
    println!("put {name}: {} bytes in {} chunks", put.size, put.chunks);

    // Anything that takes bytes: a file, the body of a response.
    let mut object = files.get(&name).await?;
    let got = tokio::io::copy(&mut object, &mut tokio::io::sink()).await?;
    // Had they been others than those that were put, the copy would have failed.
    assert_eq!((got, &object.info().digest), (put.size, &put.digest));
    println!("got {name}: {got} bytes with the same digest");

    files.delete(&name).await?;
    println!("deleted {name}");
    Ok(())
}

/// The file, or what is made up in place of one, and its name.
async fn open(path: Option<String>) -> io::Result<(String, Pin<Box<dyn AsyncRead + Send>>)> {
    let Some(path) = path else {
        return Ok(("made up".to_owned(), Box::pin(tokio::io::repeat(b'x').take(MADE_UP))));
    };
    let name = Path::new(&path).file_name().map(|name| name.to_string_lossy().into_owned());
    Ok((name.unwrap_or_else(|| path.clone()), Box::pin(File::open(path).await?)))
}
