//! Each kind of credentials, good and bad.

use std::convert::Infallible;
use std::fs::{self, File};

use natsws::{AttemptError, Authenticator, Challenge, ConnectOptions, Connection, Credentials};
use natsws_tests::{Certificates, Identity, Nkey, Operator, Scripted, Server, Transport, within};
use serde_json::{Value, json};

use super::{address, asking, meet, refused, said, who};
use crate::{attempt, quick};

const UMLAUTS: &str = "§12§12§12";

/// Over each transport, one is let in as this user, and the others are not.
async fn check(server: &Server, user: &str, right: ConnectOptions, wrong: &[ConnectOptions]) {
    for transport in Transport::ALL {
        let url = server.url(transport);
        let nc = crate::connect_with(&url, right.clone()).await;
        nc.flush().await.expect("flushed");
        assert_eq!(who(&nc).await, user);
        for wrong in wrong {
            refused(&url, wrong.clone()).await;
        }
    }
}

/// Always these.
fn fixed(credentials: Credentials) -> impl Authenticator {
    move |_: Challenge| {
        let credentials = credentials.clone();
        async { Ok::<_, Infallible>(credentials) }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_and_a_password_of_any_letters_log_in() {
    let server = Server::builder().user("ann", UMLAUTS).start();
    let wrong = [
        quick(),
        quick().user("ann", "canary"),
        quick().user("bob", UMLAUTS),
        quick().token(UMLAUTS),
    ];
    check(&server, "ann", quick().user("ann", UMLAUTS), &wrong).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_any_letters_logs_in() {
    let server = Server::builder().token(UMLAUTS).start();
    let wrong = [quick(), quick().token("canary"), quick().user(UMLAUTS, UMLAUTS)];
    check(&server, "[REDACTED]", quick().token(UMLAUTS), &wrong).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_the_address_logs_in() {
    let named = Server::builder().user("ann", "p@ss:word").start();
    let token = Server::builder().token("to/ken").start();
    for transport in Transport::ALL {
        let at = |server: &Server, login: &str| {
            server.url(transport).replace("://", &format!("://{login}@"))
        };
        crate::connect(&at(&named, "ann:p%40ss%3Aword")).await;
        crate::connect(&at(&token, "to%2Fken")).await;
        let wrong = Connection::connect_with(at(&named, "ann:canary"), quick()).await;
        let url = named.url(transport);
        assert_eq!(
            wrong.expect_err("it is refused").to_string(),
            format!("no server could be reached: {url} (the server refused the credentials)")
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_nkey_logs_in() {
    let (nkey, stranger) = (Nkey::new(), Nkey::new());
    let server = Server::builder().nkey(&nkey.public_key()).start();
    let forged = Credentials::new().signature(nkey.public_key(), stranger.sign("nonce"));
    let wrong = [
        quick(),
        quick().nkey(stranger.seed()),
        quick().authenticator(fixed(forged)),
        quick().user(nkey.public_key(), "canary"),
    ];
    // A seed that was read from a file has an end of line.
    let right = quick().nkey(nkey.seed() + "\n");
    check(&server, &nkey.public_key(), right, &wrong).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jwt_and_its_seed_log_in() {
    let operator = Operator::new();
    let server = Server::builder().operator(&operator).start();
    let (user, other, stranger) = (operator.user(), operator.user(), Operator::new().user());
    let wrong = [
        quick(),
        quick().jwt(user.jwt(), other.seed()),
        quick().jwt(stranger.jwt(), stranger.seed()),
        quick().bearer_jwt(user.jwt()),
        quick().nkey(user.seed()),
    ];
    let right = quick().jwt(user.jwt(), user.seed());
    check(&server, &user.public_key(), right, &wrong).await;
    // What the server has no use for does no harm.
    let more = quick().creds(user.creds()).user("u", "p").token("t");
    check(&server, &user.public_key(), more, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bearer_jwt_logs_in_alone() {
    let operator = Operator::new();
    let server = Server::builder().operator(&operator).start();
    let user = operator.bearer();
    let wrong = [
        quick().bearer_jwt(Operator::new().bearer().jwt()),
        quick().bearer_jwt("canary"),
        quick().token(user.jwt()),
    ];
    check(&server, &user.public_key(), quick().bearer_jwt(user.jwt()), &wrong).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_creds_text_and_a_creds_file_log_in() {
    let operator = Operator::new();
    let server = Server::builder().operator(&operator).start();
    let (user, stranger) = (operator.user(), Operator::new().user());
    let indented = format!("  {}", user.creds().replace('\n', "\n  "));
    let windows = format!("\u{feff}{}", user.creds().trim_end().replace('\n', "\r\n"));
    let home = tempfile::tempdir().expect("a temporary directory");
    let (right, wrong) = (home.path().join("right.creds"), home.path().join("wrong.creds"));
    fs::write(&right, &windows).expect("written");
    fs::write(&wrong, stranger.creds()).expect("written");
    let wrong = [quick().creds(stranger.creds()), quick().creds_file(&wrong)];
    check(&server, &user.public_key(), quick().creds(user.creds()), &wrong).await;
    for right in [quick().creds(indented), quick().creds(windows), quick().creds_file(&right)] {
        check(&server, &user.public_key(), right, &[]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authenticator_that_signs_by_itself_logs_in() {
    let operator = Operator::new();
    let server = Server::builder().operator(&operator).start();
    let user = operator.user();
    let signing = user.clone();
    let right = quick().authenticator(move |challenge: Challenge| {
        let signature = signing.sign(&challenge.nonce.unwrap_or_default());
        let credentials = Credentials::new().jwt(signing.jwt());
        let credentials = credentials.signature(signing.public_key(), signature);
        async { Ok::<_, Infallible>(credentials) }
    });
    let unsigned = Credentials::new().jwt(user.jwt());
    let wrong = [quick().authenticator(fixed(unsigned))];
    check(&server, &user.public_key(), right, &wrong).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_the_client_logs_in() {
    let certificates = Certificates::new();
    let Identity { certificate, key } = certificates.client();
    let trusting = || quick().tls_ca_file(certificates.authority());
    let files = trusting().tls_client_auth_files(&certificate, &key);
    let read = |path| fs::read(path).expect("the file is there");
    let texts = trusting().tls_client_auth_pem(read(&certificate), read(&key));
    let server = Server::builder().tls_mapping(&certificates).start();
    for right in [files.clone(), texts] {
        check(&server, Certificates::CLIENT_SUBJECT, right, &[]).await;
    }
    let others = [("CN=other", "secret", "")];
    let others = Server::builder().tls_mapping(&certificates).users(&others).start();
    for transport in Transport::ALL {
        refused(&others.url(transport), files.clone()).await;
        let nobody = Connection::connect_with(server.url(transport), trusting()).await;
        let error = attempt(nobody.expect_err("there is no certificate"));
        assert_eq!(error.to_string(), "the server requires a client certificate");
    }
}

/// What a `CONNECT` has to log in with.
fn login(connect: &Value) -> Value {
    let kinds = ["user", "pass", "auth_token", "jwt", "nkey", "sig"];
    let all = connect.as_object().expect("an object").iter();
    let sent = all.filter(|(key, _)| kinds.contains(&key.as_str()));
    Value::Object(sent.map(|(key, value)| (key.clone(), value.clone())).collect())
}

#[tokio::test]
async fn all_kinds_are_sent_together_and_of_one_kind_the_later_one() {
    let (user, nkey) = (Operator::new().user(), Nkey::new());
    let signed = |public_key: String, signature: String| {
        let jwt = user.jwt();
        json!({ "jwt": jwt, "nkey": public_key, "sig": signature })
    };
    let of_user = signed(user.public_key(), user.sign("nonce"));
    let mut everything = signed(nkey.public_key(), nkey.sign("nonce"));
    everything["user"] = "u".into();
    everything["pass"] = "p".into();
    everything["auth_token"] = "t".into();
    let other = || fixed(Credentials::new().user("v", "q"));
    let (ours, theirs) = (json!({ "user": "u", "pass": "p" }), json!({ "user": "v", "pass": "q" }));
    let all = quick().creds(user.creds()).nkey(nkey.seed()).user("u", "p").token("t");
    for (userinfo, options, expected) in [
        ("", quick(), json!({})),
        ("", all.clone(), everything.clone()),
        ("x:y@", all, everything),
        ("", quick().nkey(nkey.seed()).creds(user.creds()), of_user),
        ("", quick().user("v", "q").user("u", "p"), ours.clone()),
        ("", quick().token("s").token("t"), json!({ "auth_token": "t" })),
        ("u:p@", quick(), ours.clone()),
        ("%C2%A7@", quick(), json!({ "auth_token": "§" })),
        ("t@", quick().user("u", "p"), json!({ "user": "u", "pass": "p", "auth_token": "t" })),
        ("u:p@", quick().user("v", "q"), theirs.clone()),
        ("u:p@", quick().authenticator(other()), theirs),
        ("s@", quick().token("t"), json!({ "auth_token": "t" })),
        ("", quick().user("u", "p").authenticator(other()), ours),
    ] {
        for transport in Transport::ALL {
            let connect = said(transport, userinfo, options.clone()).await;
            assert_eq!(login(&connect), expected, "{userinfo:?}");
        }
    }
}

#[tokio::test]
async fn what_cannot_be_used_is_told_and_nothing_is_sent() {
    let home = tempfile::tempdir().expect("a temporary directory");
    let path = |name: &str| home.path().join(name).display().to_string();
    let user = Operator::new().user();
    let creds = |seed: &str| user.creds().replace(&user.seed(), seed);
    let account = nkeys::KeyPair::new_account().seed().expect("a seed");
    fs::write(path("cut.creds"), creds(&user.seed()[..40])).expect("written");
    fs::write(path("empty.creds"), "").expect("written");
    let large = File::create(path("large.creds")).expect("written");
    large.set_len(10_485_760).expect("a sparse file");
    let seed = "the NKEY seed is not valid: it is misspelt or cut off";
    let of_account = "the NKEY seed is not valid: it is not a user's, which starts with SU";
    let jwt_missing = "the credentials are not valid at line 0: the block with the JWT is missing";
    let file = |name: &str, fault: &str| {
        format!("the credentials file {} cannot be used: {fault}", path(name))
    };
    for (options, expected) in [
        (quick().nkey("canary"), seed.to_owned()),
        (quick().nkey(user.public_key()), seed.to_owned()),
        (quick().nkey(account.clone()), of_account.to_owned()),
        (quick().jwt(user.jwt(), "canary"), seed.to_owned()),
        (quick().creds(""), jwt_missing.to_owned()),
        (quick().creds(creds("canary")), seed.to_owned()),
        (quick().creds(creds(&account)), of_account.to_owned()),
        (
            quick().creds(user.jwt()),
            "the credentials are not valid at line 1: the block with the JWT is missing".to_owned(),
        ),
        (quick().creds_file(path("cut.creds")), file("cut.creds", seed)),
        (quick().creds_file(path("empty.creds")), file("empty.creds", jwt_missing)),
        (
            quick().creds_file(path("large.creds")),
            file("large.creds", "it has 10485760 bytes, which no credentials file has"),
        ),
        (
            quick().creds_file(path("missing.creds")),
            file("missing.creds", "No such file or directory (os error 2)"),
        ),
        (quick().creds_file(path("")), file("", "Is a directory (os error 21)")),
        // One kind that is right does not help another one.
        (quick().user("u", "p").nkey("canary"), seed.to_owned()),
    ] {
        for transport in Transport::ALL {
            let scripted = Scripted::start();
            let url = address(&scripted, transport);
            let connecting = Connection::connect_with(&url, options.clone());
            let (connected, sent) = tokio::join!(within("the answer", connecting), async {
                let mut peer = meet(&scripted, transport).await;
                peer.send(format!("INFO {} \r\n", asking("nonce"))).await;
                peer.read_to_end().await
            });
            assert_eq!(sent, b"");
            let error = connected.expect_err("there is nothing to log in with");
            assert!(error.is_auth());
            assert_eq!(
                error.to_string(),
                format!("no server could be reached: {url} ({expected})")
            );
            let shown = format!("{error:?}");
            let secrets = ["canary", user.jwt(), &user.seed()[..40], &account];
            assert!(!secrets.iter().any(|secret| shown.contains(secret)), "{shown}");
            let error = attempt(error);
            assert!(matches!(*error, AttemptError::Auth(_)), "{error:?}");
        }
    }
}
