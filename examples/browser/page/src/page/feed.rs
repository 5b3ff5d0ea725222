//! Messages that came, until they are shown, and how many are not.

use std::collections::VecDeque;
use std::fmt::Write;

use natsws::Msg;
use natsws::codec::{ContentType, Encoded, MsgPack};
use serde_json::Value;

/// As many are shown, and as many wait to be shown: more could not be read.
pub(crate) const ROWS: usize = 200;
/// So much of a payload is shown.
const CHARS: usize = 400;
const BYTES: usize = 32;

/// How many messages came, by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) shown: u64,
    pub(crate) paused: u64,
    pub(crate) filtered: u64,
    pub(crate) left_out: u64,
}

/// What a row says.
#[derive(Debug)]
pub(crate) enum Line {
    Message {
        at: String,
        subject: String,
        payload: String,
        is_text: bool,
    },
    /// So many are missing here.
    Gap(String),
}

#[derive(Debug, Default)]
pub(crate) struct Feed {
    pub(crate) paused: bool,
    /// In small letters.
    pub(crate) filter: String,
    pub(crate) counts: Counts,
    waiting: VecDeque<Line>,
}

impl Feed {
    pub(crate) fn take(&mut self, msg: &Msg, at: &str) {
        if self.paused {
            self.counts.paused += 1;
            return;
        }
        let unpacked = unpacked(msg);
        let text = unpacked.as_deref().or_else(|| msg.text().ok());
        let matches = |text: &str| text.to_lowercase().contains(&self.filter);
        if !self.filter.is_empty() && !matches(msg.subject()) && !text.is_some_and(matches) {
            self.counts.filtered += 1;
            return;
        }
        let payload = text.map_or_else(|| bytes(msg), shortened);
        self.counts.shown += 1;
        self.push(Line::Message {
            at: at.to_owned(),
            subject: msg.subject().to_owned(),
            payload,
            is_text: text.is_some(),
        });
    }

    /// Something went wrong with the messages here.
    pub(crate) fn gap(&mut self, dropped: u64, words: String) {
        self.counts.left_out += dropped;
        self.push(Line::Gap(words));
    }

    fn push(&mut self, line: Line) {
        if self.waiting.len() == ROWS
            && matches!(self.waiting.pop_front(), Some(Line::Message { .. }))
        {
            self.counts.shown -= 1;
            self.counts.left_out += 1;
        }
        self.waiting.push_back(line);
    }

    /// All that wait, the oldest first.
    pub(crate) fn waiting(&mut self) -> impl Iterator<Item = Line> + '_ {
        self.waiting.drain(..)
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(CHARS) {
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
        None => text.to_owned(),
    }
}

/// What MessagePack says, as JSON does.
fn unpacked(msg: &Msg) -> Option<String> {
    let kind = msg.headers().get("Content-Type").filter(|kind| MsgPack::accepts(kind))?;
    let value = Encoded::new(kind, msg.payload()).decode_as::<MsgPack, Value>().ok()?;
    Some(value.to_string())
}

/// What is not text, as people look at it.
fn bytes(msg: &Msg) -> String {
    let payload = msg.payload();
    let kind = msg.headers().get("Content-Type").unwrap_or("bytes");
    let mut text = format!("{kind}, {} bytes:", payload.len());
    for byte in payload.iter().take(BYTES) {
        // Writing to a text does not fail.
        let _ = write!(text, " {byte:02x}");
    }
    if payload.len() > BYTES {
        text.push('…');
    }
    text
}
