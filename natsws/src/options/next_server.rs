//! The application's say in which server is tried next.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use crate::protocol::ServerInfo;
use crate::server_addr::ServerAddr;

/// A server that may be connected to, as [`Connection::servers`](crate::Connection::servers) lists
/// it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolServer {
    /// Its address.
    pub addr: Arc<ServerAddr>,
    /// Another server told of it; the application did not name it.
    pub discovered: bool,
    /// It has been connected to before.
    pub was_connected: bool,
    /// How often in a row it could not be reached.
    pub failures: usize,
    /// It has said that it is about to shut down.
    pub lame_duck: bool,
}

/// Which server to try next, and when.
#[derive(Debug, Clone)]
#[must_use = "it does nothing until it is given back"]
pub struct NextServer {
    pub(crate) addr: Arc<ServerAddr>,
    pub(crate) delay: Option<Duration>,
}

impl NextServer {
    /// This server, when the usual wait for it is over.
    pub fn new(addr: impl Into<Arc<ServerAddr>>) -> Self {
        Self { addr: addr.into(), delay: None }
    }

    /// After this time from now, in place of the usual wait.
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = Some(delay);
        self
    }
}

/// The application's choice, whose panics are contained: `Err(())`.
pub(crate) trait ChooseServer: Send + Sync {
    fn choose(
        &self,
        servers: &[PoolServer],
        info: Option<&ServerInfo>,
    ) -> Result<Option<NextServer>, ()>;
}

impl<F> ChooseServer for F
where
    F: Fn(&[PoolServer], Option<&ServerInfo>) -> Option<NextServer> + Send + Sync,
{
    fn choose(
        &self,
        servers: &[PoolServer],
        info: Option<&ServerInfo>,
    ) -> Result<Option<NextServer>, ()> {
        catch_unwind(AssertUnwindSafe(|| self(servers, info))).map_err(drop)
    }
}
