//! Who is connecting: credentials, and how they are come by for each connection.

mod authenticator;
mod credentials;
#[cfg(feature = "nkeys")]
mod creds;
#[cfg(all(feature = "nkeys", not(browser)))]
mod creds_file;
#[cfg(feature = "nkeys")]
mod nkey;

use std::error::Error;
use std::sync::Arc;

use crate::server_addr::{ServerAddr, Userinfo};

pub use authenticator::{Authenticator, Challenge};
pub(crate) use authenticator::{DynAuthenticator, boxed};
pub use credentials::Credentials;
#[cfg(feature = "nkeys")]
pub(crate) use creds::CredsText;
#[cfg(all(feature = "nkeys", not(browser)))]
pub(crate) use creds_file::CredsFile;
#[cfg(feature = "nkeys")]
pub(crate) use nkey::{Jwt, Nkey};

/// Why there are no credentials to log in with. Nothing was sent to the server.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthError {
    /// An NKEY seed is not valid: it is 58 characters that start with `SU`.
    #[error("the NKEY seed is not valid: {fault}")]
    Seed {
        /// What is wrong with it; the seed itself is not shown.
        fault: &'static str,
    },
    /// The text of a creds file is not what it should be.
    #[error("the credentials are not valid at line {line}: {fault}")]
    Creds {
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it; the line itself is not shown.
        fault: &'static str,
    },
    /// A creds file cannot be used.
    #[error("the credentials file {path} cannot be used")]
    CredsFile {
        /// The file.
        path: String,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The [`Authenticator`] of the application failed.
    #[error("the authenticator failed")]
    Authenticator(#[source] Box<dyn Error + Send + Sync>),
    /// The [`Authenticator`] of the application panicked.
    #[error("the authenticator panicked")]
    Panicked,
}

/// Everything that may be used to log in. What is said later wins, and different kinds are sent
/// together.
#[derive(Clone, Default)]
pub(crate) struct Auth {
    pub(crate) authenticators: Vec<Arc<dyn DynAuthenticator>>,
    pub(crate) token: Option<String>,
    pub(crate) user: Option<(String, String)>,
}

impl Auth {
    /// The credentials for one connection.
    pub(crate) async fn credentials(
        &self,
        server: &Arc<ServerAddr>,
        nonce: Option<&str>,
    ) -> Result<Credentials, AuthError> {
        let mut all = match server.userinfo() {
            Some(Userinfo::User { user, password }) => Credentials::new().user(user, password),
            Some(Userinfo::Token(token)) => Credentials::new().token(token),
            None => Credentials::new(),
        };
        for authenticator in &self.authenticators {
            let challenge =
                Challenge { nonce: nonce.map(str::to_owned), server: Arc::clone(server) };
            all = all.merge(authenticator.credentials(challenge).await?);
        }
        if let Some(token) = &self.token {
            all = all.token(token);
        }
        if let Some((user, password)) = &self.user {
            all = all.user(user, password);
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests;
