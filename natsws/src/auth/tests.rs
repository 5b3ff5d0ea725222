//! Credentials from each source, and how they come together. No server takes part.

use std::io;
use std::sync::Arc;

use super::*;

fn at(addr: &str) -> Arc<ServerAddr> {
    Arc::new(addr.parse().expect("a good address"))
}

async fn made(auth: &Auth, addr: &str) -> Result<Credentials, AuthError> {
    auth.credentials(&at(addr), Some("nonce")).await
}

#[tokio::test]
async fn what_is_said_later_wins_and_kinds_come_together() {
    let mut auth = Auth::default();
    assert!(made(&auth, "ws://a").await.expect("none") == Credentials::new());
    let of_the_address = made(&auth, "ws://u:p@a").await.expect("those");
    assert!(of_the_address == Credentials::new().user("u", "p"));
    auth.authenticators.push(boxed(|_| async {
        Ok::<_, io::Error>(Credentials::new().user("a", "b").token("c"))
    }));
    auth.authenticators
        .push(boxed(|_| async { Ok::<_, io::Error>(Credentials::new().user("d", "e")) }));
    let all = made(&auth, "ws://u:p@a").await.expect("all");
    assert!(all == Credentials::new().user("d", "e").token("c"));
    auth.user = Some(("f".to_owned(), "g".to_owned()));
    auth.token = Some("h".to_owned());
    let all = made(&auth, "ws://u:p@a").await.expect("all");
    assert!(all == Credentials::new().user("f", "g").token("h"));
}

#[tokio::test]
async fn an_authenticator_is_asked_with_the_nonce_and_the_server() {
    let mut auth = Auth::default();
    auth.authenticators.push(boxed(|challenge: Challenge| async move {
        let Challenge { nonce, server } = challenge;
        Ok::<_, io::Error>(Credentials::new().user(nonce.unwrap_or_default(), server.host()))
    }));
    assert!(made(&auth, "ws://a").await.expect("made") == Credentials::new().user("nonce", "a"));
}

#[tokio::test]
async fn errors_and_panics_of_an_authenticator_are_errors() {
    let failing = |fault: fn() -> Result<Credentials, io::Error>| {
        let mut auth = Auth::default();
        auth.authenticators.push(boxed(move |_| async move { fault() }));
        auth
    };
    let error = made(&failing(|| Err(io::Error::other("the vault is shut"))), "ws://a").await;
    let error = error.expect_err("it fails");
    assert_eq!(error.to_string(), "the authenticator failed");
    assert_eq!(error.source().map(ToString::to_string).as_deref(), Some("the vault is shut"));
    let panicking = failing(|| std::panic::resume_unwind(Box::new("canary")));
    let error = made(&panicking, "ws://a").await.expect_err("it panics");
    assert!(matches!(error, AuthError::Panicked), "{error:?}");
}

#[cfg(feature = "nkeys")]
mod nkeys_and_creds {
    use nkeys::KeyPair;
    use zeroize::Zeroizing;

    use super::super::creds::parse;
    use super::*;

    /// A seed that protects nothing.
    const SEED: &str = "SUAGC3DOOQVZTUUYYS7SEVLHMUKWF7UTMDCU5VUVMLWRMFBQTPQKLLP5VQ";

    fn with(authenticator: impl Authenticator) -> Auth {
        Auth { authenticators: vec![boxed(authenticator)], ..Auth::default() }
    }

    fn seed() -> Zeroizing<String> {
        Zeroizing::new(KeyPair::new_user().seed().expect("a seed"))
    }

    #[tokio::test]
    async fn an_nkey_signs_the_nonce() {
        let seed = seed();
        let pair = KeyPair::from_seed(&seed).expect("a seed");
        let auth = with(Nkey { seed });
        let made = made(&auth, "ws://a").await.expect("made");
        assert_eq!(made.nkey, Some(pair.public_key()));
        let signature = data_encoding::BASE64URL_NOPAD
            .decode(made.signature.expect("a signature").as_bytes())
            .expect("base64url");
        pair.verify(b"nonce", &signature).expect("it fits");
        let without = auth.credentials(&at("ws://a"), None).await.expect("made");
        assert_eq!(without.signature.as_deref(), Some(""));
    }

