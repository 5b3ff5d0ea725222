//! The servers that may be connected to: which is next, and when. No input or output.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::connect_error::AttemptError;
use crate::options::PoolServer;
use crate::protocol::ServerError;
use crate::runtime::{self, Instant};
use crate::server_addr::ServerAddr;

/// The servers in the order in which they are tried.
#[derive(Debug)]
pub(crate) struct Servers {
    list: VecDeque<Server>,
    randomize: bool,
}

#[derive(Debug)]
struct Server {
    addr: Arc<ServerAddr>,
    discovered: bool,
    was_connected: bool,
    lame_duck: bool,
    /// Attempts that failed in a row.
    failures: usize,
    /// Attempts that failed, and connections that broke before they were worth something.
    strikes: u32,
    last_dial: Option<Instant>,
    not_before: Option<Instant>,
    /// How it refused the credentials last.
    refused: Option<ServerError>,
    last_error: Option<Arc<AttemptError>>,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Turn {
    Dial(Arc<ServerAddr>),
    Wait(Instant),
    /// Every server has been given up.
    Nobody,
}

/// How long to wait before a server is tried again that failed this often in a row.
pub(super) type Wait<'a> = &'a dyn Fn(u32, &ServerAddr) -> Duration;

/// When a server is given up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// After so many failures in a row.
    pub(super) max_failures: Option<usize>,
    /// After it refused the credentials twice for the same reason.
    pub(super) refused_twice: bool,
}

/// What a server's list changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    pub(super) added: Vec<Arc<ServerAddr>>,
    pub(super) removed: Vec<Arc<ServerAddr>>,
    /// What cannot be understood.
    pub(super) unusable: Vec<String>,
}

impl Server {
    fn new(addr: ServerAddr, discovered: bool) -> Self {
        Self {
            addr: Arc::new(addr),
            discovered,
            was_connected: false,
            lame_duck: false,
            failures: 0,
            strikes: 0,
            last_dial: None,
            not_before: None,
            refused: None,
            last_error: None,
        }
    }

    fn wait(&mut self, wait: Wait<'_>) {
        let delay = wait(self.strikes, &self.addr);
        self.not_before = self.last_dial.map(|at| runtime::after(at, delay));
    }

    fn is_due(&self, now: Instant) -> bool {
        self.not_before.is_none_or(|at| at <= now)
    }
}

impl Servers {
    pub(crate) fn new(named: Vec<ServerAddr>, randomize: bool) -> Self {
        let mut servers = Self { list: VecDeque::new(), randomize };
        servers.name(named);
        servers
    }

    /// Adds what the application named, but nothing twice.
    fn name(&mut self, named: Vec<ServerAddr>) {
        for addr in named {
            if self.find(&addr).is_none() {
                self.list.push_back(Server::new(addr, false));
            }
        }
        self.shuffle(0);
    }

    fn shuffle(&mut self, from: usize) {
        if self.randomize {
            let list = self.list.make_contiguous();
            fastrand::shuffle(list.get_mut(from..).unwrap_or_default());
        }
    }

    fn find(&self, addr: &ServerAddr) -> Option<usize> {
        self.list.iter().position(|server| server.addr.is_same_server(addr))
    }

    fn server(&mut self, addr: &ServerAddr) -> Option<&mut Server> {
        let at = self.find(addr)?;
        self.list.get_mut(at)
    }

    /// The others come before this one.
    fn put_last(&mut self, addr: &ServerAddr) {
        if let Some(server) = self.find(addr).and_then(|at| self.list.remove(at)) {
            self.list.push_back(server);
        }
    }

    /// The first server that is due, those last that are about to shut down. `but` is passed over.
    pub(super) fn turn(&self, now: Instant, but: Option<&ServerAddr>) -> Turn {
        let wanted = |server: &&Server| but.is_none_or(|but| !server.addr.is_same_server(but));
        let due = |lame_duck| {
            let mut due = self.list.iter().filter(wanted).filter(|server| server.is_due(now));
            due.find(|server| server.lame_duck == lame_duck)
        };
        if let Some(server) = due(false).or_else(|| due(true)) {
            return Turn::Dial(Arc::clone(&server.addr));
        }
        let earliest = self.list.iter().filter(wanted).filter_map(|server| server.not_before).min();
        earliest.map_or(Turn::Nobody, Turn::Wait)
    }

    /// When a server may be tried; `None` where there is no such server.
    pub(super) fn turn_of(&self, addr: &ServerAddr, now: Instant) -> Option<Turn> {
        let server = self.find(addr).and_then(|at| self.list.get(at))?;
        Some(match server.not_before {
            Some(at) if at > now => Turn::Wait(at),
            _ => Turn::Dial(Arc::clone(&server.addr)),
        })
    }

    /// All servers, the one that would be next first.
    pub(crate) fn list(&self) -> Vec<PoolServer> {
        let shown = |server: &Server| PoolServer {
            addr: Arc::clone(&server.addr),
            discovered: server.discovered,
            was_connected: server.was_connected,
            failures: server.failures,
            lame_duck: server.lame_duck,
        };
        self.list.iter().map(shown).collect()
    }

