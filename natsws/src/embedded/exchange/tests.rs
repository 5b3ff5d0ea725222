//! What clients see, byte by byte. All of it was compared with nats-server 2.15.1.

use std::net::{IpAddr, Ipv4Addr};

use super::*;
use crate::protocol::decode::{Decoder, Limits};
use crate::runtime;

const PLAIN: &str = r#"{"verbose":false,"pedantic":false,"headers":true,"no_responders":true}"#;
const NO_ECHO: &str = r#"{"verbose":false,"pedantic":false,"echo":false}"#;
const NO_HEADERS: &str = r#"{"verbose":false,"pedantic":false,"headers":false}"#;

struct Table {
    exchange: Exchange,
    now: Instant,
}

impl Table {
    fn new() -> Self {
        Self::with(Credentials::Anyone)
    }

    fn with(credentials: Credentials) -> Self {
        let record = RecordLimits { messages: 9, bytes: 99 };
        let rules = Rules { max_payload: 64, headers: true, credentials, record };
        Self { exchange: Exchange::new(rules, 7), now: runtime::now() }
    }

    /// A client that has read the `INFO` and has said nothing.
    fn stranger(&mut self) -> ClientId {
        let localhost = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let origin = Origin { listener: SocketAddr::new(localhost, 4222), client: localhost };
        let id = self.exchange.join(origin);
        assert!(self.hears(id).starts_with("INFO {"));
        id
    }

    fn client(&mut self, connect: &str) -> ClientId {
        let id = self.stranger();
        self.says(id, format!("CONNECT {connect}\r\n"));
        id
    }

    fn says(&mut self, id: ClientId, text: impl AsRef<[u8]>) {
        let mut decoder = Decoder::new(Limits { line: 128, message: 64 });
        decoder.push(Bytes::copy_from_slice(text.as_ref()));
        loop {
            match decoder.next() {
                Ok(Some(op)) => self.exchange.apply(id, op, self.now),
                Ok(None) => return,
                Err(error) => return self.exchange.refuse(id, error.fault),
            }
        }
    }

    /// What is sent to a client; `<end>` where the connection ends behind it.
    fn hears(&mut self, id: ClientId) -> String {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match self.exchange.take(id) {
            Outgoing::Bytes(bytes) => text(&bytes),
            Outgoing::Nothing => String::new(),
            Outgoing::Last(bytes) => text(&bytes) + "<end>",
            Outgoing::Gone => "<gone>".to_owned(),
        }
    }

    /// What a client that connected in this way hears after it said something.
    fn answer(connect: &str, text: &str) -> String {
        let mut table = Self::new();
        let id = table.client(connect);
        table.says(id, text);
        table.hears(id)
    }
}

#[test]
fn the_first_thing_a_client_hears_is_who_the_server_is() {
    let mut table = Table::with(Credentials::Token("canary".to_owned()));
    let localhost = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let origin = Origin { listener: SocketAddr::new(localhost, 4222), client: localhost };
    let id = table.exchange.join(origin);
    let hello = table.hears(id);
    let json = hello.strip_prefix("INFO ").and_then(|rest| rest.strip_suffix("\r\n"));
    let info = ServerInfo::parse(json.expect("an INFO").as_bytes()).expect("its JSON");
    assert_eq!(info.server_id.len(), 56);
    assert_eq!(info.version, "2.15.0-natsws");
    assert_eq!((info.host.as_str(), info.port), ("127.0.0.1", 4222));
    assert_eq!((info.proto, info.headers, info.max_payload), (1, true, 64));
    assert_eq!((info.client_id, info.client_ip.as_str()), (Some(1), "127.0.0.1"));
    assert!(info.auth_required);
    assert!(!hello.contains("canary"));
}

#[test]
fn a_message_goes_to_every_filter_that_it_falls_under() {
    let mut table = Table::new();
    let (one, two) = (table.client(PLAIN), table.client(PLAIN));
    table.says(one, "SUB > 1\r\nSUB a.* 2\r\nSUB *.b 3\r\nSUB a.b 4\r\nSUB a 5\r\n");
    table.says(two, "PUB a.b 1\r\n1\r\nPUB a 1\r\n2\r\nPUB a.* r 1\r\n3\r\nPUB a..b 1\r\n4\r\n");
    assert_eq!(
        table.hears(one),
        "MSG a.b 4 1\r\n1\r\nMSG a.b 1 1\r\n1\r\nMSG a.b 2 1\r\n1\r\nMSG a.b 3 1\r\n1\r\n\
         MSG a 5 1\r\n2\r\nMSG a 1 1\r\n2\r\nMSG a.* 1 r 1\r\n3\r\nMSG a.* 2 r 1\r\n3\r\n"
    );
    assert_eq!(table.hears(two), "");
}

