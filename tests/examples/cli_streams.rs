use natsws_tests::Server;

use crate::cli::{fails, prints, timeless};
#[cfg(unix)]
use crate::program::Running;
use crate::program::{run, text};

#[test]
fn a_stream_is_made_filled_listed_described_purged_and_deleted() {
    let server = Server::builder().jetstream().start();
    let url = server.ws_url();
    let output = run("cli", &["--server", &url, "stream", "ls"]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), String::new()));
    assert_eq!(text(&output.stderr), "no streams\n");

    let add = ["stream", "add", "ORDERS", "--subjects", "orders.>,jobs.*", "--storage", "memory"];
    // Twice: what is there and the same is right.
    assert_eq!(prints(&url, &add), "");
    assert_eq!(prints(&url, &add), "");
    assert_eq!(prints(&url, &["stream", "add", "LOG", "--subjects", "log"]), "");
    let publish = ["js-pub", "orders.eu", "7 apples", "--id", "a"];
    assert_eq!(prints(&url, &publish), "ORDERS 1\n");
    assert_eq!(prints(&url, &publish), "ORDERS 1 known already\n");
    assert_eq!(prints(&url, &["js-pub", "jobs.a", "-3", "--id", "b"]), "ORDERS 2\n");
    assert_eq!(
        prints(&url, &["stream", "ls"]),
        "NAME    SUBJECTS          STORAGE  MESSAGES  BYTES  CONSUMERS\n\
         LOG     log               file            0      0          0\n\
         ORDERS  orders.>, jobs.*  memory          2    113          0\n"
    );
    assert_eq!(
        timeless(&prints(&url, &["stream", "info", "ORDERS"])),
        "name            ORDERS\n\
         subjects        orders.>, jobs.*\n\
         storage         memory\n\
         retention       limits\n\
         replicas        1\n\
         created         0000-00-00T00:00:00Z\n\
         messages        2\n\
         bytes           113\n\
         first sequence  1\n\
         last sequence   2\n\
         consumers       0\n"
    );
    assert_eq!(prints(&url, &["stream", "purge", "ORDERS"]), "2\n");
    assert_eq!(prints(&url, &["stream", "rm", "ORDERS"]), "");
    assert_eq!(
        prints(&url, &["stream", "ls"]),
        "NAME  SUBJECTS  STORAGE  MESSAGES  BYTES  CONSUMERS\n\
         LOG   log       file            0      0          0\n"
    );
    let add = ["stream", "add", "LOG", "--subjects", "other"];
    assert_eq!(
        fails(&url, &add),
        "error: stream name already in use with a different configuration \
         (code 400, error 10058); update the stream, or choose another name\n"
    );
}

#[test]
fn many_messages_are_published_through_a_window() {
    let server = Server::builder().jetstream().start();
    let url = server.nats_url();
    prints(&url, &["stream", "add", "A", "--subjects", "a"]);
    for (id, expected) in [
        (&[][..], "5000 stored, in "),
        (&["--id", "x"], "5000 stored, 4999 of them known already, in "),
    ] {
        let told = prints(&url, &[&["js-pub", "a", "hello", "--count", "5000"], id].concat());
        assert!(told.starts_with(expected) && told.ends_with(" a second\n"), "{told}");
    }
    let info = prints(&url, &["stream", "info", "A"]);
    assert!(info.contains("\nmessages        5001\n"), "{info}");
}

#[test]
fn a_consumer_delivers_what_it_is_asked_for_and_gets_it_back() {
    let server = Server::builder().jetstream().start();
    let url = server.ws_url();
    prints(&url, &["stream", "add", "ORDERS", "--subjects", "orders.*"]);
    prints(&url, &["consumer", "add", "ORDERS", "all"]);
    let add = ["consumer", "add", "ORDERS", "workers", "--filter", "orders.eu"];
    assert_eq!(prints(&url, &add), "");
    assert_eq!(prints(&url, &add), "");
    for (id, subject, payload) in
        [("1", "orders.eu", "one"), ("2", "orders.us", "two"), ("3", "orders.eu", "three")]
    {
        prints(&url, &["js-pub", subject, payload, "--id", id]);
    }
    let next = ["consumer", "next", "ORDERS", "workers"];
    let both = |second: &str| {
        format!(
            "[#1] orders.eu{second}\nNats-Msg-Id: 1\none\n\
             [#3] orders.eu{second}\nNats-Msg-Id: 3\nthree\n"
        )
    };
    let two = [&next[..], &["--count", "2"]].concat();
    assert_eq!(prints(&url, &two), both(""));
    assert_eq!(prints(&url, &two), both(" delivery 2"));
    assert_eq!(
        prints(&url, &[&next[..], &["--ack"]].concat()),
        "[#1] orders.eu delivery 3\nNats-Msg-Id: 1\none\n"
    );
    assert_eq!(
        prints(&url, &["consumer", "ls", "ORDERS"]),
        "NAME     FILTER     PENDING  UNACKNOWLEDGED  REDELIVERED\n\
         all      -                3               0            0\n\
         workers  orders.eu        0               1            1\n"
    );
    let rest = [&two[..], &["--ack", "--timeout", "1500"]].concat();
    let output = run("cli", &[&["--server", url.as_str()], &rest[..]].concat());
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stdout), "[#3] orders.eu delivery 3\nNats-Msg-Id: 3\nthree\n");
    assert_eq!(text(&output.stderr), "1 of 2 came within 1.5s\n");
    assert_eq!(
        fails(&url, &rest),
        "error: no message came within 1.5s: publish one, or wait longer with --timeout\n"
    );
    assert_eq!(
        timeless(&prints(&url, &["consumer", "info", "ORDERS", "workers"])),
        "name                workers\n\
         stream              ORDERS\n\
         filter              orders.eu\n\
         acknowledge         explicit\n\
         created             0000-00-00T00:00:00Z\n\
         pending             0\n\
         unacknowledged      0\n\
         redelivered         0\n\
         waiting requests    0\n\
         delivered up to     3\n\
         acknowledged up to  3\n"
    );
    assert_eq!(prints(&url, &["consumer", "rm", "ORDERS", "workers"]), "");
    assert_eq!(
        fails(&url, &next),
        "error: there is no consumer \"workers\" of stream \"ORDERS\": create it, or correct the name\n"
    );
}

