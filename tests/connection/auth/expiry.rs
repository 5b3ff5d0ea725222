//! Credentials that expire, and are renewed in time, too late, or not at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use natsws::{Authenticator, Challenge, CloseError, Credentials, Disconnect, ServerError, State};
use natsws_tests::{Operator, Server, Transport, User, within};

use super::{REFUSED, up_to};
use crate::{quick, text};

/// JWTs count whole seconds: one of these ends in more than 2 s and at most 3 s.
const SOON: Duration = Duration::from_secs(2);

/// An attempt that begins so long after the one ahead of the expiry begins more than a second
/// after the expiry. Until then the server may still let an expired user in.
const LATER: Duration = Duration::from_millis(2500);

/// Without what only a slow machine sees: an attempt ahead of the expiry that ends after it.
fn in_time(mut all: Vec<String>) -> Vec<String> {
    all.retain(|it| it != "failed: the user's credentials have expired");
    all
}

/// Logs in as who is given, or not at all; it is asked with the number of the connection.
fn logging_in(
    as_whom: impl Fn(usize) -> Option<User> + Send + Sync + 'static,
) -> impl Authenticator {
    let asked = AtomicUsize::new(0);
    move |challenge: Challenge| {
        let user = as_whom(asked.fetch_add(1, Ordering::SeqCst));
        async move {
            let user = user.ok_or("the vault is shut")?;
            let signature = user.sign(&challenge.nonce.unwrap_or_default());
            let credentials = Credentials::new().jwt(user.jwt());
            Ok::<_, &str>(credentials.signature(user.public_key(), signature))
        }
    }
}

async fn renewed_in_time(server: &Server, operator: &Arc<Operator>, transport: Transport) {
    let fresh = Arc::clone(operator);
    let users = logging_in(move |_| Some(fresh.user_expiring_in(Duration::from_secs(3))));
    let nc = crate::connect_with(&server.url(transport), quick().authenticator(users)).await;
    let mut events = nc.events();
    // The other transport has the same account.
    let subject = format!("{transport:?}");
    let mut plain = nc.subscribe(&subject).await.expect("subscribed");
    let mut queue = nc.subscribe(&subject).queue("g").await.expect("subscribed");
    for round in 1..=4_u64 {
        assert_eq!(up_to("moved", &mut events).await, ["moved"]);
        let sent = format!("round {round}");
        nc.publish(&subject, &sent).await.expect("published");
        assert_eq!(text(&mut plain).await, sent);
        assert_eq!(text(&mut queue).await, sent);
        assert_eq!((nc.state(), nc.stats().reconnects), (State::Connected, round));
    }
    within("the end", nc.close()).await;
    assert_eq!(up_to("closed", &mut events).await, ["closed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jwt_that_is_renewed_in_time_never_loses_the_connection() {
    let operator = Arc::new(Operator::new());
    let server = Server::builder().operator(&operator).start();
    tokio::join!(
        renewed_in_time(&server, &operator, Transport::Ws),
        renewed_in_time(&server, &operator, Transport::Tcp),
    );
}

/// The second time is the one ahead of the expiry; it logs in as this one, if at all, and
/// later ones as somebody who stays.
async fn renewed_too_late(url: String, operator: &Arc<Operator>, second: bool) {
    let fresh = Arc::clone(operator);
    let soon = operator.user_expiring_in(SOON);
    let users = logging_in(move |asked| match asked {
        0 => Some(soon.clone()),
        1 => second.then(|| soon.clone()),
        _ => Some(fresh.user()),
    });
    let nc = crate::connect_with(&url, quick().authenticator(users)).await;
    let mut events = nc.events();
    let mut sub = nc.subscribe(nc.new_inbox()).await.expect("subscribed");
    let mut expected = vec![
        "told: UserAuthenticationExpired",
        "lost: Server(UserAuthenticationExpired)",
        "dialling",
        "reconnected",
    ];
    if !second {
        expected.insert(0, "failed: the authenticator failed");
    }
    assert_eq!(in_time(up_to("reconnected", &mut events).await), expected);
    nc.publish(sub.subject(), "after").await.expect("published");
    assert_eq!(text(&mut sub).await, "after");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jwt_that_is_renewed_too_late_is_told_and_the_connection_is_made_again() {
    let operator = Arc::new(Operator::new());
    let server = Server::builder().operator(&operator).start();
    tokio::join!(
        renewed_too_late(server.ws_url(), &operator, true),
        renewed_too_late(server.nats_url(), &operator, true),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jwt_that_cannot_be_renewed_in_time_is_told_before_it_expires() {
    let operator = Arc::new(Operator::new());
    let server = Server::builder().operator(&operator).start();
    tokio::join!(
        renewed_too_late(server.ws_url(), &operator, false),
        renewed_too_late(server.nats_url(), &operator, false),
    );
}

/// The server says `expired`, and lets nobody in afterwards.
async fn never_renewed(url: String, user: User, expired: ServerError) {
    let options = quick().jwt(user.jwt(), user.seed()).reconnect_delay(|_| LATER);
    let nc = crate::connect_with(&url, options).await;
    let mut events = nc.events();
    let refused = format!("failed: {REFUSED}");
    let expected = [
        &format!("told: {expired:?}"),
        &format!("lost: Server({expired:?})"),
        "dialling",
        &refused,
        "dialling",
        &refused,
        "closed",
    ];
    assert_eq!(in_time(up_to("closed", &mut events).await), expected);
    let reason = within("the end", nc.closed()).await.expect_err("nobody asked for it");
    assert!(reason.is_auth());
    let CloseError::GaveUp { lost: Some(Disconnect::Server(lost)), attempts } = &reason else {
        unreachable!("{reason:?}")
    };
    assert_eq!((lost, attempts.len()), (&expired, 1));
}

/// The same, where no connection is made again.
async fn the_end_of_it(url: String, user: User, expired: ServerError) {
    let options = quick().bearer_jwt(user.jwt()).reconnect(false);
    let nc = crate::connect_with(&url, options).await;
    let mut events = nc.events();
    let expected = [&format!("told: {expired:?}"), &format!("lost: Server({expired:?})"), "closed"];
    assert_eq!(in_time(up_to("closed", &mut events).await), expected);
    let reason = within("the end", nc.closed()).await.expect_err("nobody asked for it");
    assert!(reason.is_auth());
    let lost = matches!(&reason, CloseError::Lost(Disconnect::Server(lost)) if *lost == expired);
    assert!(lost, "{reason:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jwt_that_is_not_renewed_ends_the_connection_with_the_reason() {
    let operator = Operator::new();
    let server = Server::builder().operator(&operator).start();
    let expired = || ServerError::UserAuthenticationExpired;
    let user = || operator.user_expiring_in(SOON);
    let bearer = || operator.bearer_expiring_in(SOON);
    tokio::join!(
        never_renewed(server.ws_url(), user(), expired()),
        never_renewed(server.nats_url(), user(), expired()),
        the_end_of_it(server.ws_url(), bearer(), expired()),
        the_end_of_it(server.nats_url(), bearer(), expired()),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_expires_ends_its_connections_with_the_reason() {
    let operator = Operator::with_account_expiring_in(SOON);
    let server = Server::builder().operator(&operator).start();
    let expired = || ServerError::AccountAuthenticationExpired;
    tokio::join!(
        never_renewed(server.ws_url(), operator.user(), expired()),
        never_renewed(server.nats_url(), operator.user(), expired()),
        the_end_of_it(server.ws_url(), operator.bearer(), expired()),
        the_end_of_it(server.nats_url(), operator.bearer(), expired()),
    );
}