#[test]
fn a_subject_that_is_not_text_is_relayed() {
    let mut table = Table::new();
    let id = table.client(PLAIN);
    table.says(id, b"SUB *.x 1\r\nPUB \xff.x 0\r\n\r\n");
    assert_eq!(table.exchange.take(id), Outgoing::Bytes(b"MSG \xff.x 1 0\r\n\r\n"[..].into()));
}

#[test]
fn each_message_goes_to_one_member_of_a_queue_group_and_to_all_others() {
    let mut table = Table::new();
    let (one, two, plain) = (table.client(PLAIN), table.client(PLAIN), table.client(PLAIN));
    table.says(one, "SUB a q 1\r\n");
    table.says(two, "SUB a.* q 1\r\nSUB * q 2\r\nSUB a other 3\r\n");
    table.says(plain, "SUB a 1\r\n");
    for _ in 0..100 {
        table.says(plain, "PUB a 0\r\n\r\n");
    }
    let (one, two, plain) = (table.hears(one), table.hears(two), table.hears(plain));
    let count = |text: &str, sid| text.matches(&format!("MSG a {sid} 0\r\n\r\n")).count();
    assert_eq!(count(&plain, 1), 100);
    assert_eq!(count(&two, 3), 100);
    assert_eq!(count(&one, 1) + count(&two, 2), 100);
    assert!((30..70).contains(&count(&one, 1)), "{}", count(&one, 1));
}

#[test]
fn a_publisher_without_echo_does_not_hear_itself() {
    let mut table = Table::new();
    let (quiet, other) = (table.client(NO_ECHO), table.client(PLAIN));
    table.says(quiet, "SUB a 1\r\nSUB a q 2\r\n");
    table.says(other, "SUB a q 1\r\n");
    table.says(quiet, "PUB a 1\r\nx\r\n");
    assert_eq!(table.hears(quiet), "");
    assert_eq!(table.hears(other), "MSG a 1 1\r\nx\r\n");
}

#[test]
fn a_request_that_nobody_hears_is_answered_at_once() {
    assert_eq!(
        Table::answer(PLAIN, "SUB r.* 2\r\nPUB a r.1 1\r\nx\r\nPUB a..b r.2 0\r\n\r\n"),
        "HMSG r.1 2 33 33\r\nNATS/1.0 503\r\nNats-Subject: a\r\n\r\n\r\n\
         HMSG r.2 2 36 36\r\nNATS/1.0 503\r\nNats-Subject: a..b\r\n\r\n\r\n"
    );
}

#[test]
fn that_answer_goes_only_to_a_plain_subscription_of_the_one_who_asked_for_it() {
    let mut table = Table::new();
    let (one, two) = (table.client(PLAIN), table.client(NO_HEADERS));
    table.says(one, "SUB r q 1\r\nSUB s 2\r\n");
    table.says(two, "SUB r 1\r\nPUB a r 0\r\n\r\n");
    table.says(one, "PUB a r 0\r\n\r\nPUB a other 0\r\n\r\n");
    assert_eq!(table.hears(one), "");
    assert_eq!(table.hears(two), "");
}

#[test]
fn a_subscription_ends_after_its_last_message() {
    let three = "PUB a 1\r\n1\r\nPUB a 1\r\n2\r\nPUB a 1\r\n3\r\n";
    let two = "MSG a 1 1\r\n1\r\nMSG a 1 1\r\n2\r\n";
    assert_eq!(Table::answer(PLAIN, &format!("SUB a 1\r\nUNSUB 1 2\r\n{three}")), two);
    // Those that came before count.
    let late = "SUB a 1\r\nPUB a 1\r\n1\r\nUNSUB 1 2\r\nPUB a 1\r\n2\r\nPUB a 1\r\n3\r\n";
    assert_eq!(Table::answer(PLAIN, late), two);
    let too_late = "SUB a 1\r\nPUB a 1\r\n1\r\nPUB a 1\r\n2\r\nUNSUB 1 2\r\nPUB a 1\r\n3\r\n";
    assert_eq!(Table::answer(PLAIN, too_late), two);
    assert_eq!(Table::answer(PLAIN, &format!("SUB a 1\r\nUNSUB 1 0\r\n{three}")), "");
    assert_eq!(Table::answer(PLAIN, "UNSUB 9\r\nUNSUB 9 3\r\n"), "");
}

