//! Everything of a kind that there is, page by page.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream as FuturesStream;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Stream, StreamInfo};
use crate::jetstream::api;
use crate::jetstream::consumer::ConsumerInfo;
use crate::jetstream::context::JetStream;
use crate::jetstream::error::JetStreamError;
use crate::jetstream::name::check_name;
use crate::jetstream::wire;
use crate::runtime::SendFuture;
use crate::subject::check_filter;

/// All streams or consumers, or their names, in the order of their names. They are asked for page
/// by page, as far as it is read.
///
/// Made by [`JetStream::streams`], [`JetStream::stream_names`], [`Stream::consumers`] and
/// [`Stream::consumer_names`]. What is made or deleted while it is read may be in it or not.
#[must_use = "nothing is asked until it is polled"]
pub struct List<T> {
    ask: Ask,
    page: VecDeque<T>,
    /// Streams that are there, and that nobody says more of.
    silent: VecDeque<String>,
    asking: Option<Asking<T>>,
    offset: u64,
    over: bool,
    next_page: fn(Ask, u64) -> Asking<T>,
}

type Asking<T> = SendFuture<'static, Result<Page<T>, JetStreamError>>;

/// What is asked for.
#[derive(Clone)]
struct Ask {
    js: JetStream,
    operation: String,
    /// The stream that it is about, where it is about one.
    stream: Option<String>,
    subject: Option<String>,
}

#[derive(Serialize)]
struct Request {
    offset: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
}

#[derive(Deserialize)]
#[serde(bound = "R: DeserializeOwned")]
struct Response<R> {
    #[serde(default, deserialize_with = "wire::count")]
    total: u64,
    #[serde(default, deserialize_with = "wire::count")]
    limit: u64,
    #[serde(default = "none", alias = "consumers", deserialize_with = "wire::or_default")]
    streams: Vec<R>,
    #[serde(default, deserialize_with = "wire::or_default")]
    missing: Vec<String>,
    #[serde(default, deserialize_with = "wire::or_default")]
    offline: BTreeMap<String, String>,
}

fn none<R>() -> Vec<R> {
    Vec::new()
}

struct Page<T> {
    items: Vec<T>,
    silent: Vec<String>,
    /// Where the next one begins; `None` behind the last.
    next: Option<u64>,
}

/// What becomes of an entry.
trait Entry: Send + 'static {
    type Raw: DeserializeOwned + Send;

    fn new(js: &JetStream, raw: Self::Raw) -> Self;
}

impl Entry for Stream {
    type Raw = StreamInfo;

    fn new(js: &JetStream, info: StreamInfo) -> Self {
        Self { js: js.clone(), info: Arc::new(info) }
    }
}

impl Entry for ConsumerInfo {
    type Raw = Self;

    fn new(_js: &JetStream, info: Self) -> Self {
        info
    }
}

impl Entry for String {
    type Raw = Self;

    fn new(_js: &JetStream, name: Self) -> Self {
        name
    }
}

fn list<T: Entry>(
    js: &JetStream,
    operation: String,
    stream: Option<&str>,
    subject: Option<String>,
) -> List<T> {
    let stream = stream.map(str::to_owned);
    List {
        ask: Ask { js: js.clone(), operation, stream, subject },
        page: VecDeque::new(),
        silent: VecDeque::new(),
        asking: None,
        offset: 0,
        over: false,
        next_page: |ask, offset| Box::pin(page(ask, offset)),
    }
}

async fn page<T: Entry>(ask: Ask, offset: u64) -> Result<Page<T>, JetStreamError> {
    let Ask { js, operation, stream, subject } = ask;
    if let Some(stream) = &stream {
        check_name("stream", stream)?;
    }
    subject.as_deref().map_or(Ok(()), check_filter)?;
    let request = Request { offset, subject };
    let response = js.call::<Response<T::Raw>>(&operation, Some(&request)).await;
    let response = response.map_err(|error| match &stream {
        Some(stream) => api::of_stream(error, stream),
        None => error,
    })?;
    // In a cluster fewer may come than a page has.
    let came = u64::try_from(response.streams.len()).unwrap_or(u64::MAX);
    let next = offset.saturating_add(response.limit.max(came));
    let is_last = next >= response.total || next == offset;
    let mut silent = response.missing;
    silent.extend(response.offline.into_keys());
    silent.sort_unstable();
    silent.dedup();
    Ok(Page {
        items: response.streams.into_iter().map(|raw| T::new(&js, raw)).collect(),
        silent,
        next: (!is_last).then_some(next),
    })
}

