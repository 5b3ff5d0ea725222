//! Logging in from a page without a secret in it: what the README says of browsers.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use natsws_tests::{Chromium, Operator, Server};
use serde_json::json;

use crate::pages;

const COOKIE: &str = "Path=/; HttpOnly; SameSite=Strict";

/// A site where everybody is logged in for so long, and out again.
fn site(operator: Arc<Operator>, time: Duration) -> Router {
    let login = get(async move || {
        let jwt = operator.bearer_expiring_in(time).jwt().to_owned();
        [(header::SET_COOKIE, format!("nats_jwt={jwt}; {COOKIE}; Max-Age=900"))].into_response()
    });
    let forget = format!("nats_jwt=; {COOKIE}; Max-Age=0");
    let logout = get(async move || [(header::SET_COOKIE, forget)].into_response());
    Router::new().route("/login", login).route("/logout", logout)
}

fn server(operator: &Operator) -> Server {
    Server::builder().operator(operator).websocket_config("jwt_cookie: \"nats_jwt\"").start()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it needs Chromium and the target wasm32-unknown-unknown"]
async fn a_cookie_that_no_script_sees_logs_a_page_in() {
    let operator = Arc::new(Operator::new());
    let server = server(&operator);
    let browser = Chromium::start().await;
    let router = site(operator, Duration::from_secs(300));
    let (_site, page) = pages::everything(&browser, router).await;
    let connect = pages::connecting(&server.ws_url());

    let refused = page.try_eval(&connect).await.expect_err("it is not logged in");
    assert!(refused.contains("refused the credentials"), "{refused}");
    page.eval("fetch('/login').then(r => r.ok)").await;
    assert_eq!(page.eval("document.cookie").await, json!(""), "a script can see it");
    pages::connect(&page, &server.ws_url()).await;
    let nobody = page.try_eval("page.request('nobody.there', '')").await.expect_err("nobody");
    assert!(nobody.contains("nobody"), "{nobody}");
    page.eval("fetch('/logout').then(r => r.ok)").await;
    page.try_eval(&connect).await.expect_err("it is logged out");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it needs Chromium and the target wasm32-unknown-unknown"]
async fn a_page_whose_login_has_expired_is_back_when_it_is_renewed() {
    let operator = Arc::new(Operator::new());
    let server = server(&operator);
    let browser = Chromium::start().await;
    let router = site(operator, Duration::from_secs(4));
    let (_site, page) = pages::everything(&browser, router).await;
    page.eval("fetch('/login').then(r => r.ok)").await;
    pages::connect(&page, &server.ws_url()).await;
    page.until("the end of it", "page.state() === 'Disconnected'").await;
    // The cookie is there, and what is in it is over, which the server tells by whole seconds.
    let connect = pages::connecting(&server.ws_url());
    page.until("a refusal", &format!("{connect}.then(() => false, () => true)")).await;
    page.until("the end of it", "page.state() === 'Disconnected'").await;
    page.eval("fetch('/login').then(r => r.ok)").await;
    page.until("it is back", "page.state() === 'Connected'").await;
}
