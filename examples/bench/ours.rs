//! natsws, without types and with them.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use natsws::jetstream::{JetStream, Untyped};
use natsws::{Client, ConnectOptions, Connection, Msg, Subscription, TypedSubscription};
use natsws_service::serve;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::Done;
use crate::feed::Credits;
use crate::load::{self, Job, QUEUE, REQUEST_TIMEOUT, Side};
use crate::measure::Latencies;
use crate::messages::{Answer, Sample};

const OVER: &str = "the connection was lost";

async fn connect(job: &Job) -> Done<Client> {
    let options = ConnectOptions::new()
        .name("natsws bench")
        .reconnect(false)
        .request_timeout(REQUEST_TIMEOUT)
        .subscription_messages(QUEUE);
    Ok(options.connect(job.url.as_str()).await?)
}

async fn settle(connection: &Connection, job: &Job) -> Done {
    let end = job.end();
    let mut last = connection.subscribe(&end).await?;
    connection.publish(&end, "").await?;
    last.next().await.ok_or(OVER)??;
    Ok(())
}

async fn consume(js: &JetStream, job: &Job, (stream, lane): (&str, u32), count: u64) -> Done {
    let consumer = js.consumer(stream, &load::consumer(lane)).await?;
    let mut messages = consumer.messages::<Untyped>().max_messages(job.plan.window).await?;
    for _ in 0..count {
        let message = messages.next().await.ok_or(OVER)??;
        if message.payload().len() != job.plan.size {
            return Err("a message has another size than was stored".into());
        }
        message.ack().await?;
    }
    Ok(())
}

/// Subjects and bytes.
#[derive(Debug, Clone)]
pub(crate) struct Plain {
    connection: Connection,
    js: JetStream,
    job: Arc<Job>,
    payload: Bytes,
}

impl Side for Plain {
    type Lane = Subscription;
    type Service = JoinSet<Done>;

    async fn connect(job: &Arc<Job>) -> Done<Self> {
        let client = connect(job).await?;
        let (connection, js) = (client.connection().clone(), client.jetstream());
        let payload = vec![b'x'; job.plan.size].into();
        Ok(Self { connection, js, job: Arc::clone(job), payload })
    }

    async fn close(self) {
        self.connection.close().await;
    }

    async fn publish(&self, lane: u32, count: u64) -> Done {
        let subject = self.job.subject(lane);
        for _ in 0..count {
            self.connection.publish(&subject, &self.payload).await?;
        }
        Ok(())
    }

    async fn store(&self, lane: u32, count: u64) -> Done {
        let (js, subject) = (self.js.clone(), self.job.subject(lane));
        if self.job.plan.window == 1 {
            for _ in 0..count {
                js.publish_bytes(&subject, &self.payload).await?;
            }
            return Ok(());
        }
        let mut publisher = js.publisher().window(self.job.plan.window).await?;
        for _ in 0..count {
            publisher.publish_bytes(&subject, &self.payload).await?;
        }
        publisher.finish().await?;
        Ok(())
    }

    async fn consume(&self, stream: &str, lane: u32, count: u64) -> Done {
        consume(&self.js, &self.job, (stream, lane), count).await
    }

    async fn settle(&self) -> Done {
        settle(&self.connection, &self.job).await
    }

    async fn listen(&self, lane: u32) -> Done<Subscription> {
        Ok(self.connection.subscribe(self.job.subject(lane)).await?)
    }

    async fn read(&self, mut lane: Subscription, count: u64, mut credits: Credits) -> Done {
        for _ in 0..count {
            let msg = lane.next().await.ok_or(OVER)??;
            if msg.payload().len() != self.payload.len() {
                return Err("a message has another size than was sent".into());
            }
            credits.count();
        }
        Ok(())
    }

    async fn serve(&self, _service: bool) -> Done<JoinSet<Done>> {
        let mut requests = self.connection.subscribe(self.job.subjects()).await?;
        let mut service = JoinSet::new();
        service.spawn(async move {
            while let Some(msg) = requests.next().await {
                let msg = msg?;
                msg.respond(msg.payload_bytes()).await?;
            }
            Ok(())
        });
        Ok(service)
    }

    async fn request(&self, lane: u32, count: u64) -> Done<Vec<Duration>> {
        let subject = self.job.subject(lane);
        let mut latencies = Latencies::new(self.job.plan.count);
        for _ in 0..count {
            let start = Instant::now();
            let reply = self.connection.request(&subject, &self.payload).await?;
            latencies.add(start.elapsed());
            if reply.payload().len() != self.payload.len() {
                return Err("a reply has another size than the request".into());
            }
        }
        Ok(latencies.into_vec())
    }
}

