//! Turns, waits and lists, on a clock that stands still.

use super::*;
use crate::runtime;
use crate::transport::TransportError;

const PATIENT: Patience = Patience { max_failures: None, refused_twice: true };

fn addr(name: &str) -> ServerAddr {
    format!("nats://{name}").parse().expect("a good address")
}

fn servers(names: &[&str]) -> Servers {
    Servers::new(names.iter().map(|name| addr(name)).collect(), false)
}

fn dial(name: &str) -> Turn {
    Turn::Dial(Arc::new(addr(name)))
}

fn wait(failures: u32, _: &ServerAddr) -> Duration {
    Duration::from_secs(u64::from(failures.max(1)))
}

fn broken() -> Arc<AttemptError> {
    Arc::new(AttemptError::Transport(TransportError::Closed))
}

fn refused() -> Arc<AttemptError> {
    Arc::new(AttemptError::Server(ServerError::AuthorizationViolation))
}

fn names(servers: &Servers) -> Vec<String> {
    servers.list().iter().map(|server| server.addr.host().to_owned()).collect()
}

fn fail(servers: &mut Servers, name: &str, now: Instant) -> bool {
    servers.dialling(&addr(name), now);
    servers.failed(&addr(name), &broken(), PATIENT, &wait)
}

#[test]
fn servers_are_tried_in_turn_and_each_waits_for_itself() {
    let start = runtime::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    let mut servers = servers(&["a", "b", "a"]);
    assert_eq!(names(&servers), ["a", "b"]);
    assert_eq!(servers.turn(start, None), dial("a"));
    assert!(!fail(&mut servers, "a", start));
    assert_eq!(servers.turn(start, None), dial("b"));
    assert!(!fail(&mut servers, "b", start));
    assert_eq!(servers.turn(start, None), Turn::Wait(at(1)));
    assert_eq!(servers.turn(at(1), None), dial("a"));
    assert!(!fail(&mut servers, "a", at(1)));
    assert_eq!(servers.turn(at(1), None), dial("b"));
    assert_eq!(servers.turn(at(1), Some(&addr("b"))), Turn::Wait(at(3)));
    assert_eq!(servers.turn_of(&addr("a"), at(2)), Some(Turn::Wait(at(3))));
    assert_eq!(servers.turn_of(&addr("a"), at(3)), Some(dial("a")));
    assert_eq!(servers.turn_of(&addr("c"), at(3)), None);
    servers.hurry();
    assert_eq!(servers.turn(at(1), Some(&addr("b"))), dial("a"));
}

#[test]
fn a_server_is_given_up_after_so_many_failures_in_a_row() {
    let now = runtime::now();
    let mut servers = servers(&["a"]);
    let patience = Patience { max_failures: Some(2), refused_twice: true };
    assert!(!servers.failed(&addr("a"), &broken(), patience, &wait));
    servers.connected(&addr("a"));
    assert!(!servers.failed(&addr("a"), &broken(), patience, &wait));
    assert_eq!(servers.failures().len(), 1);
    assert!(servers.failed(&addr("a"), &broken(), patience, &wait));
    assert_eq!(servers.turn(now, None), Turn::Nobody);
}

#[test]
fn credentials_that_are_refused_twice_give_a_server_up_unless_told_otherwise() {
    let mut pool = servers(&["a"]);
    assert!(!pool.failed(&addr("a"), &refused(), PATIENT, &wait));
    assert!(!pool.failed(&addr("a"), &broken(), PATIENT, &wait));
    assert!(pool.failed(&addr("a"), &refused(), PATIENT, &wait));
    let mut pool = servers(&["a"]);
    assert!(!pool.failed(&addr("a"), &refused(), PATIENT, &wait));
    pool.connected(&addr("a"));
    assert!(!pool.failed(&addr("a"), &refused(), PATIENT, &wait), "it was let in meanwhile");
    let stubborn = Patience { refused_twice: false, ..PATIENT };
    for _ in 0..20 {
        assert!(!pool.failed(&addr("a"), &refused(), stubborn, &wait));
    }
}

