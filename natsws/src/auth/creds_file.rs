//! Creds files on disk, which a browser has none of.

use std::error::Error;
use std::path::PathBuf;

use zeroize::Zeroizing;

use super::creds::log_in;
use super::{AuthError, Authenticator, Challenge, Credentials};

/// The largest file that is read. Real ones have about 1 KiB.
const LARGEST: u64 = 1024 * 1024;

/// Logs in with a creds file, which is read anew for each connection.
pub(crate) struct CredsFile(pub(crate) PathBuf);

impl Authenticator for CredsFile {
    async fn authenticate(
        &self,
        challenge: Challenge,
    ) -> Result<Credentials, Box<dyn Error + Send + Sync>> {
        let used = self.read().and_then(|text| Ok(log_in(&text, &challenge)?));
        let path = || self.0.display().to_string();
        Ok(used.map_err(|source| AuthError::CredsFile { path: path(), source })?)
    }
}

impl CredsFile {
    /// Reads the file. It is small, so this does not hold up the task for long.
    fn read(&self) -> Result<Zeroizing<String>, Box<dyn Error + Send + Sync>> {
        let size = std::fs::metadata(&self.0)?.len();
        if size > LARGEST {
            return Err(format!("it has {size} bytes, which no credentials file has").into());
        }
        Ok(Zeroizing::new(std::fs::read_to_string(&self.0)?))
    }
}
