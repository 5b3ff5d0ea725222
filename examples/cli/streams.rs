//! What is done with streams.

use natsws::jetstream::{self, JetStream, JetStreamError, StreamConfig, StreamInfo};

use crate::args::{AddStream, Storage, Stream};
use crate::{Done, output, table};

pub(crate) async fn run(js: &JetStream, command: Stream) -> Done {
    match command {
        Stream::Ls => list(js).await,
        Stream::Info { name } => Ok(tell(js.stream(&name).await?.cached_info())?),
        Stream::Add(args) => {
            js.create_stream(config(args)).await?;
            Ok(())
        }
        Stream::Rm { name } => Ok(js.delete_stream(&name).await?),
        Stream::Purge { name } => {
            let purged = js.stream(&name).await?.purge().await?;
            Ok(output::print(purged)?)
        }
    }
}

fn config(args: AddStream) -> StreamConfig {
    let storage = match args.storage {
        Storage::File => jetstream::Storage::File,
        Storage::Memory => jetstream::Storage::Memory,
    };
    StreamConfig::new(args.name).subjects(args.subjects).storage(storage).replicas(args.replicas)
}

async fn list(js: &JetStream) -> Done {
    let mut streams = js.streams();
    let mut rows = Vec::new();
    while let Some(stream) = streams.next().await {
        match stream {
            Ok(stream) => rows.push(row(stream.cached_info())),
            // The others may be well.
            Err(error @ JetStreamError::StreamOffline { .. }) => {
                output::tell(&format!("warning: {}", output::chain(&error)));
            }
            Err(error) => return Err(error.into()),
        }
    }
    let head = ["NAME", "SUBJECTS", "STORAGE", "MESSAGES", "BYTES", "CONSUMERS"];
    Ok(table::list("streams", head, rows)?)
}

fn row(info: &StreamInfo) -> [String; 6] {
    let StreamInfo { config, state, .. } = info;
    [
        config.name.clone(),
        table::joined(&config.subjects),
        config.storage.to_string(),
        state.messages.to_string(),
        state.bytes.to_string(),
        state.consumers.to_string(),
    ]
}

fn tell(info: &StreamInfo) -> std::io::Result<()> {
    let StreamInfo { config, state, .. } = info;
    table::facts([
        ("name", config.name.clone()),
        ("subjects", table::joined(&config.subjects)),
        ("storage", config.storage.to_string()),
        ("retention", config.retention.to_string()),
        ("replicas", config.replicas.to_string()),
        ("created", output::time(info.created)),
        ("messages", state.messages.to_string()),
        ("bytes", state.bytes.to_string()),
        ("first sequence", state.first_sequence.to_string()),
        ("last sequence", state.last_sequence.to_string()),
        ("consumers", state.consumers.to_string()),
    ])
}
