use std::fs;

use natsws_tests::Server;

use crate::program::{example, text};

#[test]
fn store_large_files_gets_back_what_it_puts() {
    let server = Server::builder().jetstream().start();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("report.bin");
    fs::write(&file, vec![7; 300_000]).expect("written");
    let file = file.to_str().expect("text");
    for (args, told, progress) in [
        (&[file][..], ["report.bin", "300000 bytes in 3 chunks", "300000"], None),
        (&[], ["made up", "67108864 bytes in 512 chunks", "67108864"], Some("64 MiB are stored")),
    ] {
        let output = example("store_large_files", args).env("NATS_URL", server.nats_url()).output();
        let output = output.expect("it runs");
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{stdout}{stderr}");
        let [name, put, got] = told;
        let lines = format!(
            "put {name}: {put}\ngot {name}: {got} bytes with the same digest\ndeleted {name}\n"
        );
        assert_eq!(stdout, lines);
        assert_eq!(stderr.lines().last(), progress, "{stderr}");
    }
}