    /// Whether the application has not named the server itself, or no longer does.
    pub(super) fn is_discovered(&self, addr: &ServerAddr) -> bool {
        self.find(addr).and_then(|at| self.list.get(at)).is_none_or(|server| server.discovered)
    }

    /// The last failure of each server that is here.
    pub(super) fn failures(&self) -> Vec<(Arc<ServerAddr>, Arc<AttemptError>)> {
        let failed = |server: &Server| Some((Arc::clone(&server.addr), server.last_error.clone()?));
        self.list.iter().filter_map(failed).collect()
    }

    /// An attempt begins.
    pub(super) fn dialling(&mut self, addr: &ServerAddr, now: Instant) {
        if let Some(server) = self.server(addr) {
            server.last_dial = Some(now);
        }
    }

    /// A server has answered.
    pub(super) fn connected(&mut self, addr: &ServerAddr) {
        if let Some(server) = self.server(addr) {
            server.was_connected = true;
            server.lame_duck = false;
            server.failures = 0;
            server.refused = None;
            server.last_error = None;
        }
    }

    /// An attempt failed; `true` where the server is given up by it.
    pub(super) fn failed(
        &mut self,
        addr: &ServerAddr,
        error: &Arc<AttemptError>,
        patience: Patience,
        wait: Wait<'_>,
    ) -> bool {
        let Some(server) = self.server(addr) else { return true };
        server.failures += 1;
        server.strikes = server.strikes.saturating_add(1);
        server.last_error = Some(Arc::clone(error));
        server.wait(wait);
        let mut given_up = patience.max_failures.is_some_and(|max| server.failures >= max);
        if let AttemptError::Server(error) = &**error {
            if error.is_auth() {
                let again = server.refused.replace(error.clone()).as_ref() == Some(error);
                given_up |= again && patience.refused_twice;
            }
        }
        if given_up {
            self.remove(addr);
        } else {
            self.put_last(addr);
        }
        given_up
    }

    /// Takes a server out.
    pub(super) fn remove(&mut self, addr: &ServerAddr) {
        if let Some(at) = self.find(addr) {
            self.list.remove(at);
        }
    }

    /// The connection to a server was lost. One that was never worth something counts as a failed
    /// attempt, so that a server which accepts and then breaks is not hammered.
    pub(super) fn lost(
        &mut self,
        addr: &ServerAddr,
        was_good: bool,
        error: Option<&ServerError>,
        wait: Wait<'_>,
    ) {
        if let Some(server) = self.server(addr) {
            server.strikes = if was_good { 0 } else { server.strikes.saturating_add(1) };
            server.wait(wait);
            if let Some(error) = error.filter(|error| error.is_auth()) {
                server.refused = Some(error.clone());
            }
        }
        self.put_last(addr);
    }

    /// A server said that it is about to shut down.
    pub(super) fn lame_duck(&mut self, addr: &ServerAddr) {
        if let Some(server) = self.server(addr) {
            server.lame_duck = true;
        }
    }

    /// Every server may be tried at once.
    pub(super) fn hurry(&mut self) {
        for server in &mut self.list {
            server.not_before = None;
        }
    }

    /// Takes over what the current server says of its cluster. What the application named stays.
    /// `secured` says that the connection is secured because the server asked for it.
    pub(super) fn cluster(
        &mut self,
        listed: &[String],
        current: &ServerAddr,
        secured: bool,
    ) -> Changes {
        let mut changes = Changes::default();
        let mut known = Vec::new();
        for text in listed {
            match current.sibling(text, secured) {
                Ok(addr) => known.push(addr),
                Err(_) => changes.unusable.push(text.escape_debug().to_string()),
            }
        }
        self.list.retain(|server| {
            let stays = !server.discovered
                || server.addr.is_same_server(current)
                || known.iter().any(|addr| addr.is_same_server(&server.addr));
            if !stays {
                changes.removed.push(Arc::clone(&server.addr));
            }
            stays
        });
        for addr in known {
            match self.server(&addr) {
                // It is listed again, so it is back; the current one knows better of itself.
                Some(server) if !server.addr.is_same_server(current) => server.lame_duck = false,
                Some(_) => {}
                None => {
                    let server = Server::new(addr, true);
                    changes.added.push(Arc::clone(&server.addr));
                    self.list.push_back(server);
                }
            }
        }
        if !changes.added.is_empty() {
            self.shuffle(0);
        }
        changes
    }

    /// Replaces all servers. What is known of those that stay is kept.
    pub(super) fn set(&mut self, named: Vec<ServerAddr>) {
        let mut before = std::mem::take(&mut self.list);
        for addr in named {
            if self.find(&addr).is_some() {
                continue;
            }
            let known = before.iter().position(|server| server.addr.is_same_server(&addr));
            let server = match known.and_then(|at| before.remove(at)) {
                Some(server) => Server { addr: Arc::new(addr), discovered: false, ..server },
                None => Server::new(addr, false),
            };
            self.list.push_back(server);
        }
        self.shuffle(0);
    }
}

#[cfg(test)]
mod tests;
