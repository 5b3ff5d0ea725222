//! What the tests fetch once and keep in the target directory.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// The directory for a version of something below the workspace's target directory.
pub(crate) fn cache(what: &str, version: &str) -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target = env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| OsString::from("target"));
    workspace.join(target).join(what).join(version)
}

/// Has `fetch` get something into a directory, and moves it into the cache under its name when it
/// is whole.
pub(crate) fn cached_or_fetched(
    cache: &Path,
    name: &str,
    fetch: impl FnOnce(&Path) -> PathBuf,
) -> PathBuf {
    let cached = cache.join(name);
    if !cached.exists() {
        fs::create_dir_all(cache).expect("the target directory can be written");
        // Test processes that run at the same time fetch once: the lock goes with its process.
        let lock = File::create(cache.join("lock")).expect("the cache can be written");
        lock.lock().expect("the cache can be locked");
        if !cached.exists() {
            // Not in the system's temporary directory: a rename stays in one file system.
            let directory = tempfile::tempdir_in(cache).expect("the cache can be written");
            let fetched = fetch(directory.path());
            fs::rename(&fetched, &cached).expect("a rename inside the cache");
        }
    }
    cached
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn those_who_race_for_an_empty_cache_fetch_once() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let cache = directory.path().join("program").join("1.0");
        let fetched = AtomicUsize::new(0);
        let fetch = |directory: &Path| {
            fetched.fetch_add(1, Ordering::SeqCst);
            let program = directory.join("fetched");
            fs::write(&program, "whole").expect("the directory is there");
            program
        };
        std::thread::scope(|scope| {
            let racers =
                [(); 8].map(|()| scope.spawn(|| cached_or_fetched(&cache, "program", fetch)));
            for racer in racers {
                let program = racer.join().expect("the program is fetched");
                assert_eq!(fs::read_to_string(program).expect("it is there"), "whole");
            }
        });
        assert_eq!(fetched.into_inner(), 1);
    }
}
