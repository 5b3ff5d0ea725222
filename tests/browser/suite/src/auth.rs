//! Logging in from where no file is, and no secret should be.

use std::rc::Rc;

use natsws::{Challenge, ConnectError, ConnectOptions, Credentials};
use nkeys::{KeyPair, KeyPairType};
use wasm_bindgen_test::wasm_bindgen_test;

use crate::stage::{Server, options, sleep, within};
use crate::words::Start;

#[wasm_bindgen_test]
async fn a_token_is_fetched_for_every_connection() {
    let server = Server::with(Start { token: Some("t0k3n".into()), ..Start::default() }).await;
    // What fetches may hold values of JavaScript while it waits.
    let provided = options().authenticator(|_: Challenge| async {
        let of_the_page = Rc::new("t0k3n");
        sleep(std::time::Duration::from_millis(5)).await;
        Ok::<_, std::io::Error>(Credentials::new().token(*of_the_page))
    });
    let client = server.client_with(provided).await;
    client.flush().await.expect("logged in");
}

#[wasm_bindgen_test]
async fn wrong_credentials_are_refused_in_words() {
    let server = Server::with(Start { token: Some("t0k3n".into()), ..Start::default() }).await;
    for wrong in [ConnectOptions::new(), ConnectOptions::new().token("canary")] {
        let refused = within("the refusal", wrong.connect(server.url())).await;
        let error = refused.map(drop).expect_err("it is wrong");
        let text = error.to_string();
        assert!(matches!(&error, ConnectError::NoServer { .. }) && error.is_auth(), "{text}");
        assert!(text.contains("the server refused the credentials"), "{text}");
        assert!(!text.contains("canary") && !format!("{error:?}").contains("canary"), "{text}");
    }
}

#[wasm_bindgen_test]
async fn a_user_proves_itself_with_its_key() {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).expect("a browser has random numbers");
    let user = KeyPair::new_from_raw(KeyPairType::User, seed).expect("a key");
    let start = Start { nkey: Some(user.public_key()), ..Start::default() };
    let server = Server::with(start).await;
    let client = server.client_with(options().nkey(user.seed().expect("a seed"))).await;
    client.flush().await.expect("logged in");
}

#[wasm_bindgen_test]
async fn a_user_logs_in_with_a_jwt_and_its_key_or_with_a_bearer_jwt_alone() {
    let server = Server::with(Start { operator: true, ..Start::default() }).await;
    let client = server.client_with(options().creds(server.started.creds.clone())).await;
    client.flush().await.expect("logged in");
    let client = server.client_with(options().bearer_jwt(server.started.bearer.clone())).await;
    client.flush().await.expect("logged in");
}
