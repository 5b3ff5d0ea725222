//! NKEYs and JWTs: the server's nonce is signed, and the seed never leaves.

use std::error::Error;

use nkeys::{KeyPair, KeyPairType};
use zeroize::Zeroizing;

use super::{AuthError, Authenticator, Challenge, Credentials};

/// Logs in with an NKEY.
pub(crate) struct Nkey {
    pub(crate) seed: Zeroizing<String>,
}

/// Logs in with a JWT, and with the signature of its NKEY unless it is a bearer JWT.
pub(crate) struct Jwt {
    pub(crate) jwt: String,
    pub(crate) seed: Option<Zeroizing<String>>,
}

impl Authenticator for Nkey {
    async fn authenticate(
        &self,
        challenge: Challenge,
    ) -> Result<Credentials, Box<dyn Error + Send + Sync>> {
        Ok(sign(Credentials::new(), &self.seed, &challenge)?)
    }
}

impl Authenticator for Jwt {
    async fn authenticate(
        &self,
        challenge: Challenge,
    ) -> Result<Credentials, Box<dyn Error + Send + Sync>> {
        let credentials = Credentials::new().jwt(&self.jwt);
        match &self.seed {
            Some(seed) => Ok(sign(credentials, seed, &challenge)?),
            None => Ok(credentials),
        }
    }
}

/// Adds the public key of a seed, and the signature of the server's nonce where it sent one.
pub(super) fn sign(
    credentials: Credentials,
    seed: &str,
    challenge: &Challenge,
) -> Result<Credentials, AuthError> {
    let fault = |fault| AuthError::Seed { fault };
    let pair = KeyPair::from_seed(seed.trim()).map_err(|_| fault("it is misspelt or cut off"))?;
    if pair.key_pair_type() != KeyPairType::User {
        return Err(fault("it is not a user's, which starts with SU"));
    }
    let signature = match &challenge.nonce {
        Some(nonce) => {
            let signed = pair.sign(nonce.as_bytes()).map_err(|_| fault("it cannot sign"))?;
            data_encoding::BASE64URL_NOPAD.encode(&signed)
        }
        None => String::new(),
    };
    Ok(credentials.signature(pair.public_key(), signature))
}
