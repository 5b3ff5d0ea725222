//! Ports that stay free while the server that had them is down.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, process};

/// The first port, and how many there are: below every system's range for outgoing connections
/// (which begins at 32,768 on Linux). A port of that range may go to another process, or even to
/// the client that dials it: such a client is then connected with itself.
const FIRST: u16 = 20_000;
const COUNT: u32 = 10_000;

/// Processes begin this far apart, so that those which run at the same time seldom look at the
/// same ports.
const STRIDE: u32 = 64;

/// A port that no other test takes while this lives, in this process or in another one.
#[derive(Debug)]
pub struct ReservedPort {
    number: u16,
    _lock: File,
}

impl ReservedPort {
    /// Reserves a port on which nobody listens.
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let locks = env::temp_dir().join("natsws-test-ports");
        fs::create_dir_all(&locks).expect("the temporary directory can be written");
        let start = process::id().wrapping_mul(STRIDE) % COUNT;
        for _ in 0..COUNT {
            // No port is used twice in a row: clients of the server before may still dial it.
            let offset = (start + NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
            let number = FIRST + u16::try_from(offset).expect("COUNT fits in 16 bits");
            let Ok(lock) = File::create(locks.join(number.to_string())) else { continue };
            let free = || TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok();
            if lock.try_lock().is_ok() && free() {
                return Self { number, _lock: lock };
            }
        }
        panic!("no free port among {COUNT} from {FIRST} on");
    }

    /// Its number.
    pub fn number(&self) -> u16 {
        self.number
    }
}

impl Default for ReservedPort {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn reserved_ports_are_locked_until_they_are_dropped() {
        let ports: Vec<_> = std::iter::repeat_with(ReservedPort::new).take(100).collect();
        let numbers: HashSet<_> = ports.iter().map(ReservedPort::number).collect();
        assert_eq!(numbers.len(), 100);

        let lock = |number: u16| {
            let path = env::temp_dir().join("natsws-test-ports").join(number.to_string());
            File::open(path).expect("the lock is a file").try_lock()
        };
        let number = ports[0].number();
        assert!(lock(number).is_err());
        drop(ports);
        // Another test may have taken one of them, but not all.
        assert!(numbers.into_iter().any(|number| lock(number).is_ok()));
    }
}
