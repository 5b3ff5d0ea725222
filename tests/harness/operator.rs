//! Users whom the server knows by nothing but a signature.

mod jwt;
#[cfg(test)]
mod tests;

use std::time::Duration;

use nkeys::KeyPair;
use serde_json::{Value, json};

use self::jwt::{claims, expire_in, sign};
use crate::Nkey;

/// An operator with one account, which lets users in by signing a JWT for each of them.
///
/// ```no_run
/// # use natsws_tests::{Operator, Server};
/// let operator = Operator::new();
/// let server = Server::builder().operator(&operator).start();
/// // A client connects with these credentials.
/// let credentials = operator.user().creds();
/// ```
///
/// JWTs count the time in whole seconds: whatever expires does so up to a second late. A user who
/// comes back within the second of the expiry is let in, and sent away again at once.
#[derive(Debug, Clone)]
pub struct Operator {
    jwt: String,
    system_account: (String, String),
    account: (KeyPair, String),
}

/// A user of an [`Operator`].
#[derive(Debug, Clone)]
pub struct User {
    nkey: Nkey,
    jwt: String,
}

impl Operator {
    /// Makes the keys of an operator, a system account and an account.
    pub fn new() -> Self {
        Self::with_account(|_| {})
    }

    /// [`new`](Self::new), with an account that comes to its end.
    pub fn with_account_expiring_in(time: Duration) -> Self {
        Self::with_account(|claims| expire_in(claims, time))
    }

    /// [`new`](Self::new), with other claims in the account's JWT, such as
    /// `claims["nats"]["limits"]["subs"]`.
    pub fn with_account(change: impl FnOnce(&mut Value)) -> Self {
        let (operator, system, account) =
            (KeyPair::new_operator(), KeyPair::new_account(), KeyPair::new_account());
        let nats = json!({ "type": "operator", "system_account": system.public_key() });
        let jwt = sign(&operator, &claims("operator", &operator, &operator.public_key(), nats));
        let of_account = |pair: &KeyPair, name: &str| {
            claims(name, &operator, &pair.public_key(), account_claims())
        };
        let system_jwt = sign(&operator, &of_account(&system, "system"));
        let mut changed = of_account(&account, "account");
        change(&mut changed);
        Self {
            jwt,
            system_account: (system.public_key(), system_jwt),
            account: (account, sign(&operator, &changed)),
        }
    }

    /// Makes a user who may do everything in the account, for ever.
    pub fn user(&self) -> User {
        self.user_with(|_| {})
    }

    /// Makes a user whom the server sends away after this time.
    pub fn user_expiring_in(&self, time: Duration) -> User {
        self.user_with(|claims| expire_in(claims, time))
    }

    /// Makes a user who needs nothing but the JWT: no key, and no signature.
    pub fn bearer(&self) -> User {
        self.user_with(|claims| claims["nats"]["bearer_token"] = true.into())
    }

    /// [`bearer`](Self::bearer), whom the server sends away after this time.
    pub fn bearer_expiring_in(&self, time: Duration) -> User {
        self.user_with(|claims| {
            claims["nats"]["bearer_token"] = true.into();
            expire_in(claims, time);
        })
    }

    /// Makes a user with other claims in the JWT, such as
    /// `claims["nats"]["pub"] = json!({ "allow": ["greet.>"] })`.
    pub fn user_with(&self, change: impl FnOnce(&mut Value)) -> User {
        let nkey = Nkey::new();
        let nats = json!({
            "type": "user", "pub": {}, "sub": {}, "subs": -1, "data": -1, "payload": -1,
        });
        let (account, _) = &self.account;
        let mut claims = claims("user", account, &nkey.public_key(), nats);
        change(&mut claims);
        User { nkey, jwt: sign(account, &claims) }
    }

    /// The public key of the account: `A...`.
    pub fn account(&self) -> String {
        self.account.0.public_key()
    }

    /// The lines for a server's configuration.
    pub(crate) fn config(&self) -> String {
        let (system, system_jwt) = &self.system_account;
        let (account, account_jwt) = (self.account(), &self.account.1);
        format!(
            "operator: {}\nsystem_account: {system}\nresolver: MEMORY\n\
             resolver_preload: {{ {system}: {system_jwt}, {account}: {account_jwt} }}",
            self.jwt
        )
    }
}

impl Default for Operator {
    fn default() -> Self {
        Self::new()
    }
}

impl User {
    /// The JWT, which says who the user is and what the user may do.
    pub fn jwt(&self) -> &str {
        &self.jwt
    }

    /// The secret key: `SU...`.
    pub fn seed(&self) -> String {
        self.nkey.seed()
    }

    /// The public key: `U...`.
    pub fn public_key(&self) -> String {
        self.nkey.public_key()
    }

    /// What stands in the user's credentials file: the JWT and the secret key.
    pub fn creds(&self) -> String {
        format!(
            "-----BEGIN NATS USER JWT-----\n{}\n------END NATS USER JWT------\n\n\
             ************************* IMPORTANT *************************\n\
             NKEY Seed printed below can be used to sign and prove identity.\n\
             NKEYs are sensitive and should be treated as secrets.\n\n\
             -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n\n\
             *************************************************************\n",
            self.jwt,
            self.seed()
        )
    }

    /// See [`Nkey::sign`].
    pub fn sign(&self, nonce: &str) -> String {
        self.nkey.sign(nonce)
    }
}

/// No limits: a limit that is not stated is 0.
fn account_claims() -> Value {
    json!({
        "type": "account",
        "limits": {
            "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1,
            "wildcards": true, "conn": -1, "leaf": -1,
        },
        "default_permissions": { "pub": {}, "sub": {} },
    })
}
