//! async-nats, with bytes, and with types by hand.

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::header::HeaderMap;
use async_nats::jetstream;
use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::message::PublishMessage;
use async_nats::{Client, ConnectOptions, Subject, Subscriber};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::task::JoinSet;

use crate::Done;
use crate::feed::Credits;
use crate::load::{self, Job, QUEUE, REQUEST_TIMEOUT, Side};
use crate::measure::Latencies;
use crate::messages::{Answer, Sample};

const OVER: &str = "the connection was lost";

/// What messages look like, from the first to the last of a task.
pub(crate) trait Form: Send + Sync + 'static {
    fn new(job: &Job, lane: u32) -> Self;
    /// What natsws says of them.
    fn headers() -> Option<HeaderMap>;
    fn encode(&mut self, id: u64) -> Done<Bytes>;
    fn check(&self, payload: &Bytes, id: u64) -> Done;
    fn answer(payload: Bytes) -> Done<Bytes>;
    fn check_answer(&self, payload: &Bytes, id: u64) -> Done;
}

/// Bytes.
pub(crate) struct Bare(Bytes);

impl Form for Bare {
    fn new(job: &Job, _lane: u32) -> Self {
        Self(vec![b'x'; job.plan.size].into())
    }

    fn headers() -> Option<HeaderMap> {
        None
    }

    fn encode(&mut self, _id: u64) -> Done<Bytes> {
        Ok(self.0.clone())
    }

    fn check(&self, payload: &Bytes, _id: u64) -> Done {
        if payload.len() == self.0.len() {
            return Ok(());
        }
        Err("a message has another size than was sent".into())
    }

    fn answer(payload: Bytes) -> Done<Bytes> {
        Ok(payload)
    }

    fn check_answer(&self, payload: &Bytes, id: u64) -> Done {
        self.check(payload, id)
    }
}

/// A type, encoded and decoded by hand.
pub(crate) struct Hand<M> {
    sample: M,
    run: u64,
}

impl<M: Sample> Form for Hand<M> {
    fn new(job: &Job, lane: u32) -> Self {
        Self { sample: M::new(job.run, lane, job.plan.size), run: job.run }
    }

    fn headers() -> Option<HeaderMap> {
        let mut headers = HeaderMap::new();
        headers.insert("Content-Type", M::CONTENT_TYPE);
        Some(headers)
    }

    fn encode(&mut self, id: u64) -> Done<Bytes> {
        self.sample.set_id(id);
        M::encode_by_hand(&self.sample)
    }

    fn check(&self, payload: &Bytes, id: u64) -> Done {
        if M::decode_by_hand::<M>(payload)?.place() == (self.run, id) {
            return Ok(());
        }
        Err("a message is not the next one that was sent".into())
    }

    fn answer(payload: Bytes) -> Done<Bytes> {
        M::encode_by_hand(&M::decode_by_hand::<M>(&payload)?.answer())
    }

    fn check_answer(&self, payload: &Bytes, id: u64) -> Done {
        if M::decode_by_hand::<Answer>(payload)?.id == id {
            return Ok(());
        }
        Err("a reply is not that of its request".into())
    }
}

pub(crate) struct Peer<F> {
    client: Client,
    job: Arc<Job>,
    form: PhantomData<fn() -> F>,
}

impl<F> Clone for Peer<F> {
    fn clone(&self) -> Self {
        Self { client: self.client.clone(), job: Arc::clone(&self.job), form: PhantomData }
    }
}

impl<F: Form> Side for Peer<F> {
    type Lane = Subscriber;
    type Service = JoinSet<Done>;

    async fn connect(job: &Arc<Job>) -> Done<Self> {
        let options = ConnectOptions::new()
            .name("async-nats bench")
            // The least that it has: 0 means without end.
            .max_reconnects(1)
            .request_timeout(Some(REQUEST_TIMEOUT))
            .subscription_capacity(QUEUE);
        let client = options.connect(job.url.as_str()).await?;
        Ok(Self { client, job: Arc::clone(job), form: PhantomData })
    }

    async fn close(self) {
        // It is not needed any more, whether or not this fails.
        drop(self.client.drain().await);
    }

