//! Which server to try, and when.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::Shared;
use super::handshake::{Established, establish};
use crate::connect_error::ConnectError;
use crate::event::Event;
use crate::options::ConnectOptions;
use crate::runtime;
use crate::server_addr::ServerAddr;

/// The servers that may be connected to; the next to try is the first.
pub(super) struct Pool {
    servers: VecDeque<Candidate>,
    wait: Duration,
    max_attempts: Option<usize>,
}

struct Candidate {
    addr: Arc<ServerAddr>,
    /// Failed attempts in a row.
    failures: usize,
    /// It has been tried, so the next attempt waits.
    tried: bool,
}

impl Pool {
    pub(super) fn new(servers: Vec<ServerAddr>, options: &ConnectOptions) -> Self {
        let candidate = |addr| Candidate { addr: Arc::new(addr), failures: 0, tried: false };
        Self {
            servers: servers.into_iter().map(candidate).collect(),
            wait: options.reconnect_time_wait,
            max_attempts: options.max_reconnect_attempts,
        }
    }

    /// Tries each server once; a server that cannot be reached then is not tried again later.
    pub(super) async fn first(
        &mut self,
        options: &ConnectOptions,
    ) -> Result<(Arc<ServerAddr>, Established), ConnectError> {
        let mut attempts = Vec::new();
        while let Some(candidate) = self.servers.front_mut() {
            candidate.tried = true;
            let addr = Arc::clone(&candidate.addr);
            match establish(&addr, options).await {
                Ok(established) => {
                    self.servers.rotate_left(1);
                    return Ok((addr, established));
                }
                Err(error) => {
                    attempts.push(((*addr).clone(), error));
                    self.servers.pop_front();
                }
            }
        }
        Err(ConnectError::NoServer { attempts })
    }

    /// Tries the servers in turn until one answers; `None` when all have been given up.
    pub(super) async fn next(&mut self, shared: &Shared) -> Option<(Arc<ServerAddr>, Established)> {
        while let Some(candidate) = self.servers.front_mut() {
            let server = Arc::clone(&candidate.addr);
            if candidate.tried {
                runtime::sleep(self.wait).await;
            }
            candidate.tried = true;
            shared.tell(Event::Reconnecting { server: Arc::clone(&server) });
            match establish(&server, &shared.options).await {
                Ok(established) => {
                    candidate.failures = 0;
                    self.servers.rotate_left(1);
                    return Some((server, established));
                }
                Err(error) => {
                    candidate.failures += 1;
                    let given_up = self.max_attempts.is_some_and(|max| candidate.failures >= max);
                    shared.tell(Event::ConnectFailed { server, error: Arc::new(error) });
                    if given_up {
                        self.servers.pop_front();
                    } else {
                        self.servers.rotate_left(1);
                    }
                }
            }
        }
        None
    }
}
