//! Trying one server after the other until one answers.

use std::sync::Arc;

use super::Shared;
use super::handshake::{Established, establish};
use super::servers::{Patience, Turn};
use crate::connect_error::AttemptError;
use crate::event::Event;
use crate::runtime::{self, Instant};
use crate::server_addr::ServerAddr;

/// How long to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Persistence {
    /// Each server is tried once, and goes where it cannot be reached.
    Once,
    /// Each server is tried again, until it is given up after so many failures in a row.
    Persist { max_failures: Option<usize> },
}

/// A server that has answered.
pub(super) struct Found {
    pub(super) server: Arc<ServerAddr>,
    pub(super) established: Established,
}

/// The last attempt at each server.
pub(super) type Failures = Vec<(Arc<ServerAddr>, Arc<AttemptError>)>;

/// Tries the servers in turn, but for `but`.
pub(super) async fn connect(
    shared: &Shared,
    persistence: Persistence,
    but: Option<&ServerAddr>,
) -> Result<Found, Failures> {
    let mut given_up = Failures::new();
    loop {
        let Some(server) = next(shared, but).await else {
            let mut failures = shared.servers().failures();
            failures.retain(|(addr, _)| but.is_none_or(|but| !addr.is_same_server(but)));
            given_up.extend(failures);
            return Err(given_up);
        };
        if persistence != Persistence::Once {
            shared.tell(&Event::Reconnecting { server: Arc::clone(&server) });
        }
        match attempt(shared, &server).await {
            Ok(established) => return Ok(Found { server, established }),
            Err(error) => {
                let reconnect = &shared.options.reconnect;
                let max_failures = match persistence {
                    Persistence::Once => Some(1),
                    Persistence::Persist { max_failures } => max_failures,
                };
                let refused_twice = !reconnect.ignore_auth_error_abort;
                let patience = Patience { max_failures, refused_twice };
                if shared.servers().failed(&server, &error, patience, &shared.waits()) {
                    given_up.push((Arc::clone(&server), Arc::clone(&error)));
                }
                if persistence != Persistence::Once {
                    shared.tell(&Event::ConnectFailed { server, error });
                }
            }
        }
    }
}

/// Makes one attempt at a server.
pub(super) async fn attempt(
    shared: &Shared,
    server: &Arc<ServerAddr>,
) -> Result<Established, Arc<AttemptError>> {
    let discovered = {
        let mut servers = shared.servers();
        servers.dialling(server, runtime::now());
        servers.is_discovered(server)
    };
    let established = establish(server, discovered, &shared.options).await.map_err(Arc::new)?;
    shared.servers().connected(server);
    Ok(established)
}

/// Waits for the next server's turn; `None` where there is none.
async fn next(shared: &Shared, but: Option<&ServerAddr>) -> Option<Arc<ServerAddr>> {
    let mut nudges = shared.nudges();
    // The application is asked once for each attempt, and again when something has changed.
    let mut ask = true;
    loop {
        let now = runtime::now();
        let chosen = if ask { chosen(shared, now, but) } else { None };
        let (mut turn, chosen) = match chosen {
            Some((turn, server)) => (turn, Some(server)),
            None => (shared.servers().turn(now, but), None),
        };
        if let (Turn::Wait(until), Some(server)) = (&turn, &chosen) {
            // What the application chose is what is dialled, when its time has come.
            if !interrupted(*until, &mut nudges).await {
                turn = Turn::Dial(Arc::clone(server));
            }
        }
        match turn {
            Turn::Dial(server) => return Some(server),
            Turn::Nobody => return None,
            Turn::Wait(_) if chosen.is_some() => {}
            Turn::Wait(until) => ask = interrupted(until, &mut nudges).await,
        }
    }
}

/// Waits; `true` where something has changed meanwhile.
async fn interrupted(until: Instant, nudges: &mut tokio::sync::watch::Receiver<u64>) -> bool {
    tokio::select! {
        () = runtime::sleep_until(until) => false,
        // It never ends while somebody waits here.
        _ = nudges.changed() => true,
    }
}

/// What the application chooses, where it has a say and uses it.
fn chosen(
    shared: &Shared,
    now: Instant,
    but: Option<&ServerAddr>,
) -> Option<(Turn, Arc<ServerAddr>)> {
    let choose = shared.options.reconnect.choose.as_ref()?;
    let mut list = shared.servers().list();
    list.retain(|server| but.is_none_or(|but| !server.addr.is_same_server(but)));
    if list.is_empty() {
        return None;
    }
    let info = Arc::clone(shared.session().info());
    let is_known = !info.server_id.is_empty();
    // The application's function runs while nothing is locked.
    match choose.choose(&list, is_known.then_some(&*info)) {
        Ok(None) => None,
        Ok(Some(next)) => {
            let turn = match next.delay {
                _ if !list.iter().any(|known| known.addr.is_same_server(&next.addr)) => None,
                Some(delay) => Some(Turn::Wait(runtime::after(now, delay))),
                None => shared.servers().turn_of(&next.addr, now),
            };
            if turn.is_none() {
                shared.tell(&Event::NextServerIgnored);
            }
            turn.map(|turn| (turn, next.addr))
        }
        Err(()) => {
            shared.tell(&Event::NextServerIgnored);
            None
        }
    }
}
