use std::fs;
use std::path::Path;

use natsws_tests::Server;

use crate::cli::{fails, prints, timeless};
use crate::program::{run, text};

fn text_of(path: &Path) -> &str {
    path.to_str().expect("temporary directories have plain names")
}

/// Bytes of every value, no chunk like the other.
fn bytes(len: u32) -> Vec<u8> {
    (0..len).flat_map(|number| number.wrapping_mul(0x9E37_79B9).to_le_bytes()).collect()
}

#[test]
fn a_file_becomes_an_object_and_a_file_again() {
    let server = Server::builder().jetstream().start();
    let url = server.ws_url();
    let home = tempfile::tempdir().expect("a temporary directory");
    let (file, copy) = (home.path().join("report.bin"), home.path().join("copy.bin"));
    let content = bytes(75_000);
    fs::write(&file, &content).expect("it is written");

    assert_eq!(prints(&url, &["object", "add", "files"]), "");
    assert_eq!(prints(&url, &["object", "add", "files"]), "");
    let output = run("cli", &["--server", &url, "object", "ls", "files"]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), "no objects\n".to_owned()));

    let digest = prints(&url, &["object", "put", "files", text_of(&file)]);
    assert!(digest.starts_with("SHA-256=") && digest.ends_with("=\n"), "{digest}");
    let empty = home.path().join("empty");
    fs::write(&empty, "").expect("it is written");
    let put = ["object", "put", "files", text_of(&empty), "--name", "an empty one"];
    assert_eq!(prints(&url, &put), "SHA-256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=\n");
    assert_eq!(
        timeless(&prints(&url, &["object", "ls", "files"])),
        "NAME            SIZE  CHUNKS  MODIFIED\n\
         an empty one       0       0  0000-00-00T00:00:00Z\n\
         report.bin    300000       3  0000-00-00T00:00:00Z\n"
    );
    assert_eq!(
        timeless(&prints(&url, &["object", "info", "files", "report.bin"])),
        format!(
            "name         report.bin\n\
             store        files\n\
             description  -\n\
             size         300000\n\
             chunks       3\n\
             digest       {digest}\
             modified     0000-00-00T00:00:00Z\n\
             link to      -\n"
        )
    );

    // To stdout the bytes alone, to a file in place of what was there.
    let output = run("cli", &["--server", &url, "object", "get", "files", "report.bin"]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    assert!(output.stdout == content);
    fs::write(&copy, "what was there").expect("it is written");
    let get = ["object", "get", "files", "report.bin", "--output", text_of(&copy)];
    assert_eq!(prints(&url, &get), "");
    assert!(fs::read(&copy).expect("it is there") == content);

    assert_eq!(prints(&url, &["object", "rm", "files", "report.bin"]), "");
    let no_object = "error: there is no object \"report.bin\" in store \"files\": \
        put it, or correct the name\n";
    fs::write(&copy, "what was there").expect("it is written");
    assert_eq!(fails(&url, &get), no_object);
    assert_eq!(fs::read(&copy).expect("it is there"), b"what was there");
    // Deleted once more it is not there either.
    for command in ["info", "rm", "get"] {
        assert_eq!(
            fails(&url, &["object", command, "files", "report.bin"]),
            no_object,
            "{command}"
        );
    }
    let left: Vec<_> = fs::read_dir(home.path()).expect("it is there").collect();
    assert_eq!(left.len(), 3, "{left:?}");
}

#[cfg(unix)]
#[test]
fn an_object_goes_to_what_is_no_file_as_it_is() {
    let server = Server::builder().jetstream().start();
    let url = server.nats_url();
    prints(&url, &["object", "add", "files"]);
    let home = tempfile::tempdir().expect("a temporary directory");
    let (file, link) = (home.path().join("f"), home.path().join("link"));
    fs::write(&file, "hello").expect("it is written");
    std::os::unix::fs::symlink(&file, &link).expect("it is made");
    prints(&url, &["object", "put", "files", text_of(&file)]);
    prints(&url, &["object", "get", "files", "f", "--output", "/dev/null"]);
    fs::write(&file, "other").expect("it is written");
    prints(&url, &["object", "get", "files", "f", "--output", text_of(&link)]);
    assert!(fs::symlink_metadata(&link).expect("it is there").is_symlink());
    assert_eq!(fs::read(&file).expect("it is there"), b"hello");
    let nowhere = home.path().join("none").join("f");
    assert_eq!(
        fails(&url, &["object", "get", "files", "f", "--output", text_of(&nowhere)]),
        format!("error: {}: No such file or directory (os error 2)\n", nowhere.display())
    );
}

