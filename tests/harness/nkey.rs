//! A key pair that proves who a client is.

use data_encoding::BASE64URL_NOPAD;
use nkeys::KeyPair;

/// The key pair of a user, of whom the server knows only the public half.
///
/// ```no_run
/// # use natsws_tests::{Nkey, Server};
/// let nkey = Nkey::new();
/// let server = Server::builder().nkey(&nkey.public_key()).start();
/// // A client connects with nkey.seed().
/// ```
#[derive(Debug, Clone)]
pub struct Nkey(KeyPair);

impl Nkey {
    /// Makes a new pair.
    pub fn new() -> Self {
        Self(KeyPair::new_user())
    }

    /// The secret half: `SU...`.
    pub fn seed(&self) -> String {
        self.0.seed().expect("the pair has its secret half")
    }

    /// The half that the server may know: `U...`.
    pub fn public_key(&self) -> String {
        self.0.public_key()
    }

    /// What a client has to say in `CONNECT` as `sig`, to a server that said this `nonce` in its
    /// `INFO`. It is the same each time.
    pub fn sign(&self, nonce: &str) -> String {
        sign(&self.0, nonce)
    }
}

impl Default for Nkey {
    fn default() -> Self {
        Self::new()
    }
}

/// Signatures travel as text.
pub(crate) fn sign(pair: &KeyPair, text: &str) -> String {
    BASE64URL_NOPAD.encode(&pair.sign(text.as_bytes()).expect("the pair has its secret half"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Server;
    use crate::server::testing::authenticate;

    #[tokio::test]
    async fn a_user_needs_the_key_that_the_server_knows() {
        let (nkey, stranger) = (Nkey::new(), Nkey::new());
        assert!(nkey.seed().starts_with("SU"));
        let server = Server::builder().nkey(&nkey.public_key()).start();
        for (signed_by, answer) in [(&nkey, "PONG"), (&stranger, "-ERR 'Authorization Violation'")]
        {
            let connect =
                |nonce: &str| json!({ "nkey": nkey.public_key(), "sig": signed_by.sign(nonce) });
            assert_eq!(authenticate(&server, connect).await.1, answer);
        }
    }
}
