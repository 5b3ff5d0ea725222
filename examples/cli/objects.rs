//! What is done with objects, but for bringing their bytes from here to there.

use natsws::jetstream::JetStream;
use natsws::object_store::{ObjectInfo, ObjectLink, ObjectStoreConfig};

use crate::args::Object;
use crate::{Done, output, table, transfer};

pub(crate) async fn run(js: &JetStream, command: Object) -> Done {
    match command {
        Object::Ls { bucket } => list(js, &bucket).await,
        Object::Add { bucket } => {
            js.create_object_store(ObjectStoreConfig::new(bucket)).await?;
            Ok(())
        }
        Object::Put { bucket, file, name } => {
            let info = transfer::put(&js.object_store(&bucket).await?, &file, name).await?;
            Ok(output::print(info.digest.unwrap_or_default())?)
        }
        Object::Get { bucket, name, output } => {
            let object = js.object_store(&bucket).await?.get(&name).await?;
            transfer::get(object, output.as_deref()).await
        }
        Object::Rm { bucket, name } => {
            let store = js.object_store(&bucket).await?;
            // One that was deleted before would be right otherwise.
            store.info(&name).await?;
            Ok(store.delete(&name).await?)
        }
        Object::Info { bucket, name } => {
            Ok(tell(&js.object_store(&bucket).await?.info(&name).await?)?)
        }
    }
}

async fn list(js: &JetStream, bucket: &str) -> Done {
    let mut objects = js.object_store(bucket).await?.list().await?.into_vec().await?;
    objects.sort_by(|one, other| one.name.cmp(&other.name));
    let row = |info: ObjectInfo| {
        [
            table::cell(&info.name),
            info.size.to_string(),
            info.chunks.to_string(),
            output::time(info.modified),
        ]
    };
    let rows = objects.into_iter().map(row);
    Ok(table::list("objects", ["NAME", "SIZE", "CHUNKS", "MODIFIED"], rows)?)
}

fn tell(info: &ObjectInfo) -> std::io::Result<()> {
    let dash = || "-".to_owned();
    table::facts([
        ("name", table::cell(&info.name)),
        ("store", info.bucket.clone()),
        ("description", info.description.as_deref().map_or_else(dash, table::cell)),
        ("size", info.size.to_string()),
        ("chunks", info.chunks.to_string()),
        ("digest", info.digest.clone().unwrap_or_else(dash)),
        ("modified", output::time(info.modified)),
        ("link to", info.link().map_or_else(dash, target)),
    ])
}

fn target(link: &ObjectLink) -> String {
    match &link.name {
        Some(name) => format!("{} in {}", table::cell(name), link.bucket),
        None => link.bucket.clone(),
    }
}
