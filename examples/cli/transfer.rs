//! Bringing objects from files into a store, and from there to files or stdout.

mod interruptible;
mod part;

use std::io::{self, IsTerminal, Write};
use std::path::Path;

use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};
use natsws::object_store::{Object, ObjectError, ObjectInfo, ObjectStore};
use tokio::fs::File;
use tokio::signal::ctrl_c;
use tokio::task::yield_now;

use self::interruptible::Interruptible;
use self::part::Part;
use crate::Done;
use crate::ending::unless_interrupted;

pub(crate) async fn put(
    store: &ObjectStore,
    path: &Path,
    name: Option<String>,
) -> Done<ObjectInfo> {
    let of_file = |error| format!("{}: {error}", path.display());
    let file = File::open(path).await.map_err(of_file)?;
    let len = file.metadata().await.map_err(of_file)?.len();
    let own_name = || Some(path.file_name()?.to_str()?.to_owned());
    let Some(name) = name.or_else(own_name) else {
        return Err(format!("{}: name the object with --name", path.display()).into());
    };
    let bar = bar(len)?;
    let put = store.put(&name, Interruptible::new(file)).progress(|bytes| bar.set_position(bytes));
    let twice = async {
        ctrl_c().await?;
        ctrl_c().await
    };
    let done = tokio::select! {
        biased;
        signal = twice => {
            signal?;
            return Err("interrupted twice: what was stored of it may be left in the store".into());
        }
        done = put => done,
    };
    match done {
        Err(ObjectError::Source(why)) => Err(format!("{}: {why}", path.display()).into()),
        done => Ok(done?),
    }
}

pub(crate) async fn get(object: Object, path: Option<&Path>) -> Done {
    let Some(path) = path else {
        let shows = !io::stdout().is_terminal();
        let bar = if shows { bar(object.info().size)? } else { ProgressBar::hidden() };
        return unless_interrupted(copy(object, &bar, &mut io::stdout())).await;
    };
    let of_file = |error| format!("{}: {error}", path.display());
    let bar = bar(object.info().size)?;
    let mut part = Part::create(path).map_err(of_file)?;
    unless_interrupted(copy(object, &bar, part.file())).await?;
    Ok(part.keep().map_err(of_file)?)
}

async fn copy(mut object: Object, bar: &ProgressBar, out: &mut impl Write) -> Done {
    while let Some(bytes) = object.next().await {
        let bytes = bytes?;
        out.write_all(&bytes)?;
        bar.inc(u64::try_from(bytes.len())?);
        // Where there is always more, Ctrl-C would not be seen.
        yield_now().await;
    }
    Ok(out.flush()?)
}

/// What shows how far it is, where stderr is a terminal; elsewhere it draws nothing.
fn bar(len: u64) -> Done<ProgressBar> {
    // However this ends.
    let bar = ProgressBar::new(len).with_finish(ProgressFinish::AndClear);
    let style = "[{bar:40}] {bytes}/{total_bytes} {bytes_per_sec}, {eta} left";
    bar.set_style(ProgressStyle::with_template(style)?);
    Ok(bar)
}
