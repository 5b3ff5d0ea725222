//! The examples of JetStream, each against a server of its own.

use natsws_tests::Server;

use crate::program::{example, text};

#[track_caller]
fn prints(name: &str, expected: &[&str]) {
    let server = Server::builder().jetstream().start();
    let output = example(name, &[]).env("NATS_URL", server.nats_url()).output();
    let output = output.expect("the example starts");
    let told = text(&output.stdout);
    assert!(output.status.success(), "{told}{}", text(&output.stderr));
    assert_eq!(told.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn store_and_replay_events_reads_them_again_from_wherever_it_likes() {
    prints(
        "store_and_replay_events",
        &[
            "all of ann's, from the beginning",
            "   1  accounts.ann.opened         0",
            "   2  accounts.ann.deposited    100",
            "   5  accounts.ann.withdrawn     70",
            "   6  accounts.ann.deposited     75",
            "everything since the 4th",
            "   4  accounts.bob.deposited     50",
            "   5  accounts.ann.withdrawn     20",
            "   6  accounts.ann.deposited     25",
            "the last deposit of each account",
            "   4  accounts.bob.deposited     50",
            "   6  accounts.ann.deposited     55",
        ],
    );
}

#[test]
fn exactly_once_publish_stores_a_message_once_however_often_it_is_published() {
    prints(
        "exactly_once_publish",
        &[
            "payment-7 was stored as 1",
            "payment-7 was stored before as 1",
            "payment-8 is behind another",
            "payment-8 was stored as 2",
            "2 payments of 150 in all",
        ],
    );
}

#[test]
fn work_through_a_job_queue_does_every_job_and_keeps_what_never_works() {
    prints(
        "work_through_a_job_queue",
        &[
            "given up after 3 attempts: it is overexposed",
            "it is picture 3 of summer",
            "9 pictures are developed, by 9 attempts that went well",
            "4 attempts failed",
            "0 jobs are left",
        ],
    );
}
