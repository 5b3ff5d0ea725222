//! Publishing the chunks of an object in order: several on their way at a time, and no more.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;

use bytes::Bytes;
use futures_core::Stream;
use futures_util::FutureExt;
use futures_util::future::{Either, select};

use super::error::ObjectError;
use crate::connection::Events;
use crate::event::{Event, State};
use crate::jetstream::publish::read_ack;
use crate::jetstream::{self, JetStreamError, PublishError};
use crate::msg::Msg;
use crate::publish::PublishError as Refusal;
use crate::runtime::{self, Instant};
use crate::subscription::Subscription;

/// How many bytes and how many chunks may be on their way.
const MOST_BYTES: usize = 4 * 1024 * 1024;
const MOST_CHUNKS: usize = 256;

/// Publishes chunks in order. What was sent is kept until the stream has it and all before it, so
/// that it can be sent again after a connection was lost.
pub(super) struct ChunkWriter<'a> {
    bucket: &'a str,
    name: &'a str,
    stream: jetstream::Stream,
    subject: String,
    /// What the ids of the messages start with.
    id: String,
    /// Acknowledgements come to this subject and the number of the chunk.
    inbox: String,
    acks: Subscription,
    events: Events,
    on_their_way: VecDeque<Chunk>,
    bytes_on_their_way: usize,
    /// The number of the next chunk.
    next: u64,
    /// The number in the stream of the last chunk that is stored with all before it.
    last: u64,
    stored: u64,
    /// Whether anything was sent twice.
    was_again: bool,
    /// Since when nothing was heard while something was on its way.
    silent_since: Instant,
    /// The server has everything that was on its way then.
    has_arrived: bool,
}

struct Chunk {
    number: u64,
    /// How often it was taken out again, because it had come before its turn.
    round: u32,
    bytes: Bytes,
    /// Its number in the stream, where it is known.
    sequence: Option<u64>,
}

/// What comes of waiting.
enum Heard {
    Ack(Msg),
    /// Something that was sent may be lost.
    Lost,
}

impl<'a> ChunkWriter<'a> {
    pub(super) async fn new(
        bucket: &'a str,
        name: &'a str,
        put: &super::orphans::Put,
    ) -> Result<Self, ObjectError> {
        let connection = put.stream.jetstream().connection();
        let inbox = connection.new_inbox();
        let events = connection.events();
        let subscribe = connection.subscribe(format!("{inbox}.*")).unconfirmed();
        let acks = subscribe.await.map_err(|_| ObjectError::Closed)?;
        Ok(Self {
            bucket,
            name,
            stream: put.stream.clone(),
            subject: put.chunks.clone(),
            id: put.id.clone(),
            inbox,
            acks,
            events,
            on_their_way: VecDeque::new(),
            bytes_on_their_way: 0,
            next: 0,
            last: 0,
            stored: 0,
            was_again: false,
            silent_since: runtime::now(),
            has_arrived: false,
        })
    }

    /// How many chunks there were.
    pub(super) fn chunks(&self) -> u64 {
        self.next
    }

    /// How many bytes are stored for certain.
    pub(super) fn stored(&self) -> u64 {
        self.stored
    }

    /// Whether the stream may have stored chunks twice: it knows them again for some time only.
    pub(super) fn may_have_repeated(&self) -> bool {
        self.was_again
    }

    /// Waits for `next`, and sees meanwhile to what is on its way: what is lost is sent again while
    /// the stream knows it again.
    pub(super) async fn meanwhile<T>(
        &mut self,
        next: impl Future<Output = T>,
    ) -> Result<T, ObjectError> {
        let mut next = pin!(next);
        while !self.on_their_way.is_empty() {
            let heard = match select(next.as_mut(), pin!(self.heard_in_time())).await {
                Either::Left((next, _)) => return Ok(next),
                Either::Right((heard, _)) => heard?,
            };
            // Nobody waits for it yet: a new connection says so as well.
            let is_down = self.stream.jetstream().connection().state() == State::Disconnected;
            if !(is_down && matches!(heard, Heard::Lost)) {
                self.settle(heard).await?;
            }
        }
        Ok(next.await)
    }

    /// Sends a chunk, when there is room for it.
    pub(super) async fn push(&mut self, bytes: Bytes) -> Result<(), ObjectError> {
        while self.is_full(bytes.len()) {
            let heard = self.heard_in_time().await?;
            self.settle(heard).await?;
        }
        if self.on_their_way.is_empty() {
            self.has_heard();
        }
        let chunk = Chunk { number: self.next, round: 0, bytes, sequence: None };
        self.next += 1;
        let reply = format!("{}.{}", self.inbox, chunk.number);
        let sent = self
            .stream
            .jetstream()
            .connection()
            .publish(&self.subject, &chunk.bytes)
            .reply(&reply)
            .header("Nats-Msg-Id", self.id_of(&chunk))
            .await;
        self.bytes_on_their_way += chunk.bytes.len();
        self.on_their_way.push_back(chunk);
        match sent {
            Ok(()) => Ok(()),
            // There is no connection, and no room for what waits for one.
            Err(Refusal::BufferFull { .. }) => self.again().await,
            Err(Refusal::Closed) => Err(ObjectError::Closed),
            Err(refused) => Err(self.refused(PublishError::NotSent(refused))),
        }
    }

    /// Waits until all that was sent is stored.
    pub(super) async fn finish(&mut self) -> Result<(), ObjectError> {
        while !self.on_their_way.is_empty() {
            let heard = self.heard_in_time().await?;
            self.settle(heard).await?;
        }
        Ok(())
    }

