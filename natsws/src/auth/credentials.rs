//! What a client logs in with.

use std::fmt;

/// What a client logs in with: any of user and password, token, NKEY signature and JWT. Different
/// kinds can be given together; the server takes what it is configured for.
///
/// An [`Authenticator`](crate::Authenticator) makes them. They are never shown.
///
/// ```
/// use natsws::Credentials;
///
/// let credentials = Credentials::new().user("billing", "s3cret").token("t0ken");
/// assert_eq!(format!("{credentials:?}"), "Credentials { user, token }");
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
#[must_use = "credentials do nothing until they are given to a connection"]
pub struct Credentials {
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) token: Option<String>,
    pub(crate) jwt: Option<String>,
    pub(crate) nkey: Option<String>,
    pub(crate) signature: Option<String>,
}

impl Credentials {
    /// None at all.
    pub fn new() -> Self {
        Self::default()
    }

    /// A user name and a password.
    pub fn user(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self.password = Some(password.into());
        self
    }

    /// A token.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// A user's JWT. Unless it is a bearer JWT, a [signature](Self::signature) goes with it.
    ///
    /// The connection is made anew shortly before the JWT expires.
    pub fn jwt(mut self, jwt: impl Into<String>) -> Self {
        self.jwt = Some(jwt.into());
        self
    }

    /// A public NKEY (`U…`) and the signature of the server's nonce with it: base64url without
    /// padding.
    pub fn signature(
        mut self,
        public_key: impl Into<String>,
        signature: impl Into<String>,
    ) -> Self {
        self.nkey = Some(public_key.into());
        self.signature = Some(signature.into());
        self
    }

    /// Both; what is in `later` wins.
    pub(super) fn merge(self, later: Self) -> Self {
        Self {
            user: later.user.or(self.user),
            password: later.password.or(self.password),
            token: later.token.or(self.token),
            jwt: later.jwt.or(self.jwt),
            nkey: later.nkey.or(self.nkey),
            signature: later.signature.or(self.signature),
        }
    }

    /// When the JWT expires, in seconds since 1970, where there is one that does.
    pub(crate) fn expires_at(&self) -> Option<u64> {
        let claims = self.jwt.as_deref()?.split('.').nth(1)?;
        let claims = data_encoding::BASE64URL_NOPAD.decode(claims.as_bytes()).ok()?;
        let claims: Claims = serde_json::from_slice(&claims).ok()?;
        claims.exp.filter(|exp| *exp > 0)
    }
}

/// What a client wants to know of its own JWT; the server checks the rest.
#[derive(serde::Deserialize)]
struct Claims {
    exp: Option<u64>,
}

/// Which kinds there are, never what they are.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = [
            ("user", self.user.is_some()),
            ("token", self.token.is_some()),
            ("jwt", self.jwt.is_some()),
            ("nkey", self.nkey.is_some()),
        ];
        let kinds: Vec<_> = kinds.into_iter().filter_map(|(kind, is)| is.then_some(kind)).collect();
        write!(f, "Credentials {{ {} }}", kinds.join(", "))
    }
}