/// A declared type.
#[derive(Debug)]
pub(crate) struct Typed<M> {
    client: Client,
    job: Arc<Job>,
    message: PhantomData<fn() -> M>,
}

impl<M> Clone for Typed<M> {
    fn clone(&self) -> Self {
        Self { client: self.client.clone(), job: Arc::clone(&self.job), message: PhantomData }
    }
}

impl<M: Sample> Typed<M> {
    fn sample(&self, lane: u32) -> M {
        M::new(self.job.run, lane, self.job.plan.size)
    }

    /// A loop that answers, as one would write it without a router.
    async fn answer(&self) -> Done<JoinSet<Done>> {
        let (mut requests, run) = (self.client.subscribe::<M>().await?, self.job.run);
        let mut service = JoinSet::new();
        service.spawn(async move {
            while let Some(ask) = requests.next().await {
                let ask = ask?;
                let msg: Msg = ask.msg().clone();
                // The subscription has the requests of whoever else measures on this server.
                if ask.place().0 == run {
                    let payload = M::encode_by_hand(&ask.into_inner().answer())?;
                    msg.respond(payload).header("Content-Type", M::CONTENT_TYPE).await?;
                }
            }
            Ok(())
        });
        Ok(service)
    }

    async fn route(&self) -> Done<JoinSet<Done>> {
        let (ready, is_ready) = oneshot::channel();
        let served = serve(self.client.clone(), M::app(&self.job.plan.layers))
            .on_ready(move || ready.send(()).unwrap_or_default());
        let mut service = JoinSet::new();
        service.spawn(async move {
            served.await?;
            Ok(())
        });
        is_ready.await?;
        Ok(service)
    }
}

impl<M: Sample> Side for Typed<M> {
    type Lane = TypedSubscription<M>;
    type Service = JoinSet<Done>;

    async fn connect(job: &Arc<Job>) -> Done<Self> {
        Ok(Self { client: connect(job).await?, job: Arc::clone(job), message: PhantomData })
    }

    async fn close(self) {
        self.client.close().await;
    }

    async fn publish(&self, lane: u32, count: u64) -> Done {
        let mut sample = self.sample(lane);
        for id in 0..count {
            sample.set_id(id);
            self.client.publish(&sample).await?;
        }
        Ok(())
    }

    async fn store(&self, lane: u32, count: u64) -> Done {
        let (js, mut sample) = (self.client.jetstream(), self.sample(lane));
        if self.job.plan.window == 1 {
            for id in 0..count {
                sample.set_id(id);
                js.publish(&sample).await?;
            }
            return Ok(());
        }
        let mut publisher = js.publisher().window(self.job.plan.window).await?;
        for id in 0..count {
            sample.set_id(id);
            publisher.publish(&sample).await?;
        }
        publisher.finish().await?;
        Ok(())
    }

    async fn consume(&self, stream: &str, lane: u32, count: u64) -> Done {
        consume(&self.client.jetstream(), &self.job, (stream, lane), count).await
    }

    async fn settle(&self) -> Done {
        settle(self.client.connection(), &self.job).await
    }

    async fn listen(&self, _lane: u32) -> Done<TypedSubscription<M>> {
        Ok(self.client.subscribe().await?)
    }

    async fn read(&self, mut lane: TypedSubscription<M>, count: u64, mut credits: Credits) -> Done {
        for id in 0..count {
            let sample = lane.next().await.ok_or(OVER)??;
            if sample.place() != (self.job.run, id) {
                return Err("a message is not the next one that was sent".into());
            }
            credits.count();
        }
        Ok(())
    }

    async fn serve(&self, service: bool) -> Done<JoinSet<Done>> {
        if service { self.route().await } else { self.answer().await }
    }

    async fn request(&self, lane: u32, count: u64) -> Done<Vec<Duration>> {
        let mut sample = self.sample(lane);
        let mut latencies = Latencies::new(self.job.plan.count);
        for id in 0..count {
            sample.set_id(id);
            let start = Instant::now();
            let reply: Answer = self.client.request(&sample).await?;
            latencies.add(start.elapsed());
            if reply.id != id {
                return Err("a reply is not that of its request".into());
            }
        }
        Ok(latencies.into_vec())
    }
}