#[test]
fn a_second_subscription_with_the_same_sid_is_ignored() {
    assert_eq!(
        Table::answer(PLAIN, "SUB a 1\r\nSUB b 1\r\nPUB b 1\r\nb\r\nPUB a 1\r\na\r\n"),
        "MSG a 1 1\r\na\r\n"
    );
}

#[test]
fn a_verbose_client_hears_that_its_operations_were_done() {
    let operations = "SUB a 1\r\nPUB a 2\r\nhi\r\nPING\r\nPONG\r\nUNSUB 1\r\nSUB a..b 2\r\n\
                      PUB a..b 1\r\nx\r\nUNSUB 99\r\n";
    assert_eq!(
        Table::answer(r#"{"verbose":true,"pedantic":false}"#, operations),
        "+OK\r\n+OK\r\n+OK\r\nMSG a 1 2\r\nhi\r\nPONG\r\n+OK\r\n-ERR 'Invalid Subject'\r\n\
         +OK\r\n+OK\r\n"
    );
}

#[test]
fn a_client_that_has_not_connected_is_verbose_and_pedantic() {
    let mut table = Table::new();
    let id = table.stranger();
    table.says(id, "SUB a 1\r\nPUB a..b 1\r\nx\r\nPUB a 1\r\nx\r\n");
    assert_eq!(
        table.hears(id),
        "+OK\r\n-ERR 'Invalid Publish Subject'\r\n+OK\r\n+OK\r\nMSG a 1 1\r\nx\r\n"
    );
}

#[test]
fn a_pedantic_client_hears_of_bad_subjects() {
    let operations = "SUB > 1\r\nPUB a..b 1\r\nx\r\nPUB a.* 1\r\nx\r\nPUB a*b 1\r\nx\r\n";
    assert_eq!(
        Table::answer(r#"{"verbose":false,"pedantic":true}"#, operations),
        "-ERR 'Invalid Publish Subject'\r\n-ERR 'Invalid Publish Subject'\r\n\
         MSG a.* 1 1\r\nx\r\nMSG a*b 1 1\r\nx\r\n"
    );
}

#[test]
fn a_bad_filter_is_refused_and_the_connection_stays() {
    let operations = "SUB a..b 1\r\nSUB .a 2\r\nSUB a. 3\r\nSUB a.>.b 4\r\nSUB a*b 5\r\nPING\r\n";
    let refused = "-ERR 'Invalid Subject'\r\n".repeat(4);
    assert_eq!(Table::answer(PLAIN, operations), refused + "PONG\r\n");
}

#[test]
fn a_second_connect_changes_what_it_names() {
    assert_eq!(
        Table::answer(PLAIN, "CONNECT {\"verbose\":true}\r\nPUB a..b 0\r\n\r\nPING\r\n"),
        "+OK\r\n+OK\r\nPONG\r\n"
    );
}

#[test]
fn who_must_log_in_and_does_not_is_sent_away() {
    let violation = "-ERR 'Authorization Violation'\r\n<end>";
    let user = Credentials::User { name: "u".to_owned(), password: "p".to_owned() };
    for (credentials, first, expected) in [
        (Credentials::Token("t".to_owned()), "PING\r\n", violation),
        (Credentials::Token("t".to_owned()), "FOO\r\n", violation),
        (Credentials::Token("t".to_owned()), "CONNECT {}\r\nPING\r\n", violation),
        (Credentials::Token("t".to_owned()), "CONNECT {\"auth_token\":\"x\"}\r\n", violation),
        (Credentials::Token("t".to_owned()), "CONNECT {\"auth_token\":\"t\"}\r\n", "+OK\r\n"),
        (user.clone(), "CONNECT {\"user\":\"u\"}\r\n", violation),
        (user.clone(), "CONNECT {\"user\":\"u\",\"pass\":\"x\"}\r\n", violation),
        (user, "CONNECT {\"user\":\"u\",\"pass\":\"p\"}\r\n", "+OK\r\n"),
    ] {
        let mut table = Table::with(credentials);
        let id = table.stranger();
        table.says(id, first);
        assert_eq!(table.hears(id), expected, "{first}");
    }
}

#[test]
fn what_is_not_the_protocol_ends_the_connection() {
    let payload = "-ERR 'Maximum Payload Violation'\r\n<end>";
    let unknown = "-ERR 'Unknown Protocol Operation'\r\n<end>";
    for (text, expected) in [
        ("PUB a 65\r\n", payload),
        ("HPUB a 12 65\r\n", payload),
        ("FOO bar\r\n", unknown),
        ("PUB a 1\r\nabc\r\n", unknown),
        (
            &*format!("PUB {} 1\r\n", "a".repeat(128)),
            "-ERR 'maximum control line exceeded'\r\n<end>",
        ),
        ("PUB a -1\r\n", "<end>"),
        ("PUB a b c 1\r\n", "<end>"),
        ("HPUB a 3 2\r\n", "<end>"),
        ("CONNECT {\"verbose\":fal\r\n", "<end>"),
        (
            "CONNECT {\"headers\":false,\"no_responders\":true}\r\n",
            "-ERR 'no responders requires headers support'\r\n<end>",
        ),
    ] {
        assert_eq!(Table::answer(PLAIN, text), expected, "{text}");
    }
}

#[test]
fn the_largest_payload_is_delivered() {
    let payload = "x".repeat(64);
    assert_eq!(
        Table::answer(PLAIN, &format!("SUB a 1\r\nPUB a 64\r\n{payload}\r\n")),
        format!("MSG a 1 64\r\n{payload}\r\n")
    );
}

#[test]
fn headers_reach_those_who_know_them() {
    let mut table = Table::new();
    let (old, new) = (table.client(NO_HEADERS), table.client(PLAIN));
    table.says(old, "SUB a 1\r\n");
    table.says(new, "SUB a 1\r\nHPUB a r 18 20\r\nNATS/1.0\r\nA: b\r\n\r\nhi\r\n");
    assert_eq!(table.hears(old), "MSG a 1 r 2\r\nhi\r\n");
    assert_eq!(table.hears(new), "HMSG a 1 r 18 20\r\nNATS/1.0\r\nA: b\r\n\r\nhi\r\n");
    table.says(old, "HPUB a 18 20\r\nNATS/1.0\r\nA: b\r\n\r\nhi\r\n");
    assert_eq!(table.hears(old), "<end>");
}

#[test]
fn what_follows_a_violation_is_not_done() {
    let mut table = Table::new();
    let (bad, good) = (table.client(PLAIN), table.client(PLAIN));
    table.says(good, "SUB a 1\r\n");
    table.says(bad, "SUB a 1\r\nCONNECT {\r\nPUB a 1\r\nx\r\n");
    assert_eq!(table.exchange.subscriptions(), 1);
    assert_eq!(table.exchange.connections(), 1);
    table.says(good, "PUB a 1\r\ny\r\n");
    assert_eq!(table.hears(bad), "<end>");
    assert_eq!(table.hears(good), "MSG a 1 1\r\ny\r\n");
}

#[test]
fn those_are_touched_whose_buffer_began_to_fill() {
    let mut table = Table::new();
    let (one, two) = (table.client(PLAIN), table.client(PLAIN));
    table.says(one, "SUB a 1\r\n");
    table.exchange.take_touched();
    table.says(two, "PUB a 1\r\nx\r\nPUB a 1\r\ny\r\nPING\r\n");
    assert_eq!(table.exchange.take_touched(), [one, two]);
    table.exchange.cut(one);
    assert_eq!(table.exchange.take_touched(), [one]);
    assert_eq!(table.hears(one), "<gone>");
    assert_eq!(table.exchange.subscriptions(), 0);
}

#[test]
fn a_client_that_does_not_keep_up_is_cut_and_its_publisher_is_told_before() {
    let mut table = Table::new();
    table.exchange.rules.max_payload = 16 * 1024 * 1024;
    let (slow, publisher) = (table.client(PLAIN), table.client(PLAIN));
    table.says(slow, "SUB a 1\r\n");
    let mut decoder = Decoder::new(Limits::default());
    let mut congested = Vec::new();
    for _ in 0..4 {
        decoder.push(Bytes::from_static(b"PUB a 16777216\r\n"));
        decoder.push(Bytes::from(vec![b'x'; 16 * 1024 * 1024]));
        decoder.push(Bytes::from_static(b"\r\n"));
        let op = decoder.next().expect("valid").expect("whole");
        table.exchange.apply(publisher, op, table.now);
        // What was taken but may not have been written counts too.
        if congested.is_empty() {
            assert!(matches!(table.exchange.take(slow), Outgoing::Bytes(_)));
        }
        congested.push(table.exchange.take_work().congested);
    }
    assert_eq!(congested, [false, false, false, true]);
    assert_eq!(table.hears(slow), "<gone>");
    assert_eq!(table.exchange.connections(), 1);
}
