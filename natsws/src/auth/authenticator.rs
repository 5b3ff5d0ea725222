//! Credentials that the application makes for each connection.

use std::error::Error;
use std::future::Future;
use std::sync::Arc;

use super::{AuthError, Credentials};
use crate::runtime::{self, BoxFuture, MaybeSend};
use crate::server_addr::ServerAddr;

/// What an [`Authenticator`] is asked.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Challenge {
    /// What the server wants to be signed, where it does.
    pub nonce: Option<String>,
    /// The server that is connected to.
    pub server: Arc<ServerAddr>,
}

/// Makes the credentials for a connection. It is asked anew for every connection, so that
/// credentials which were replaced meanwhile are picked up.
///
/// A function will do:
///
/// ```
/// use natsws::{Challenge, ConnectOptions, Credentials};
///
/// async fn fetch_token(server: &str) -> std::io::Result<String> {
/// #   Ok(server.to_owned())
/// }
///
/// let options = ConnectOptions::new().authenticator(|challenge: Challenge| async move {
///     let token = fetch_token(challenge.server.host()).await?;
///     Ok::<_, std::io::Error>(Credentials::new().token(token))
/// });
/// ```
///
/// and so will a type of your own:
///
/// ```
/// use std::error::Error;
///
/// use natsws::{Authenticator, Challenge, Credentials};
///
/// struct Vault;
///
/// impl Authenticator for Vault {
///     async fn authenticate(
///         &self,
///         _challenge: Challenge,
///     ) -> Result<Credentials, Box<dyn Error + Send + Sync>> {
///         Ok(Credentials::new().user("billing", std::fs::read_to_string("/run/secrets/nats")?))
///     }
/// }
/// ```
///
/// Its time counts as part of the attempt, which
/// [`ConnectOptions::timeout`](crate::ConnectOptions::timeout) bounds. An error, or a panic, fails
/// the attempt.
///
/// In a browser the future may hold values of JavaScript, as one does that fetches a token. The
/// authenticator itself may not: it is asked from wherever the connection is.
pub trait Authenticator: Send + Sync + 'static {
    /// Makes the credentials for one connection.
    ///
    /// # Errors
    /// Whatever went wrong; the attempt to connect fails with it.
    fn authenticate(
        &self,
        challenge: Challenge,
    ) -> impl Future<Output = Result<Credentials, Box<dyn Error + Send + Sync>>> + MaybeSend;
}

impl<F, Fut, E> Authenticator for F
where
    F: Fn(Challenge) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Credentials, E>> + MaybeSend,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    fn authenticate(
        &self,
        challenge: Challenge,
    ) -> impl Future<Output = Result<Credentials, Box<dyn Error + Send + Sync>>> + MaybeSend {
        let credentials = self(challenge);
        async move { credentials.await.map_err(Into::into) }
    }
}

/// An [`Authenticator`] whose type is not known, and whose panics are errors.
pub(crate) trait DynAuthenticator: Send + Sync {
    fn credentials(&self, challenge: Challenge) -> BoxFuture<'_, Result<Credentials, AuthError>>;
}

struct Contained<A>(A);

/// Forgets the type.
pub(crate) fn boxed(authenticator: impl Authenticator) -> Arc<dyn DynAuthenticator> {
    Arc::new(Contained(authenticator))
}

impl<A: Authenticator> DynAuthenticator for Contained<A> {
    fn credentials(&self, challenge: Challenge) -> BoxFuture<'_, Result<Credentials, AuthError>> {
        Box::pin(async move {
            let made = runtime::contained(|| self.0.authenticate(challenge)).await;
            made.map_err(|_| AuthError::Panicked)?.map_err(|error| {
                match error.downcast::<AuthError>() {
                    Ok(ours) => *ours,
                    Err(theirs) => AuthError::Authenticator(theirs),
                }
            })
        })
    }
}