#[test]
fn only_a_connection_that_proved_itself_ends_the_doubling() {
    let start = runtime::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    let mut servers = servers(&["a"]);
    for (round, waits) in [(0, 1), (1, 2), (2, 3)] {
        servers.dialling(&addr("a"), at(round));
        servers.connected(&addr("a"));
        servers.lost(&addr("a"), false, None, &wait);
        assert_eq!(servers.turn(at(round), None), Turn::Wait(at(round + waits)));
    }
    servers.dialling(&addr("a"), at(10));
    servers.connected(&addr("a"));
    servers.lost(&addr("a"), true, None, &wait);
    assert_eq!(servers.turn(at(10), None), Turn::Wait(at(11)));
    assert_eq!(servers.turn(at(11), None), dial("a"));
}

#[test]
fn the_others_come_before_the_one_that_was_lost() {
    let now = runtime::now();
    let mut servers = servers(&["a", "b"]);
    servers.connected(&addr("a"));
    servers.lost(&addr("a"), true, None, &wait);
    assert_eq!(names(&servers), ["b", "a"]);
    servers.lame_duck(&addr("b"));
    assert_eq!(servers.turn(now, None), dial("a"));
    assert_eq!(servers.turn(now, Some(&addr("a"))), dial("b"), "it is all there is");
}

#[test]
fn discovered_servers_come_and_go_and_named_ones_stay() {
    let list = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    let mut servers = servers(&["a:1", "b:1"]);
    let current = addr("a:1");
    let changes = servers.cluster(&list(&["a:1", "c:1", "no server", "d:1"]), &current, false);
    assert_eq!(changes.added, [Arc::new(addr("c:1")), Arc::new(addr("d:1"))]);
    assert_eq!((changes.removed, changes.unusable), (vec![], list(&["no server"])));
    assert!(servers.is_discovered(&addr("c:1")) && !servers.is_discovered(&addr("a:1")));
    let again = servers.cluster(&list(&["d:1", "c:1"]), &current, false);
    assert_eq!(again, Changes::default());
    let changes = servers.cluster(&list(&["d:1"]), &current, false);
    assert_eq!((changes.added, changes.removed), (vec![], vec![Arc::new(addr("c:1"))]));
    // The server that is connected to stays, however it was found.
    let changes = servers.cluster(&[], &addr("d:1"), false);
    assert_eq!(changes, Changes::default());
    assert_eq!(names(&servers), ["a", "b", "d"]);
}

#[test]
fn a_lame_duck_that_is_listed_again_is_one_no_more() {
    let now = runtime::now();
    let mut servers = servers(&["a:1", "b:1"]);
    servers.lame_duck(&addr("a:1"));
    assert_eq!(servers.turn(now, None), dial("b:1"));
    servers.cluster(&["a:1".to_owned()], &addr("b:1"), false);
    assert_eq!(servers.turn(now, None), dial("a:1"));
}

#[test]
fn replaced_servers_keep_what_is_known_of_those_that_stay() {
    let start = runtime::now();
    let mut servers = servers(&["a", "b"]);
    assert!(!fail(&mut servers, "a", start));
    servers.set(vec![addr("a"), addr("c"), addr("c")]);
    assert_eq!(names(&servers), ["a", "c"]);
    assert_eq!(servers.list().first().map(|server| server.failures), Some(1));
    assert_eq!(servers.turn(start, None), dial("c"));
}

#[test]
fn the_order_is_any_unless_told_otherwise() {
    let given: Vec<String> = (0..20).map(|number| format!("s{number}")).collect();
    let all = || given.iter().map(|name| addr(name)).collect::<Vec<_>>();
    assert_eq!(names(&Servers::new(all(), false)), given);
    let mut shuffled = names(&Servers::new(all(), true));
    // One order in 20! is the given one.
    assert_ne!(shuffled, given);
    shuffled.sort();
    let mut sorted = given.clone();
    sorted.sort();
    assert_eq!(shuffled, sorted);
}
