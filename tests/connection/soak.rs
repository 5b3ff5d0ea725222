//! Long runs, which are not part of every test run: `cargo test -- --ignored`.

use std::fs;
use std::time::Duration;

use natsws::embedded::Broker;
use natsws::{ConnectOptions, Connection};
use natsws_tests::eventually;

use crate::text;

const CYCLES: u64 = 10_000;

/// Memory that is in use, in bytes.
fn memory() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").expect("this is Linux");
    let pages: u64 = statm.split(' ').nth(1).expect("a number").parse().expect("a number");
    pages * 4096
}

fn open_files() -> usize {
    fs::read_dir("/proc/self/fd").expect("this is Linux").count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it takes a minute"]
async fn ten_thousand_reconnects_leak_nothing() {
    let broker = Broker::start().await.expect("a broker");
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    for url in [broker.ws_url(), broker.nats_url()] {
        let idle = tasks();
        let options = ConnectOptions::new().reconnect_delay(|_| Duration::ZERO);
        let nc = Connection::connect_with(&url, options).await.expect("the broker is there");
        let mut sub = nc.subscribe("a.*").await.expect("subscribed");
        let _grouped = nc.subscribe("b.*").queue("group").max(1_000_000).await.expect("subscribed");
        let mut warm = None;
        for cycle in 1..=CYCLES {
            broker.disconnect_all();
            // Each cut is a reconnect; more of them would be connections that broke by themselves.
            eventually("the reconnect", async || (nc.stats().reconnects >= cycle).then_some(()))
                .await;
            // A message comes once, over the one connection that there is.
            nc.publish("a.b", cycle.to_string()).await.expect("published");
            assert_eq!(text(&mut sub).await, cycle.to_string());
            if cycle % 10 == 0 {
                // Requests that are cut, given up or answered leave nothing either.
                assert!(nc.request("nobody", "").await.is_err());
                drop(nc.subscribe("c").await);
            }
            if cycle == CYCLES / 5 {
                warm = Some((memory(), open_files(), tasks()));
            }
        }
        let (memory_before, files, alive) = warm.expect("it was taken");
        let grown = memory().saturating_sub(memory_before);
        assert_eq!((sub.pending(), nc.requests_in_flight()), (0, 0));
        assert_eq!(nc.stats().reconnects, CYCLES);
        // The two subscriptions, and the inbox of all requests.
        eventually("the subscriptions", async || (broker.subscriptions() == 3).then_some(())).await;
        assert!(grown < 1024 * 1024, "{grown} bytes more after {CYCLES} cycles");
        eventually("the files", async || (open_files() <= files).then_some(())).await;
        eventually("the tasks", async || (tasks() <= alive).then_some(())).await;
        eprintln!("{url}: {grown} bytes more, {} tasks, {} files", tasks(), open_files());
        nc.close().await;
        drop(sub);
        eventually("the last task", async || (tasks() <= idle).then_some(())).await;
    }
}
