//! Credentials that the application makes for every connection.

use std::convert::Infallible;
use std::error::Error;
use std::fs;
use std::future::pending;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use natsws::{
    AttemptError, AuthError, Authenticator, Challenge, Connection, Credentials, Disconnect, Event,
    Phase, ServerError,
};
use natsws_tests::{Nkey, Operator, Scripted, Server, Transport, info, within};
use serde_json::Value;

use super::{Shared, address, asking, meet, up_to, who};
use crate::{attempt, event, quick};

/// What a client says on each of its connections to a server that says these.
async fn connects(
    transport: Transport,
    options: natsws::ConnectOptions,
    infos: &[Value],
) -> (String, Vec<Value>) {
    let scripted = Scripted::start();
    let url = address(&scripted, transport);
    let (_nc, said) = tokio::join!(crate::connect_with(&url, options), async {
        let mut said = Vec::new();
        for info in infos {
            let mut peer = meet(&scripted, transport).await;
            said.push(peer.handshake(info).await);
            peer.close().await;
        }
        said
    });
    (url, said)
}

/// What was said by this name each time.
fn all<'a>(said: &'a [Value], key: &str) -> Vec<&'a str> {
    said.iter().map(|it| it[key].as_str().expect("a text")).collect()
}

fn infos() -> [Value; 3] {
    [asking("one"), asking("two"), info()]
}

#[tokio::test]
async fn a_function_is_asked_for_every_connection_with_its_nonce_and_its_server() {
    for transport in Transport::ALL {
        let options = quick().authenticator(|challenge: Challenge| async move {
            let nonce = challenge.nonce.unwrap_or_else(|| "none".to_owned());
            let server = challenge.server.to_string();
            Ok::<_, Infallible>(Credentials::new().user(nonce, server))
        });
        let (url, said) = connects(transport, options, &infos()).await;
        assert_eq!(all(&said, "user"), ["one", "two", "none"]);
        assert!(said.iter().all(|it| it["pass"] == *url), "{said:?}");
    }
}

/// Counts how often it is asked.
#[derive(Default)]
struct Counting(AtomicUsize);

impl Authenticator for Counting {
    async fn authenticate(
        &self,
        _: Challenge,
    ) -> Result<Credentials, Box<dyn Error + Send + Sync>> {
        let count = self.0.fetch_add(1, Ordering::SeqCst);
        Ok(Credentials::new().token(format!("token {count}")))
    }
}

#[tokio::test]
async fn a_type_of_ones_own_is_asked_for_every_connection() {
    for transport in Transport::ALL {
        let options = quick().authenticator(Counting::default());
        let (_, said) = connects(transport, options, &infos()).await;
        assert_eq!(all(&said, "auth_token"), ["token 0", "token 1", "token 2"]);
    }
}

#[tokio::test]
async fn each_nonce_is_signed_anew() {
    let (user, nkey) = (Operator::new().user(), Nkey::new());
    for transport in Transport::ALL {
        let expected = [nkey.sign("one"), nkey.sign("two"), String::new()];
        let (_, said) = connects(transport, quick().nkey(nkey.seed()), &infos()).await;
        assert_eq!(all(&said, "sig"), expected);
        assert!(said.iter().all(|it| it["nkey"] == nkey.public_key()), "{said:?}");
        let expected = [user.sign("one"), user.sign("two"), String::new()];
        for options in [quick().jwt(user.jwt(), user.seed()), quick().creds(user.creds())] {
            let (_, said) = connects(transport, options, &infos()).await;
            assert_eq!(all(&said, "sig"), expected);
            assert!(said.iter().all(|it| it["jwt"] == user.jwt()), "{said:?}");
        }
    }
}

