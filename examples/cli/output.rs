//! Writing for programs and for people.

use std::error::Error;
use std::io::{self, ErrorKind, Write};

use natsws::Msg;

/// Writes a line to stderr, whole: stderr has no buffer, and whoever waits for a line must not see
/// half of it. There is nobody to tell where that fails.
pub(crate) fn tell(line: &str) {
    let _: io::Result<()> = io::stderr().lock().write_all(format!("{line}\n").as_bytes());
}

/// Writes a line to stdout, at once.
pub(crate) fn line(text: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text)?;
    out.write_all(b"\n")?;
    out.flush()
}

/// Writes a message for people: number, subject, headers where they are wanted, payload.
pub(crate) fn message(number: u64, msg: &Msg, headers: bool) -> io::Result<()> {
    let mut text = format!("[#{number}] {}", msg.subject());
    if let Some(reply) = msg.reply() {
        text.push_str(" reply ");
        text.push_str(reply);
    }
    text.push('\n');
    if headers {
        for (name, value) in msg.headers().iter() {
            text.extend([name, ": ", value, "\n"]);
        }
    }
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(msg.payload());
    line(&bytes)
}

/// Whether whoever read our output has had enough of it, which is no failure.
pub(crate) fn is_closed(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

/// An error with all its causes, on one line.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Some errors show their cause themselves.
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