#[cfg(unix)]
#[test]
fn a_consumer_gets_everything_back_where_ctrl_c_ends_the_wait() {
    let server = Server::builder().jetstream().start();
    let url = server.ws_url();
    prints(&url, &["stream", "add", "A", "--subjects", "a"]);
    prints(&url, &["consumer", "add", "A", "c"]);
    prints(&url, &["js-pub", "a", "hello", "--id", "1"]);
    let next = ["--server", &url, "consumer", "next", "A", "c", "--count", "2"];
    let mut waiting = Running::heard("cli", &next);
    let mut lines = waiting.lines();
    let mut line = || lines.next().expect("a line");
    assert_eq!([line(), line(), line()], ["[#1] a", "Nats-Msg-Id: 1", "hello"]);
    waiting.interrupt();
    assert_eq!(waiting.told(), (true, String::new()));
    // At once, and not only when the time for an acknowledgement is over.
    let next = ["consumer", "next", "A", "c"];
    assert_eq!(prints(&url, &next), "[#1] a delivery 2\nNats-Msg-Id: 1\nhello\n");
}

#[test]
fn a_stream_or_a_consumer_that_is_not_there_is_named_with_what_to_do() {
    let server = Server::builder().jetstream().start();
    let url = server.nats_url();
    let no_stream = "error: there is no stream \"NONE\": create it, or correct the name\n";
    for args in [
        &["stream", "info", "NONE"][..],
        &["stream", "rm", "NONE"],
        &["stream", "purge", "NONE"],
        &["consumer", "ls", "NONE"],
        &["consumer", "info", "NONE", "c"],
        &["consumer", "add", "NONE", "c"],
        &["consumer", "rm", "NONE", "c"],
        &["consumer", "next", "NONE", "c"],
    ] {
        assert_eq!(fails(&url, args), no_stream, "{args:?}");
    }
    prints(&url, &["stream", "add", "A", "--subjects", "a"]);
    for command in ["info", "rm", "next"] {
        assert_eq!(
            fails(&url, &["consumer", command, "A", "c"]),
            "error: there is no consumer \"c\" of stream \"A\": create it, or correct the name\n"
        );
    }
    let no_subject = "no stream answered for subject \"b\" within 1.5s: \
        create one that has it, or check that its cluster has a leader\n";
    let publish = ["js-pub", "b", "x", "--timeout", "1500"];
    assert_eq!(fails(&url, &publish), format!("error: {no_subject}"));
    let told = run("cli", &[&["--server", &url], &publish[..], &["--count", "9"]].concat());
    assert_eq!((told.status.code(), text(&told.stdout)), (Some(1), String::new()));
    assert_eq!(
        text(&told.stderr),
        format!(
            "error: 9 of 9 messages are not known to be stored: \
             message 1 to \"b\" is not known to be stored: {no_subject}"
        )
    );
    assert_eq!(
        fails(&url, &["stream", "info", "a.b"]),
        "error: \"a.b\" cannot be the name of a stream: it contains '.' at byte 1\n"
    );
}

#[test]
fn a_server_without_jetstream_is_told_from_what_is_not_there() {
    let server = Server::start();
    let url = server.ws_url();
    for args in [
        &["stream", "ls"][..],
        &["stream", "add", "A", "--subjects", "a"],
        &["consumer", "ls", "A"],
        &["consumer", "next", "A", "c"],
        &["kv", "ls"],
        &["kv", "put", "b", "k", "v"],
        &["object", "ls", "b"],
        &["object", "get", "b", "o"],
    ] {
        assert_eq!(
            fails(&url, args),
            "error: JetStream is not available at `$JS.API`: \
             enable it on the server and for the account, or correct the domain\n",
            "{args:?}"
        );
    }
    let no_subject = "no stream has subject \"a\", and the server has no JetStream: \
        switch it on, or connect to one that has it\n";
    assert_eq!(fails(&url, &["js-pub", "a", "x"]), format!("error: {no_subject}"));
    // The first may have failed before the second was published.
    let told = fails(&url, &["js-pub", "a", "x", "--count", "2"]);
    assert!(told.ends_with(no_subject), "{told}");
}