    async fn publish(&self, lane: u32, count: u64) -> Done {
        let (subject, headers) = (Subject::from(self.job.subject(lane)), F::headers());
        let mut form = F::new(&self.job, lane);
        for id in 0..count {
            let payload = form.encode(id)?;
            match &headers {
                None => self.client.publish(subject.clone(), payload).await?,
                Some(headers) => {
                    let (subject, headers) = (subject.clone(), headers.clone());
                    self.client.publish_with_headers(subject, headers, payload).await?;
                }
            }
        }
        Ok(())
    }

    async fn store(&self, lane: u32, count: u64) -> Done {
        let js = jetstream::new(self.client.clone());
        let (subject, window) = (self.job.subject(lane), self.job.plan.window);
        let mut form = F::new(&self.job, lane);
        let mut under_way = VecDeque::with_capacity(window);
        for id in 0..count {
            let message = PublishMessage::build().payload(form.encode(id)?);
            let mut message = message.message_id(format!("{}.{lane}.{id}", self.job.run));
            for (name, values) in F::headers().iter().flat_map(HeaderMap::iter) {
                for value in values {
                    message = message.header(name.clone(), value.clone());
                }
            }
            under_way.push_back(js.send_publish(subject.clone(), message).await?);
            if under_way.len() >= window {
                under_way.pop_front().ok_or(OVER)?.await?;
            }
        }
        for ack in under_way {
            ack.await?;
        }
        Ok(())
    }

    async fn consume(&self, stream: &str, lane: u32, count: u64) -> Done {
        let js = jetstream::new(self.client.clone());
        let consumer: PullConsumer =
            js.get_consumer_from_stream(load::consumer(lane), stream).await?;
        let reader = consumer.stream().max_messages_per_batch(self.job.plan.window);
        let mut messages = reader.messages().await?;
        for _ in 0..count {
            let message = messages.next().await.ok_or(OVER)??;
            if message.payload.len() != self.job.plan.size {
                return Err("a message has another size than was stored".into());
            }
            message.ack().await?;
        }
        Ok(())
    }

    async fn settle(&self) -> Done {
        let end = Subject::from(self.job.end());
        let mut last = self.client.subscribe(end.clone()).await?;
        self.client.publish(end, Bytes::new()).await?;
        self.client.flush().await?;
        last.next().await.ok_or(OVER)?;
        Ok(())
    }

    async fn listen(&self, lane: u32) -> Done<Subscriber> {
        Ok(self.client.subscribe(self.job.subject(lane)).await?)
    }

    async fn read(&self, mut lane: Subscriber, count: u64, mut credits: Credits) -> Done {
        let form = F::new(&self.job, 0);
        for id in 0..count {
            let message = lane.next().await.ok_or(OVER)?;
            form.check(&message.payload, id)?;
            credits.count();
        }
        Ok(())
    }

    async fn serve(&self, _service: bool) -> Done<JoinSet<Done>> {
        let mut requests = self.client.subscribe(self.job.subjects()).await?;
        self.settle().await?;
        let (client, headers) = (self.client.clone(), F::headers());
        let mut service = JoinSet::new();
        service.spawn(async move {
            while let Some(request) = requests.next().await {
                let Some(reply) = request.reply else { continue };
                let payload = F::answer(request.payload)?;
                match &headers {
                    None => client.publish(reply, payload).await?,
                    Some(headers) => {
                        client.publish_with_headers(reply, headers.clone(), payload).await?;
                    }
                }
            }
            Ok(())
        });
        Ok(service)
    }

    async fn request(&self, lane: u32, count: u64) -> Done<Vec<Duration>> {
        let (subject, headers) = (Subject::from(self.job.subject(lane)), F::headers());
        let mut form = F::new(&self.job, lane);
        let mut latencies = Latencies::new(self.job.plan.count);
        for id in 0..count {
            let start = Instant::now();
            let (subject, payload) = (subject.clone(), form.encode(id)?);
            let reply = match &headers {
                None => self.client.request(subject, payload).await?,
                Some(headers) => {
                    self.client.request_with_headers(subject, headers.clone(), payload).await?
                }
            };
            form.check_answer(&reply.payload, id)?;
            latencies.add(start.elapsed());
        }
        Ok(latencies.into_vec())
    }
}
