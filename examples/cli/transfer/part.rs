//! A file that is there when it is whole.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process;

/// A file that is written beside the place where it is to be, and goes there when it is whole.
/// Dropped before, it is gone, and what was in its place is still there.
#[derive(Debug)]
pub(super) struct Part {
    file: File,
    /// Where it is written and where it is to go; `None` for what is no file, as a pipe or a device,
    /// and is written to as it is.
    way: Option<[PathBuf; 2]>,
}

impl Part {
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        // What a link points to is replaced, not the link.
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if fs::metadata(&target).is_ok_and(|known| !known.is_file()) {
            return Ok(Self { file: File::options().write(true).open(&target)?, way: None });
        }
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let part = target.with_file_name(format!(".{name}.{}.part", process::id()));
        Ok(Self { file: File::create(&part)?, way: Some([part, target]) })
    }

    pub(super) fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// It is whole.
    pub(super) fn keep(mut self) -> io::Result<()> {
        match self.way.take() {
            Some([part, target]) => fs::rename(&part, target).inspect_err(|_| remove(&part)),
            None => Ok(()),
        }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if let Some([part, _]) = &self.way {
            remove(part);
        }
    }
}

/// There is nobody to tell where that fails.
fn remove(part: &Path) {
    let _: io::Result<()> = fs::remove_file(part);
}
