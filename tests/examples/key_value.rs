//! The example of buckets, which needs a server that keeps them.

use natsws_tests::Server;

use crate::program::{example, text};

#[test]
fn keep_settings_in_kv_changes_them_one_after_the_other_and_watches() {
    let server = Server::builder().jetstream().start();
    // Twice: it leaves nothing behind.
    for _ in 0..2 {
        let mut program = example("keep_settings_in_kv", &[]);
        let output = program.env("NATS_URL", server.nats_url()).output().expect("it starts");
        let told = text(&output.stdout);
        assert!(output.status.success(), "{told}{}", text(&output.stderr));
        assert_eq!(
            told.lines().collect::<Vec<_>>(),
            [
                "eu.ann is there already",
                "eu.ann has \"dark\" in size Some(12)",
                "a second change of the same state is a conflict: true",
                "in Europe: [\"eu.ann\"]",
                "eu.ann was changed 4 times",
                "known: eu.ann has \"bright\"",
            ]
        );
    }
}