    #[tokio::test]
    async fn seeds_that_are_none_are_refused_and_not_shown() {
        let account = KeyPair::new_account().seed().expect("a seed");
        for (seed, expected) in [
            ("", "it is misspelt or cut off"),
            (&SEED[..40], "it is misspelt or cut off"),
            ("canary", "it is misspelt or cut off"),
            (&account, "it is not a user's, which starts with SU"),
        ] {
            let auth = with(Nkey { seed: Zeroizing::new(seed.to_owned()) });
            let error = made(&auth, "ws://a").await.expect_err("it is no seed");
            assert_eq!(error.to_string(), format!("the NKEY seed is not valid: {expected}"));
            assert!(!format!("{error:?}").contains("canary"));
        }
    }

    #[tokio::test]
    async fn a_bearer_jwt_needs_no_seed() {
        let auth = with(Jwt { jwt: "a.b.c".to_owned(), seed: None });
        assert!(made(&auth, "ws://a").await.expect("made") == Credentials::new().jwt("a.b.c"));
    }

    #[test]
    fn the_expiry_of_a_jwt_is_read_where_there_is_one() {
        let jwt = |claims: &str| {
            let claims = data_encoding::BASE64URL_NOPAD.encode(claims.as_bytes());
            Credentials::new().jwt(format!("e30.{claims}.sig")).expires_at()
        };
        assert_eq!(jwt(r#"{"exp":1700000000,"sub":"U"}"#), Some(1_700_000_000));
        assert_eq!(jwt(r#"{"sub":"U"}"#), None);
        assert_eq!(jwt(r#"{"exp":0}"#), None);
        assert_eq!(jwt("no json"), None);
        assert_eq!(Credentials::new().jwt("junk").expires_at(), None);
    }

    #[test]
    fn creds_are_read_however_they_are_spaced() {
        let unix = "-----BEGIN NATS USER JWT-----\njwt\n------END NATS USER JWT------\n\n\
            ****** keep it secret ******\n\n-----BEGIN USER NKEY SEED-----\nseed\n\
            ------END USER NKEY SEED------\n";
        let indented = unix.replace('\n', "\n    ");
        let windows = format!("\u{feff}{}", unix.replace('\n', "\r\n"));
        for text in
            [unix, unix.trim_end(), &indented, &windows, &unix.replace("jwt\n", "\njwt\n\n")]
        {
            assert_eq!(parse(text).expect("good creds"), ("jwt", "seed"), "{text:?}");
        }
    }

    #[test]
    fn creds_that_are_none_are_refused_with_the_line() {
        for (text, line, fault) in [
            ("", 0, "the block with the JWT is missing"),
            ("canary", 1, "the block with the JWT is missing"),
            ("---BEGIN---\njwt\n---END---", 3, "the block with the seed is missing"),
            ("---BEGIN---\njwt\n", 1, "a block does not end"),
            ("---BEGIN---\n---END---", 2, "a block is empty"),
            ("---BEGIN---\na\nb\n---END---", 3, "a block has more than one line"),
            ("---BEGIN---\n---BEGIN---", 2, "a block begins inside another"),
            ("\n---END---", 2, "a block ends that did not begin"),
        ] {
            let error = parse(text).expect_err("bad creds");
            let expected = format!("the credentials are not valid at line {line}: {fault}");
            assert_eq!(error.to_string(), expected, "{text:?}");
        }
    }

    #[tokio::test]
    async fn a_creds_file_that_cannot_be_used_is_named() {
        let missing = with(CredsFile("/nowhere/user.creds".into()));
        let error = made(&missing, "ws://a").await.expect_err("there is none");
        assert_eq!(error.to_string(), "the credentials file /nowhere/user.creds cannot be used");
        assert!(error.source().is_some());
        let directory = with(CredsFile(std::env::temp_dir()));
        assert!(made(&directory, "ws://a").await.is_err());
    }
}