/// Fails in one of three ways, or logs in.
fn failing(how: usize) -> Result<Credentials, io::Error> {
    match how {
        1 => Err(io::Error::other("the vault is shut")),
        2 => std::panic::resume_unwind(Box::new("canary")),
        _ => Ok(Credentials::new().token("t")),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_or_a_panic_fails_the_first_connection_and_is_named() {
    let server = Server::builder().token("t").start();
    for (how, expected) in
        [(1, "the authenticator failed: the vault is shut"), (2, "the authenticator panicked")]
    {
        let later = move |_: Challenge| async move { failing(how) };
        let at_once = move |_: Challenge| std::future::ready(failing(how));
        for transport in Transport::ALL {
            let url = server.url(transport);
            for options in [quick().authenticator(later), quick().authenticator(at_once)] {
                let result = within("the end", Connection::connect_with(&url, options)).await;
                let error = result.expect_err("there are no credentials");
                let shown = error.to_string();
                assert_eq!(shown, format!("no server could be reached: {url} ({expected})"));
                assert!(error.is_auth() && !format!("{error:?}").contains("canary"));
            }
        }
    }
}

#[tokio::test]
async fn an_error_or_a_panic_does_not_end_a_connection_that_is_made_again() {
    for transport in Transport::ALL {
        let scripted = Scripted::start();
        let url = address(&scripted, transport);
        let asked = Arc::new(AtomicUsize::new(0));
        let options = quick().authenticator(move |_: Challenge| {
            let asked = asked.fetch_add(1, Ordering::SeqCst);
            // The one before the last panics in the function, and not in its future.
            let early = (asked == 3).then(|| failing(2));
            async move { early.unwrap_or_else(|| failing(asked)) }
        });
        let (nc, mut peer) = tokio::join!(crate::connect_with(&url, options), async {
            let mut peer = meet(&scripted, transport).await;
            peer.handshake(&asking("nonce")).await;
            peer
        });
        let mut events = nc.events();
        nc.reconnect();
        peer.read_to_end().await;
        for _ in 1..=3 {
            let mut peer = meet(&scripted, transport).await;
            peer.send(format!("INFO {} \r\n", asking("nonce"))).await;
            assert_eq!(peer.read_to_end().await, b"");
        }
        let mut peer = meet(&scripted, transport).await;
        assert_eq!(peer.handshake(&asking("nonce")).await["auth_token"], "t");
        assert_eq!(
            up_to("reconnected", &mut events).await,
            [
                "lost: Requested",
                "dialling",
                "failed: the authenticator failed",
                "dialling",
                "failed: the authenticator panicked",
                "dialling",
                "failed: the authenticator panicked",
                "dialling",
                "reconnected"
            ]
        );
        crate::flush(&nc, &mut peer).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_takes_too_long_is_named_by_the_timeout() {
    let server = Server::builder().token("t").start();
    for transport in Transport::ALL {
        let after = Duration::from_millis(400);
        let never = |_: Challenge| pending::<Result<Credentials, Infallible>>();
        let options = quick().timeout(after).authenticator(never);
        let url = server.url(transport);
        let result = within("the timeout", Connection::connect_with(&url, options)).await;
        let error = attempt(result.expect_err("it takes for ever"));
        assert_eq!(error.to_string(), "it took longer than 400ms, waiting for the authenticator");
        let AttemptError::TimedOut { after: told, phase } = *error else {
            unreachable!("{error:?}")
        };
        assert_eq!((told, phase, error.is_auth()), (after, Phase::Authenticator, false));
    }
}

/// Somebody, and how to log in as that.
type Login = (String, Arc<dyn Fn(&str) -> Credentials + Send + Sync>);

/// Logs in as one, and as another one on the next connection.
async fn check(server: &Server, logins: [Login; 2]) {
    for transport in Transport::ALL {
        let current = Shared::new(Arc::clone(&logins[0].1));
        let asked = current.clone();
        let options = quick().authenticator(move |challenge: Challenge| {
            let credentials = asked.get()(&challenge.nonce.unwrap_or_default());
            async { Ok::<_, Infallible>(credentials) }
        });
        let nc = crate::connect_with(&server.url(transport), options).await;
        assert_eq!(who(&nc).await, logins[0].0);
        for (user, login) in logins.iter().rev().chain(logins.iter().rev()) {
            let mut events = nc.events();
            current.set(Arc::clone(login));
            nc.reconnect();
            up_to("reconnected", &mut events).await;
            assert_eq!(who(&nc).await, *user);
        }
        assert_eq!(nc.stats().reconnects, 4);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_may_be_another_one_on_the_next_connection() {
    let server = Server::builder().users(&[("ann", "a", ""), ("bob", "b", "")]).start();
    let named = |user: &'static str, password: &'static str| -> Login {
        (user.to_owned(), Arc::new(move |_| Credentials::new().user(user, password)))
    };
    check(&server, [named("ann", "a"), named("bob", "b")]).await;

    let nkeys = [Nkey::new(), Nkey::new()];
    let users = nkeys.each_ref().map(|it| format!("{{ nkey: {} }}", it.public_key()));
    let config = format!("authorization {{ users: [{}] }}", users.join(", "));
    let server = Server::builder().config(&config).start();
    let of_nkey = |nkey: Nkey| -> Login {
        let public_key = nkey.public_key();
        let sign =
            move |nonce: &str| Credentials::new().signature(nkey.public_key(), nkey.sign(nonce));
        (public_key, Arc::new(sign))
    };
    check(&server, nkeys.map(of_nkey)).await;

    let operator = Operator::new();
    let server = Server::builder().operator(&operator).start();
    let (user, bearer) = (operator.user(), operator.bearer());
    let of_user: Login = (
        user.public_key(),
        Arc::new(move |nonce| {
            Credentials::new().jwt(user.jwt()).signature(user.public_key(), user.sign(nonce))
        }),
    );
    let of_bearer: Login =
        (bearer.public_key(), Arc::new(move |_| Credentials::new().jwt(bearer.jwt())));
    check(&server, [of_user, of_bearer]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_creds_file_that_is_replaced_is_picked_up() {
    let operator = Operator::new();
    let server = Server::builder().operator(&operator).start();
    let home = tempfile::tempdir().expect("a temporary directory");
    let path = home.path().join("user.creds");
    for transport in Transport::ALL {
        let (before, after) = (operator.user(), operator.user());
        fs::write(&path, before.creds()).expect("written");
        let options = quick().creds_file(&path);
        let nc = crate::connect_with(&server.url(transport), options).await;
        assert_eq!(who(&nc).await, before.public_key());
        // One that cannot be read for a while does no harm.
        fs::remove_file(&path).expect("it was there");
        let mut events = nc.events();
        nc.reconnect();
        let error = event(&mut events, |event| match event {
            Event::ConnectFailed { error, .. } => Some(error),
            _ => None,
        })
        .await;
        let AttemptError::Auth(AuthError::CredsFile { path: named, .. }) = &*error else {
            unreachable!("{error:?}")
        };
        assert_eq!(*named, path.display().to_string());
        fs::write(&path, after.creds()).expect("written");
        up_to("reconnected", &mut events).await;
        assert_eq!(who(&nc).await, after.public_key());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_the_server_replaces_is_picked_up() {
    for transport in Transport::ALL {
        let mut server = Server::builder().fixed_ports().token("old").start();
        let token = Shared::new("old");
        let asked = token.clone();
        let options = quick().authenticator(move |_: Challenge| {
            let credentials = Credentials::new().token(asked.get());
            async { Ok::<_, Infallible>(credentials) }
        });
        let nc = crate::connect_with(&server.url(transport), options).await;
        let mut events = nc.events();
        for (round, new) in ["new", "newer"].into_iter().enumerate() {
            token.set(new);
            server.rewrite_config(|told| told.token(new));
            if round == 0 {
                server.signal_reload();
                let reason = event(&mut events, |event| match event {
                    Event::Disconnected { reason, .. } => Some(reason),
                    _ => None,
                })
                .await;
                let violation = ServerError::AuthorizationViolation;
                let told = matches!(&reason, Disconnect::Server(error) if *error == violation);
                assert!(told, "{reason:?}");
            } else {
                server.restart();
            }
            up_to("reconnected", &mut events).await;
            nc.flush().await.expect("flushed");
        }
    }
}