#[test]
fn a_store_or_a_file_that_is_not_there_is_named() {
    let server = Server::builder().jetstream().start();
    let url = server.nats_url();
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    for args in [
        &["ls", "none"][..],
        &["put", "none", text_of(file.path())],
        &["get", "none", "o"],
        &["rm", "none", "o"],
        &["info", "none", "o"],
    ] {
        assert_eq!(
            fails(&url, &[&["object"], args].concat()),
            "error: there is no object store \"none\": create it, or correct the name\n",
            "{args:?}"
        );
    }
    prints(&url, &["object", "add", "files"]);
    assert_eq!(
        fails(&url, &["object", "put", "files", "no/such"]),
        "error: no/such: No such file or directory (os error 2)\n"
    );
    assert_eq!(
        fails(&url, &["object", "put", "files", "/"]),
        "error: /: name the object with --name\n"
    );
    assert_eq!(
        fails(&url, &["object", "put", "files", "/", "--name", "root"]),
        "error: /: Is a directory (os error 21)\n"
    );
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_put_that_ctrl_c_ends_leaves_nothing_in_the_store() {
    use std::io::Write;
    use std::process::Command;

    use natsws::Client;
    use natsws_tests::eventually;

    use crate::program::Running;

    let server = Server::builder().jetstream().start();
    let url = server.ws_url();
    prints(&url, &["object", "add", "files"]);
    let home = tempfile::tempdir().expect("a temporary directory");
    let pipe = home.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("it is there").success());
    let put = ["--server", &url, "object", "put", "files", text_of(&pipe)];
    let put = Running::heard("cli", &put);
    let mut writer = fs::OpenOptions::new().write(true).open(&pipe).expect("somebody reads");
    writer.write_all(&bytes(75_000)).expect("it is read");

    let client = Client::connect(&url).await.expect("connected");
    let stream = client.jetstream().stream("OBJ_files").await.expect("it is there");
    let messages = async || stream.info().await.expect("told").state.messages;
    eventually("two chunks", async || (messages().await == 2).then_some(())).await;
    put.interrupt();
    let told = format!("error: {}: interrupted, and nothing is stored\n", pipe.display());
    assert_eq!(put.told(), (false, told));
    assert_eq!(messages().await, 0);
    drop(writer);
}

#[cfg(unix)]
#[test]
fn a_get_that_ctrl_c_ends_is_a_failure() {
    use std::io::Read;
    use std::process::Command;

    use crate::program::Running;

    let server = Server::builder().jetstream().start();
    let url = server.ws_url();
    prints(&url, &["object", "add", "files"]);
    let home = tempfile::tempdir().expect("a temporary directory");
    let (file, pipe) = (home.path().join("f"), home.path().join("pipe"));
    fs::write(&file, bytes(5_000_000)).expect("it is written");
    prints(&url, &["object", "put", "files", text_of(&file)]);
    // Nobody reads more of it than shows that it has begun.
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("it is there").success());
    let get = ["--server", &url, "object", "get", "files", "f", "--output", text_of(&pipe)];
    let get = Running::heard("cli", &get);
    let mut reader = fs::File::open(&pipe).expect("somebody writes");
    reader.read_exact(&mut [0; 1000]).expect("it is written");
    get.interrupt();
    let mut rest = Vec::new();
    reader.read_to_end(&mut rest).expect("it ends");
    assert!(rest.len() < 19_999_000, "{}", rest.len());
    assert_eq!(get.told(), (false, "error: interrupted\n".to_owned()));
}
