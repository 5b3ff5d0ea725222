//! Logging in by the cookies of the WebSocket handshake.

use std::convert::Infallible;

use natsws::ServerAddr;
use natsws_tests::{Operator, Server};

use super::{Shared, refused, up_to, who};
use crate::quick;

/// A cookie lets this user in, set once or made for each connection, and another one does not.
async fn check(server: &Server, user: &str, right: &str, wrong: &str) {
    let url = server.ws_url();
    let options = |cookie: &str| {
        let cookie = cookie.to_owned();
        let made = cookie.clone();
        let provider = move |server: ServerAddr| {
            let (host, made) = (server.host().to_owned(), made.clone());
            async move {
                assert_eq!(host, "127.0.0.1");
                Ok::<_, Infallible>(vec![("Cookie".to_owned(), made)])
            }
        };
        [quick().upgrade_header("Cookie", cookie), quick().upgrade_headers(provider)]
    };
    for right in options(right) {
        let nc = crate::connect_with(&url, right).await;
        nc.flush().await.expect("flushed");
        assert_eq!(who(&nc).await, user);
    }
    for wrong in options(wrong) {
        refused(&url, wrong).await;
    }
    refused(&url, quick()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_with_a_user_and_one_with_a_password_log_in() {
    let cookies = "user_cookie: \"u\"\npass_cookie: \"p\"";
    let server = Server::builder().user("ann", "secret").websocket_config(cookies).start();
    check(&server, "ann", "u=ann; p=secret", "u=ann; p=canary").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_with_a_token_logs_in() {
    let server = Server::builder().token("secret").websocket_config("token_cookie: \"t\"").start();
    check(&server, "[REDACTED]", "other=x; t=secret", "t=canary").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_with_a_jwt_logs_in() {
    let operator = Operator::new();
    let server =
        Server::builder().operator(&operator).websocket_config("jwt_cookie: \"j\"").start();
    let (user, stranger) = (operator.bearer(), Operator::new().bearer());
    let cookie = |jwt: &str| format!("j={jwt}");
    check(&server, &user.public_key(), &cookie(user.jwt()), &cookie(stranger.jwt())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_that_is_replaced_is_picked_up() {
    let cookie = "token_cookie: \"t\"";
    let mut server = Server::builder().fixed_ports().token("old").websocket_config(cookie).start();
    let token = Shared::new("old");
    let asked = token.clone();
    let options = quick().upgrade_headers(move |_: ServerAddr| {
        let cookie = format!("t={}", asked.get());
        async { Ok::<_, Infallible>(vec![("Cookie".to_owned(), cookie)]) }
    });
    let nc = crate::connect_with(&server.ws_url(), options).await;
    let mut events = nc.events();
    token.set("new");
    server.rewrite_config(|told| told.token("new"));
    server.signal_reload();
    let expected = [
        "told: AuthorizationViolation",
        "lost: Server(AuthorizationViolation)",
        "dialling",
        "reconnected",
    ];
    assert_eq!(up_to("reconnected", &mut events).await, expected);
    nc.flush().await.expect("flushed");
}
