//! Writing for programs and for people.

use std::error::Error;
use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::time::SystemTime;

use natsws::Msg;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

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

/// Writes these bytes to stdout and nothing else, at once.
pub(crate) fn bytes(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}

/// Writes a number or a text to stdout, on a line of its own.
pub(crate) fn print(value: impl Display) -> io::Result<()> {
    line(value.to_string().as_bytes())
}

/// Writes a message for people: what stands in front of it, headers where they are wanted, payload.
pub(crate) fn message(head: &str, msg: &Msg, headers: bool) -> io::Result<()> {
    let mut text = format!("{head}\n");
    if headers {
        for (name, value) in msg.headers().iter() {
            text.extend([name, ": ", value, "\n"]);
        }
    }
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(msg.payload());
    line(&bytes)
}

/// A time in UTC, to the second, as in `2026-07-28T09:30:00Z`.
pub(crate) fn time(time: SystemTime) -> String {
    let time = OffsetDateTime::from(time);
    let time = time.replace_nanosecond(0).unwrap_or(time);
    time.format(&Rfc3339).unwrap_or_else(|_| time.to_string())
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