    fn is_full(&self, more: usize) -> bool {
        let is_too_much = self.bytes_on_their_way.saturating_add(more) > MOST_BYTES;
        let are_too_many = self.on_their_way.len() >= MOST_CHUNKS;
        !self.on_their_way.is_empty() && (is_too_much || are_too_many)
    }

    fn id_of(&self, chunk: &Chunk) -> String {
        match chunk.round {
            0 => format!("{}.{}", self.id, chunk.number),
            round => format!("{}.{}.{round}", self.id, chunk.number),
        }
    }

    fn refused(&self, error: PublishError) -> ObjectError {
        ObjectError::of_publish(error, self.bucket, self.name)
    }

    /// Takes an acknowledgement, or sees to it that what is lost is sent again.
    async fn settle(&mut self, heard: Heard) -> Result<(), ObjectError> {
        let msg = match heard {
            Heard::Ack(msg) => msg,
            Heard::Lost => return self.again().await,
        };
        // Nobody takes the messages of the stream for the moment, or it is gone.
        if msg.status().is_some_and(|status| status.code() == 503) {
            return self.again().await;
        }
        let number = msg.subject().rsplit('.').next().and_then(|number| number.parse().ok());
        // One of those that were sent again has an acknowledgement of its own.
        let Some(at) = self.on_their_way.iter().position(|chunk| Some(chunk.number) == number)
        else {
            return Ok(());
        };
        match read_ack(msg.payload()) {
            Ok(ack) => {
                if let Some(chunk) = self.on_their_way.get_mut(at) {
                    chunk.sequence = Some(ack.sequence);
                }
            }
            // It has an id.
            Err(error) if error.passing().is_some() => return self.again().await,
            Err(error) => return Err(self.refused(error)),
        }
        while let Some(sequence) = self.on_their_way.front().and_then(|chunk| chunk.sequence) {
            // One before it was lost and sent again, and stands behind it.
            if sequence <= self.last {
                return self.again().await;
            }
            self.settled(sequence);
        }
        Ok(())
    }

    /// The first of those on their way is stored, and all before it.
    fn settled(&mut self, sequence: u64) {
        if let Some(chunk) = self.on_their_way.pop_front() {
            self.last = sequence;
            self.bytes_on_their_way -= chunk.bytes.len();
            self.stored += u64::try_from(chunk.bytes.len()).unwrap_or(u64::MAX);
        }
    }

    /// What is heard next. Dropped early and called again, it waits no longer.
    async fn heard_in_time(&mut self) -> Result<Heard, ObjectError> {
        let limit = self.stream.jetstream().timeout();
        loop {
            let left = limit.saturating_sub(runtime::now() - self.silent_since);
            if let Some(heard) = runtime::timeout(left, self.heard()).await {
                self.has_heard();
                return heard;
            }
            // Where it takes long to send what is on its way, nothing can have been answered yet.
            if self.has_arrived || self.stream.jetstream().connection().ping().await.is_err() {
                self.has_heard();
                return Ok(Heard::Lost);
            }
            self.has_heard();
            self.has_arrived = true;
        }
    }

    fn has_heard(&mut self) {
        self.silent_since = runtime::now();
        self.has_arrived = false;
    }

    async fn heard(&mut self) -> Result<Heard, ObjectError> {
        poll_fn(|cx| {
            match Pin::new(&mut self.acks).poll_next(cx) {
                Poll::Ready(Some(Ok(msg))) => return Poll::Ready(Ok(Heard::Ack(msg))),
                Poll::Ready(Some(Err(_))) => return Poll::Ready(Ok(Heard::Lost)),
                Poll::Ready(None) => return Poll::Ready(Err(ObjectError::Closed)),
                Poll::Pending => {}
            }
            while let Poll::Ready(event) = Pin::new(&mut self.events).poll_next(cx) {
                match event {
                    Some(Event::Reconnected { .. }) => return Poll::Ready(Ok(Heard::Lost)),
                    Some(_) => {}
                    None => return Poll::Ready(Err(ObjectError::Closed)),
                }
            }
            Poll::Pending
        })
        .await
    }

    /// Brings everything on its way to the stream once more, one after the other. The ids keep what
    /// the stream has from being stored twice; what it got before its turn is taken out, and brought
    /// again behind the others.
    async fn again(&mut self) -> Result<(), ObjectError> {
        self.was_again = true;
        // A stream that is gone is told from one that has no leader.
        if let Err(error @ JetStreamError::StreamNotFound { .. }) = self.stream.info().await {
            return Err(ObjectError::of_call(error, self.bucket));
        }
        while let Some(chunk) = self.on_their_way.front() {
            let (id, bytes) = (self.id_of(chunk), chunk.bytes.clone());
            let js = self.stream.jetstream();
            let stored = js.publish_bytes(&self.subject, bytes).message_id(id).await;
            let ack = stored.map_err(|error| self.refused(error))?;
            if ack.sequence > self.last {
                self.settled(ack.sequence);
                continue;
            }
            // It is stored again, so nothing need be erased that would not be there anyway.
            let deleted = self.stream.delete_message(ack.sequence).without_erasing().await;
            deleted.map_err(|error| ObjectError::of_call(error, self.bucket))?;
            if let Some(chunk) = self.on_their_way.front_mut() {
                chunk.round += 1;
            }
        }
        // Whatever was lost meanwhile is stored now.
        while let Some(Some(_)) = self.events.next().now_or_never() {}
        Ok(())
    }
}
