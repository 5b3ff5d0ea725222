//! Long runs, which are not part of every test run: `cargo test -- --ignored`.

use std::fs;

use natsws::jetstream::Untyped;
use natsws_tests::eventually;

use crate::stage::Stage;

const MESSAGES: usize = 1_000_000;

/// Memory that is in use, in bytes.
fn memory() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").expect("this is Linux");
    let pages: u64 = statm.split(' ').nth(1).expect("a number").parse().expect("a number");
    pages * 4096
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it takes a minute"]
async fn a_million_messages_are_read_in_the_memory_of_the_first_thousands() {
    let stage = Stage::new().await;
    let consumer = stage.consumer().await;
    let stream = stage.js.stream("S").await.expect("it is there");
    for block in 1..=MESSAGES / 1000 {
        for _ in 0..1000 {
            stage.connection().publish("s.x", "0123456789abcdef").await.expect("accepted");
        }
        // What comes faster than it is stored, a stream drops.
        let stored = async || {
            let info = stream.info().await.expect("it is there");
            (info.state.messages == 1000 * block as u64).then_some(())
        };
        eventually("the messages", stored).await;
    }
    for ordered in [false, true] {
        let mut pulled = consumer.messages::<Untyped>().max_messages(1000).await.expect("reading");
        let mut in_order = stream.ordered::<Untyped>().await.expect("reading");
        let mut warm = 0;
        for number in 1..=MESSAGES {
            let message = if ordered { in_order.next().await } else { pulled.next().await };
            let message = message.expect("one").expect("good");
            message.ack().await.expect("sent");
            if number == MESSAGES / 10 {
                warm = memory();
            }
        }
        let grown = memory().saturating_sub(warm);
        eprintln!("ordered: {ordered}; at first {warm} bytes, later {grown} more");
        assert!(grown < 8 << 20, "{grown} bytes more");
    }
}
