//! Options for logging in.

use super::ConnectOptions;
use crate::auth::{Authenticator, boxed};
#[cfg(feature = "nkeys")]
use crate::auth::{CredsText, Jwt, Nkey};

/// Logging in. Several kinds can be given and are sent together; where two say the same, the later
/// one counts, and [`token`](Self::token) and [`user`](Self::user) count last.
impl ConnectOptions {
    /// Logs in with a user name and a password. Default: what the address says, else nothing.
    pub fn user(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.auth.user = Some((user.into(), password.into()));
        self
    }

    /// Logs in with a token. Default: what the address says, else nothing.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.auth.token = Some(token.into());
        self
    }

    /// Logs in with what this makes, anew for every connection: see [`Authenticator`].
    pub fn authenticator(mut self, authenticator: impl Authenticator) -> Self {
        self.auth.authenticators.push(boxed(authenticator));
        self
    }

    /// Logs in with an NKEY: its seed, which starts with `SU` and never leaves this process.
    ///
    /// A seed that is not valid is reported when connecting.
    #[cfg(feature = "nkeys")]
    pub fn nkey(self, seed: impl Into<String>) -> Self {
        self.authenticator(Nkey { seed: seed.into().into() })
    }

    /// Logs in with a JWT and the seed of its NKEY.
    #[cfg(feature = "nkeys")]
    pub fn jwt(self, jwt: impl Into<String>, seed: impl Into<String>) -> Self {
        let seed: String = seed.into();
        self.authenticator(Jwt { jwt: jwt.into(), seed: Some(seed.into()) })
    }

    /// Logs in with a bearer JWT, which needs no seed.
    #[cfg(feature = "nkeys")]
    pub fn bearer_jwt(self, jwt: impl Into<String>) -> Self {
        self.authenticator(Jwt { jwt: jwt.into(), seed: None })
    }

    /// Logs in with the text of a creds file: a JWT and the seed of its NKEY.
    #[cfg(feature = "nkeys")]
    pub fn creds(self, text: impl Into<String>) -> Self {
        self.authenticator(CredsText(text.into().into()))
    }
}
