//! What a client says of itself in `CONNECT`, and who is let in.

use std::fmt;

use serde::Deserialize;

/// Who is let in.
#[derive(Clone, Default)]
pub(super) enum Credentials {
    #[default]
    Anyone,
    Token(String),
    User {
        name: String,
        password: String,
    },
}

impl Credentials {
    pub(super) fn required(&self) -> bool {
        !matches!(self, Self::Anyone)
    }

    fn admit(&self, claim: &Claim) -> bool {
        match self {
            Self::Anyone => true,
            Self::Token(token) => claim.auth_token.as_ref() == Some(token),
            Self::User { name, password } => {
                claim.user.as_ref() == Some(name) && claim.pass.as_ref() == Some(password)
            }
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Anyone => "Anyone",
            Self::Token(_) => "Token(..)",
            Self::User { .. } => "User(..)",
        })
    }
}

/// The JSON of `CONNECT`. What is missing or `null` stays as it was.
///
/// It has no `Debug`: there are secrets in it.
#[derive(Deserialize)]
struct Claim {
    verbose: Option<bool>,
    pedantic: Option<bool>,
    echo: Option<bool>,
    headers: Option<bool>,
    no_responders: Option<bool>,
    auth_token: Option<String>,
    user: Option<String>,
    pass: Option<String>,
}

/// What a client asked for. The values before its `CONNECT` are nats-server's.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "these are the protocol's switches")]
pub(super) struct Wishes {
    pub(super) verbose: bool,
    pub(super) pedantic: bool,
    pub(super) echo: bool,
    pub(super) headers: bool,
    pub(super) no_responders: bool,
}

impl Default for Wishes {
    fn default() -> Self {
        Self { verbose: true, pedantic: true, echo: true, headers: false, no_responders: false }
    }
}

/// Why a `CONNECT` ends the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The server ends the connection without a word.
    Json,
    Credentials,
    NoRespondersWithoutHeaders,
}

impl Wishes {
    /// Takes over what a `CONNECT` says.
    pub(super) fn update(
        &mut self,
        json: &[u8],
        server_headers: bool,
        credentials: &Credentials,
    ) -> Result<(), Refusal> {
        let claim: Claim = serde_json::from_slice(json).map_err(|_| Refusal::Json)?;
        for (wish, claimed) in [
            (&mut self.verbose, claim.verbose),
            (&mut self.pedantic, claim.pedantic),
            (&mut self.echo, claim.echo),
            (&mut self.headers, claim.headers),
            (&mut self.no_responders, claim.no_responders),
        ] {
            *wish = claimed.unwrap_or(*wish);
        }
        self.headers &= server_headers;
        if !credentials.admit(&claim) {
            Err(Refusal::Credentials)
        } else if self.no_responders && !self.headers {
            Err(Refusal::NoRespondersWithoutHeaders)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_never_shown() {
        let user = Credentials::User { name: "canary".into(), password: "canary".into() };
        let shown = format!("{user:?} {:?}", Credentials::Token("canary".into()));
        assert_eq!(shown, "User(..) Token(..)");
    }

    #[test]
    fn what_is_missing_stays_as_it_was() {
        let mut wishes = Wishes::default();
        let json = br#"{"verbose":false,"echo":null,"headers":true,"name":"x"}"#;
        assert_eq!(wishes.update(json, true, &Credentials::Anyone), Ok(()));
        assert!(!wishes.verbose && wishes.pedantic && wishes.echo && wishes.headers);
    }
}
