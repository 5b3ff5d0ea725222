//! A subscriber in a process of its own, which says how much memory it took.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::{env, fs, thread};

use natsws::{Event, Overflow};
use natsws_tests::within;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::{connect_with, quick};

/// Every message's payload in bytes.
pub(crate) const SIZE: usize = 10_000;
/// The largest message that is accepted.
pub(crate) const LARGEST: usize = 4 * 1024 * 1024;
/// Tells the process what it is for.
const JOB: &str = "NATSWS_TEST_READER";
const MARK: &str = "reader: ";

/// The payload of the message with this number. Half of it is noise, which does not compress.
pub(crate) fn payload(number: usize) -> Vec<u8> {
    let mut payload = format!("{number:08}").into_bytes();
    let mut noise = number as u64 + 1;
    while payload.len() < SIZE / 2 {
        // Marsaglia's xorshift.
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        payload.extend_from_slice(&noise.to_le_bytes());
    }
    payload.resize(SIZE, b'.');
    payload
}

/// What the process says in the end.
#[derive(Debug)]
pub(crate) struct Report {
    /// How many came, each with the payload that it has to have, in their order.
    pub(crate) messages: usize,
    /// What ended the connection; empty where nothing did.
    pub(crate) end: String,
    /// By how many bytes its memory grew at most since it was ready.
    pub(crate) grown: u64,
}

/// The process, which ends with this handle.
pub(crate) struct Reader {
    child: Child,
    said: mpsc::UnboundedReceiver<Value>,
}

impl Reader {
    /// Starts one that subscribes to `a`, and reads so many messages or to the connection's end.
    pub(crate) fn start(url: &str, messages: usize) -> Self {
        Self::start_with(url, messages, false)
    }

    /// [`start`](Self::start) with compression, where that is wanted and the server agrees.
    pub(crate) fn start_with(url: &str, messages: usize, compression: bool) -> Self {
        let mut child = Command::new(env::current_exe().expect("this program is a file"))
            .args(["--exact", "frames::reader::a_process_that_reads", "--ignored", "--nocapture"])
            .env(JOB, json!([url, messages, compression]).to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("this program can be run again");
        let lines = BufReader::new(child.stderr.take().expect("it is piped"));
        let (saying, said) = mpsc::unbounded_channel();
        thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                match line.split_once(MARK).map(|(_, said)| serde_json::from_str(said)) {
                    Some(said) => {
                        // Nobody listens to the end of a test that fails.
                        let _ = saying.send(said.expect("it says JSON"));
                    }
                    // Where it panics, this is why.
                    None => writeln!(io::stderr(), "{line}").expect("there is a place for it"),
                }
            }
        });
        Self { child, said }
    }

    pub(crate) async fn is_ready(&mut self) {
        assert_eq!(self.says().await, json!("ready"));
    }

    pub(crate) async fn report(&mut self) -> Report {
        let said = self.says().await;
        let number = |name: &str| said[name].as_u64().expect("a number");
        Report {
            messages: usize::try_from(number("messages")).expect("it is a count"),
            end: said["end"].as_str().expect("text").to_owned(),
            grown: number("grown"),
        }
    }

    async fn says(&mut self) -> Value {
        within("the process that reads", self.said.recv()).await.expect("it does not end before")
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
#[ignore = "other tests run it in a process of its own"]
async fn a_process_that_reads() {
    let Ok(job) = env::var(JOB) else { return };
    let job: Value = serde_json::from_str(&job).expect("JSON");
    let url = job[0].as_str().expect("an address");
    let wanted = job[1].as_u64().expect("a count");
    let options = quick().reconnect(false).max_message_size(LARGEST);
    let nc = connect_with(url, options.compression(job[2] == true)).await;
    let mut events = nc.events();
    // Reading stops while so much waits; else this would measure how fast the test is.
    let subscribe = nc.subscribe("a").pending_bytes(1024 * 1024).overflow(Overflow::Block);
    let mut sub = subscribe.await.expect("subscribed");
    nc.flush().await.expect("flushed");
    // Since Linux 4.0 this sets the peak to what there is.
    fs::write("/proc/self/clear_refs", "5").expect("this is Linux");
    let before = memory("VmRSS:");
    say(&json!("ready"));

    let mut messages = 0;
    let mut end = String::new();
    while messages < wanted {
        let Some(msg) = sub.next().await else { break };
        let number = usize::try_from(messages).expect("it is a count");
        assert!(msg.expect("none is lost").payload()[..] == payload(number), "{messages}");
        messages += 1;
    }
    if messages < wanted {
        while let Some(event) = events.next().await {
            if let Event::Disconnected { reason, .. } = event {
                end = format!("{reason:?}");
                break;
            }
        }
    }
    let grown = memory("VmHWM:").saturating_sub(before);
    say(&json!({ "messages": messages, "end": end, "grown": grown }));
}

fn say(what: &Value) {
    writeln!(io::stderr(), "{MARK}{what}").expect("somebody listens");
}

/// One of the figures that Linux has of this process, in bytes.
fn memory(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("this is Linux");
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("it has the figure");
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kib * 1024
}
