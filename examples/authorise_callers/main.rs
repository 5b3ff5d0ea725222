//! Who may do what: a layer verifies the token that callers send in a header and tells the handlers
//! who asks, and a group is for some callers only.
//!
//! `cargo run --example authorise_callers` asks over a broker in its own process, and
//! `cargo test --example authorise_callers` tests the same without one.

#![cfg_attr(not(test), expect(clippy::print_stdout, reason = "an example tells what happens"))]

use std::error::Error;
use std::time::{SystemTime, UNIX_EPOCH};

use jwt_compact::alg::{Hs256, Hs256Key};
use jwt_compact::{AlgorithmExt, Claims, Header, TimeOptions, UntrustedToken};
use natsws::{ServiceError, Subject};
use natsws_service::{Extension, Incoming, Router};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tower::filter::FilterLayer;

/// Who asks, as a verified token says. Handlers take it with `Extension<Caller>`.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Caller {
    #[serde(rename = "sub")]
    name: String,
    role: Role,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Role {
    User,
    Ops,
}

#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("accounts.mine", reply = String)]
struct MyAccount;

#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("accounts.{name}.freeze", reply = String)]
struct Freeze {
    name: String,
}

async fn my_account(Extension(caller): Extension<Caller>, _: MyAccount) -> String {
    format!("the account of {}", caller.name)
}

async fn freeze(Extension(caller): Extension<Caller>, ask: Freeze) -> String {
    format!("{} has frozen the account of {}", caller.name, ask.name)
}

/// Lets in who has a valid token, and says to those inside who it is. Why a token is not valid is
/// no business of its sender.
fn authenticate(key: &Hs256Key, mut incoming: Incoming) -> Result<Incoming, ServiceError> {
    let bearer = incoming.headers().get("Authorization").and_then(|it| it.strip_prefix("Bearer "));
    let caller = bearer.and_then(|token| verify(key, token));
    incoming.insert(caller.ok_or_else(|| ServiceError::new(401, "a valid token is needed"))?);
    Ok(incoming)
}

fn verify(key: &Hs256Key, token: &str) -> Option<Caller> {
    let token = UntrustedToken::new(token).ok()?;
    // The algorithm is ours, whatever the token says.
    let token = Hs256.validator::<Caller>(key).validate(&token).ok()?;
    let claims = token.claims().validate_expiration(&TimeOptions::default()).ok()?;
    Some(claims.custom.clone())
}

/// Stands further inside, so it is known who asks.
fn only_ops(incoming: Incoming) -> Result<Incoming, ServiceError> {
    match incoming.extension::<Caller>() {
        Some(caller) if caller.role == Role::Ops => Ok(incoming),
        _ => Err(ServiceError::new(403, "this is for ops")),
    }
}

/// tower's filter is all that an authorisation needs: it lets a request pass, changed or not, or
/// answers it with an error.
fn router(key: Hs256Key) -> Router {
    Router::new("accounts", "1.0.0")
        .endpoint(my_account)
        .group("", |ops| ops.endpoint(freeze).layer(FilterLayer::new(only_ops)))
        .layer(FilterLayer::new(move |incoming| authenticate(&key, incoming)))
}

/// What an identity provider does: a token that is valid until so many seconds from now.
fn token(key: &Hs256Key, name: &str, role: Role, seconds: i64) -> Result<String, Box<dyn Error>> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let claims = json!({ "sub": name, "role": role, "exp": i64::try_from(now)? + seconds });
    let claims: Claims<Caller> = serde_json::from_value(claims)?;
    Ok(format!("Bearer {}", Hs256.token(&Header::empty(), &claims, key)?))
}

#[cfg(not(test))]
#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    use natsws::RequestError;
    use natsws::embedded::Broker;
    use natsws_service::serve;

    // A deployed service reads its key from where secrets are kept, and never prints it.
    let key = Hs256Key::new(std::env::var("JWT_SECRET").unwrap_or_else(|_| "an example".into()));
    let broker = Broker::start().await?;
    let _service = serve(broker.connect().await?, router(key.clone())).start().await?;
    let client = broker.connect().await?;

    println!("nobody   {}", client.request(&MyAccount).await.expect_err("it is not for nobody"));
    let callers = [
        ("ann", token(&key, "ann", Role::User, 300)?),
        ("root", token(&key, "root", Role::Ops, 300)?),
        ("late", token(&key, "late", Role::Ops, -300)?),
        ("forged", token(&Hs256Key::new("a guess"), "root", Role::Ops, 300)?),
    ];
    for (name, token) in callers {
        let mine = client.request(&MyAccount).header("Authorization", &token).await;
        println!("{name:8} {}", mine.unwrap_or_else(|error| error.to_string()));
        let freeze = Freeze { name: "bob".to_owned() };
        match client.request(&freeze).header("Authorization", &token).await {
            Ok(done) => println!("{name:8} {done}"),
            Err(RequestError::Service(error)) => println!("{name:8} is told {}", error.code()),
            Err(other) => return Err(other.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use natsws::{Headers, Msg};
    use natsws_service::IntoApp;

    use super::*;

    fn key() -> Hs256Key {
        Hs256Key::new("for tests")
    }

    /// Asks the service itself: through its layers, without a broker.
    async fn ask(subject: &str, payload: &str, token: &str) -> Result<String, u16> {
        let mut headers = Headers::new();
        headers.append("Authorization", token).expect("a valid header");
        let msg = Msg::local(subject, Some("answer"), headers, payload).expect("a valid subject");
        let response = router(key()).into_app().oneshot_msg(msg).await.expect("there is one");
        match response.service_error() {
            Some(error) => Err(error.code()),
            None => Ok(serde_json::from_slice(response.payload()).expect("a text")),
        }
    }

    #[tokio::test]
    async fn a_caller_with_a_token_is_known_to_the_handler() {
        let ann = token(&key(), "ann", Role::User, 300).expect("a token");
        assert_eq!(ask("accounts.mine", "null", &ann).await, Ok("the account of ann".to_owned()));
    }

    #[tokio::test]
    async fn a_token_that_is_late_or_forged_is_none() {
        let late = token(&key(), "ann", Role::User, -300).expect("a token");
        let forged = token(&Hs256Key::new("a guess"), "ann", Role::User, 300).expect("a token");
        for token in [late.as_str(), &forged, "Bearer of news", ""] {
            assert_eq!(ask("accounts.mine", "null", token).await, Err(401));
        }
    }

    #[tokio::test]
    async fn only_ops_freeze_accounts() {
        let ann = token(&key(), "ann", Role::User, 300).expect("a token");
        let root = token(&key(), "root", Role::Ops, 300).expect("a token");
        let frozen = "root has frozen the account of bob".to_owned();
        let ask_to_freeze =
            async |token| ask("accounts.bob.freeze", r#"{"name":"bob"}"#, token).await;
        assert_eq!(ask_to_freeze(&ann).await, Err(403));
        assert_eq!(ask_to_freeze(&root).await, Ok(frozen));
    }
}