impl<T> List<T> {
    /// The next one; `None` behind the last.
    ///
    /// # Errors
    /// [`JetStreamError`]. Behind a [`StreamOffline`](JetStreamError::StreamOffline) more may
    /// follow; any other error is the end.
    ///
    /// # Cancel safety
    /// Nothing is lost: what was not returned is returned by the next call.
    pub async fn next(&mut self) -> Option<Result<T, JetStreamError>> {
        poll_fn(|cx| self.poll_read(cx)).await
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, JetStreamError>>> {
        loop {
            if let Some(item) = self.page.pop_front() {
                return Poll::Ready(Some(Ok(item)));
            }
            if let Some(name) = self.silent.pop_front() {
                return Poll::Ready(Some(Err(JetStreamError::StreamOffline { name })));
            }
            if self.over {
                return Poll::Ready(None);
            }
            let (ask, offset, next_page) = (&self.ask, self.offset, self.next_page);
            let asking = self.asking.get_or_insert_with(|| next_page(ask.clone(), offset));
            let page = ready!(asking.as_mut().poll(cx));
            self.asking = None;
            match page {
                Ok(page) => {
                    self.page = page.items.into();
                    self.silent = page.silent.into();
                    self.offset = page.next.unwrap_or_default();
                    self.over = page.next.is_none();
                }
                Err(error) => {
                    self.over = true;
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
    }
}

impl<T: Unpin> FuturesStream for List<T> {
    type Item = Result<T, JetStreamError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_read(cx)
    }
}

impl<T> fmt::Debug for List<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("List")
            .field("operation", &self.ask.operation)
            .field("over", &self.over)
            .finish_non_exhaustive()
    }
}

impl JetStream {
    /// All streams of the account.
    ///
    /// ```no_run
    /// # async fn example(js: natsws::jetstream::JetStream) -> Result<(), natsws::Error> {
    /// let mut streams = js.streams();
    /// while let Some(stream) = streams.next().await {
    ///     let stream = stream?;
    ///     println!("{}: {} messages", stream.name(), stream.cached_info().state.messages);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn streams(&self) -> List<Stream> {
        list(self, "STREAM.LIST".to_owned(), None, None)
    }

    /// The streams that have this subject, or some of the subjects that it matches.
    pub fn streams_of(&self, subject: impl Into<String>) -> List<Stream> {
        list(self, "STREAM.LIST".to_owned(), None, Some(subject.into()))
    }

    /// The names of all streams of the account.
    pub fn stream_names(&self) -> List<String> {
        list(self, "STREAM.NAMES".to_owned(), None, None)
    }

    /// The names of the streams that have this subject, or some of the subjects that it matches.
    pub fn stream_names_of(&self, subject: impl Into<String>) -> List<String> {
        list(self, "STREAM.NAMES".to_owned(), None, Some(subject.into()))
    }

    /// The stream that has this subject.
    ///
    /// ```no_run
    /// # async fn example(js: natsws::jetstream::JetStream) -> Result<(), natsws::Error> {
    /// let orders = js.stream_by_subject("orders.eu.created").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`JetStreamError`]: [`StreamNotFound`](JetStreamError::StreamNotFound) with the subject where
    /// no stream has it, [`SeveralStreams`](JetStreamError::SeveralStreams) where it has wildcards
    /// that several streams match.
    ///
    /// # Cancel safety
    /// Dropped early, nothing is lost.
    pub async fn stream_by_subject(&self, subject: &str) -> Result<Stream, JetStreamError> {
        let mut names = self.stream_names_of(subject);
        let Some(name) = names.next().await.transpose()? else {
            return Err(JetStreamError::StreamNotFound { name: subject.to_owned() });
        };
        match names.next().await.transpose()? {
            None => self.stream(&name).await,
            Some(other) => Err(JetStreamError::SeveralStreams {
                subject: subject.to_owned(),
                two: Box::new([name, other]),
            }),
        }
    }
}

impl Stream {
    /// All consumers of the stream.
    ///
    /// ```no_run
    /// # async fn example(orders: natsws::jetstream::Stream) -> Result<(), natsws::Error> {
    /// let mut consumers = orders.consumers();
    /// while let Some(info) = consumers.next().await {
    ///     let info = info?;
    ///     println!("{} has {} messages to deliver", info.name, info.pending);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn consumers(&self) -> List<ConsumerInfo> {
        let operation = format!("CONSUMER.LIST.{}", self.name());
        list(self.jetstream(), operation, Some(self.name()), None)
    }

    /// The names of all consumers of the stream.
    pub fn consumer_names(&self) -> List<String> {
        let operation = format!("CONSUMER.NAMES.{}", self.name());
        list(self.jetstream(), operation, Some(self.name()), None)
    }
}
