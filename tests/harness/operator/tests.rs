use std::time::Instant;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::*;
use crate::Server;
use crate::server::testing::{authenticate, line};

const SECOND: Duration = Duration::from_secs(1);
const VIOLATION: &str = "-ERR 'Authorization Violation'";

#[tokio::test]
async fn a_user_needs_the_jwt_and_the_key() {
    let operator = Operator::new();
    let server = Server::builder().operator(&operator).start();
    let (user, other) = (operator.user(), operator.user());
    let stranger = Operator::new().user();
    for (jwt, key, answer) in [
        (&user, &user, "PONG"),
        (&other, &other, "PONG"),
        (&user, &other, VIOLATION),
        (&stranger, &stranger, VIOLATION),
    ] {
        let connect = |nonce: &str| json!({ "jwt": jwt.jwt(), "sig": key.sign(nonce) });
        assert_eq!(authenticate(&server, connect).await.1, answer);
    }
    assert_eq!(authenticate(&server, |_| json!({ "jwt": user.jwt() })).await.1, VIOLATION);
}

#[tokio::test]
async fn a_bearer_needs_the_jwt_alone() {
    let operator = Operator::new();
    let server = Server::builder().operator(&operator).start();
    for user in [operator.bearer(), operator.bearer_expiring_in(10 * SECOND)] {
        assert_eq!(authenticate(&server, |_| json!({ "jwt": user.jwt() })).await.1, "PONG");
    }
}

#[tokio::test]
async fn a_user_may_do_what_the_claims_say() {
    let operator = Operator::new();
    let server = Server::builder().operator(&operator).start();
    let user = operator.user_with(|claims| {
        claims["nats"]["pub"] = json!({ "allow": ["greet.>"] });
    });
    let mut client = connected(&server, &user).await;
    client.write_all(b"PUB greet.ann 0\r\n\r\nPUB other 0\r\n\r\n").await.unwrap();
    let refused = "-ERR 'Permissions Violation for Publish to \"other\"'";
    assert_eq!(line(&mut client).await.unwrap(), refused);
}

#[tokio::test]
async fn a_user_who_expires_is_sent_away() {
    let operator = Operator::new();
    let server = Server::builder().operator(&operator).start();
    let sent_away = async |user: User| {
        let begin = Instant::now();
        let mut client = connected(&server, &user).await;
        assert_eq!(error(&mut client).await, "-ERR 'User Authentication Expired'");
        assert!(begin.elapsed() < 3 * SECOND, "{:?}", begin.elapsed());
        line(&mut client).await.unwrap_err();

        // The server counts in whole seconds: it still lets the user in during the last of them.
        crate::eventually("a refused user", async || {
            let connect = |nonce: &str| json!({ "jwt": user.jwt(), "sig": user.sign(nonce) });
            (authenticate(&server, connect).await.1 == VIOLATION).then_some(())
        })
        .await;
    };
    let (user, bearer) = (operator.user_expiring_in(SECOND), operator.bearer_expiring_in(SECOND));
    tokio::join!(sent_away(user), sent_away(bearer));
}

#[tokio::test]
async fn an_account_that_expires_takes_its_users_with_it() {
    let operator = Operator::with_account_expiring_in(SECOND);
    let server = Server::builder().operator(&operator).start();
    let user = operator.user();
    let mut client = connected(&server, &user).await;
    assert_eq!(error(&mut client).await, "-ERR 'Account Authentication Expired'");
    line(&mut client).await.unwrap_err();

    let connect = |nonce: &str| json!({ "jwt": user.jwt(), "sig": user.sign(nonce) });
    assert_eq!(authenticate(&server, connect).await.1, VIOLATION);
}

#[test]
fn credentials_have_the_jwt_and_the_seed() {
    let user = Operator::new().user();
    let creds = user.creds();
    let lines: Vec<&str> = creds.lines().collect();
    let after = |begin: &str| lines[lines.iter().position(|it| *it == begin).unwrap() + 1];
    assert_eq!(after("-----BEGIN NATS USER JWT-----"), user.jwt());
    assert_eq!(after("-----BEGIN USER NKEY SEED-----"), user.seed());
    assert!(user.public_key().starts_with('U'));
}

/// The next line that is no PING, by which the server measures how far away a new client is: that
/// may come first.
async fn error(client: &mut TcpStream) -> String {
    loop {
        let line = line(client).await.unwrap();
        if line != "PING" {
            return line;
        }
    }
}

async fn connected(server: &Server, user: &User) -> TcpStream {
    let connect = |nonce: &str| json!({ "jwt": user.jwt(), "sig": user.sign(nonce) });
    let (client, answer) = authenticate(server, connect).await;
    assert_eq!(answer, "PONG");
    client
}
