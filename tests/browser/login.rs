//! Logging in from a page without a secret in it: what the README says of browsers.

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use natsws_tests::{Chromium, Operator, Server};
use serde_json::json;

use crate::pages;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it needs Chromium and the target wasm32-unknown-unknown"]
async fn a_cookie_that_no_script_sees_logs_a_page_in() {
    let operator = Operator::new();
    let builder = Server::builder().operator(&operator);
    let server = builder.websocket_config("jwt_cookie: \"nats_jwt\"").start();
    let jwt = operator.bearer().jwt().to_owned();
    let cookie = format!("nats_jwt={jwt}; Path=/; HttpOnly; SameSite=Strict; Max-Age=300");
    let login = get(async move || (StatusCode::OK, [(header::SET_COOKIE, cookie)]).into_response());
    let forget = "nats_jwt=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0";
    let logout =
        get(async move || (StatusCode::OK, [(header::SET_COOKIE, forget)]).into_response());
    let router = Router::new().route("/login", login).route("/logout", logout);
    let browser = Chromium::start().await;
    let (_site, page) = pages::everything(&browser, router).await;
    let connect = format!("natsws.connect({})", json!(server.ws_url()));

    let refused = page.try_eval(&connect).await.expect_err("it is not logged in");
    assert!(refused.contains("refused the credentials"), "{refused}");
    page.eval("fetch('/login').then(r => r.ok)").await;
    assert_eq!(page.eval("document.cookie").await, json!(""), "a script can see it");
    page.eval(&format!("{connect}.then(page => {{ globalThis.page = page; }})")).await;
    let nobody = page.try_eval("page.request('nobody.there', '')").await.expect_err("nobody");
    assert!(nobody.contains("nobody"), "{nobody}");
    page.eval("fetch('/logout').then(r => r.ok)").await;
    page.try_eval(&connect).await.expect_err("it is logged out");
}
