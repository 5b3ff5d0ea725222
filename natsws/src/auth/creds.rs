//! Creds files: a user's JWT and NKEY seed in one text.

use std::error::Error;

use zeroize::Zeroizing;

use super::nkey::sign;
use super::{AuthError, Authenticator, Challenge, Credentials};

/// Logs in with the text of a creds file.
pub(crate) struct CredsText(pub(crate) Zeroizing<String>);

impl Authenticator for CredsText {
    async fn authenticate(
        &self,
        challenge: Challenge,
    ) -> Result<Credentials, Box<dyn Error + Send + Sync>> {
        Ok(log_in(&self.0, &challenge)?)
    }
}

pub(super) fn log_in(text: &str, challenge: &Challenge) -> Result<Credentials, AuthError> {
    let (jwt, seed) = parse(text)?;
    sign(Credentials::new().jwt(jwt), seed, challenge)
}

/// Finds the two blocks: the first is the JWT, the second the seed. Each is one line between a
/// `BEGIN` and an `END` line of three or more dashes on each side.
pub(super) fn parse(text: &str) -> Result<(&str, &str), AuthError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut blocks = Vec::new();
    // The line on which the block began that is being read, and what is in it.
    let mut open: Option<(usize, Option<&str>)> = None;
    let mut last = 0;
    for (at, line) in text.lines().enumerate() {
        last = at + 1;
        let fault = |fault| AuthError::Creds { line: at + 1, fault };
        let line = line.trim();
        let is_mark = line.starts_with("---") && line.ends_with("---");
        match (&mut open, is_mark) {
            (None, true) if line.contains("BEGIN") => open = Some((at + 1, None)),
            (None, true) => return Err(fault("a block ends that did not begin")),
            (None, false) => {}
            (Some(_), true) if line.contains("BEGIN") => {
                return Err(fault("a block begins inside another"));
            }
            (Some((_, content)), true) => {
                blocks.push(content.ok_or_else(|| fault("a block is empty"))?);
                open = None;
            }
            (Some(_), false) if line.is_empty() => {}
            (Some((_, Some(_))), false) => return Err(fault("a block has more than one line")),
            (Some((_, content)), false) => *content = Some(line),
        }
    }
    if let Some((line, _)) = open {
        return Err(AuthError::Creds { line, fault: "a block does not end" });
    }
    match blocks.as_slice() {
        [jwt, seed, ..] => Ok((jwt, seed)),
        [_] => Err(AuthError::Creds { line: last, fault: "the block with the seed is missing" }),
        [] => Err(AuthError::Creds { line: last, fault: "the block with the JWT is missing" }),
    }
}
