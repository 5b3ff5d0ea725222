//! What `sub` reads comes from a process of its own, so that publishing is not in the figures.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use natsws::{Client, ConnectOptions};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::Notify;

use crate::args::{Args, Format, What};
use crate::load::{Job, subject};
use crate::messages::{AsJson, AsMsgPack, Sample};
use crate::plan::Plan;
use crate::{Done, Fault, chain};

/// How far the feeder may be ahead.
const AHEAD_MESSAGES: u64 = 16_384;
const AHEAD_BYTES: u64 = 4 * 1024 * 1024;
/// When nothing has come for so long, something is lost.
const STALLED: Duration = Duration::from_secs(10);

/// How many messages the feeder may be ahead, and how many a task reads before it says so: together
/// the tasks keep at most a quarter for themselves, so that the feeder never waits for nothing.
fn window(plan: &Plan) -> (u64, u64) {
    let bytes = u64::try_from(plan.size).unwrap_or(u64::MAX).saturating_add(64);
    let ahead = (AHEAD_BYTES / bytes).clamp(1, AHEAD_MESSAGES);
    (ahead, (ahead / (4 * u64::from(plan.concurrency))).max(1))
}

/// How a task says that it has read some.
#[derive(Debug, Clone)]
pub(crate) struct Credits {
    read: Arc<(AtomicU64, Notify)>,
    /// How many messages are worth saying so.
    step: u64,
    /// What this task has read and not said.
    unsaid: u64,
}

impl Credits {
    /// A message was read. After a step of them the feeder may send more.
    pub(crate) fn count(&mut self) {
        self.unsaid += 1;
        if self.unsaid == self.step {
            self.unsaid = 0;
            self.read.0.fetch_add(1, Ordering::Relaxed);
            self.read.1.notify_one();
        }
    }
}

/// A feeder that runs. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Feed {
    /// It ends with this.
    _child: Child,
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
    credits: Credits,
}

impl Feed {
    /// Starts it, and waits until it is connected.
    pub(crate) async fn start(job: &Job) -> Done<(Self, Credits)> {
        let plan = &job.plan;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["feed", "--run", &job.run.to_string()]);
        command.args(["--size", &plan.size.to_string(), "--count", &plan.count.to_string()]);
        command.args(["--concurrency", &plan.concurrency.to_string()]);
        if let Some(format) = plan.typed {
            command.args(["--typed", format.name()]);
        }
        // An address may hold a password, which is not for the list of processes.
        command.env("NATS_URL", &job.url).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("the feeder has no pipes".into());
        };
        let credits = Credits { read: Arc::default(), step: window(plan).1, unsaid: 0 };
        let stdout = BufReader::new(stdout).lines();
        let mut feed = Self { _child: child, stdin, stdout, credits: credits.clone() };
        match feed.stdout.next_line().await? {
            Some(line) if line == "ready" => Ok((feed, credits)),
            line => Err(Self::fault(line)),
        }
    }

    fn fault(line: Option<String>) -> Fault {
        match line {
            Some(line) => format!("the process that publishes failed: {line}").into(),
            None => "the process that publishes has ended".into(),
        }
    }

    /// Hands on what was read until it is dropped; ready only where something is wrong.
    pub(crate) async fn run(mut self) -> Fault {
        // The first byte says that it may begin. Where it is gone, its output says why.
        let (mut told, mut steps) = (0, vec![b'.']);
        loop {
            let _: std::io::Result<()> = self.stdin.write_all(&steps).await;
            tokio::select! {
                () = self.credits.read.1.notified() => {}
                line = self.stdout.next_line() => {
                    return line.map_or_else(Fault::from, Self::fault);
                }
                () = tokio::time::sleep(STALLED) => {
                    return "nothing has come for 10 s, so messages were lost".into();
                }
            }
            let read = self.credits.read.0.load(Ordering::Relaxed);
            steps.resize(usize::try_from(read - told).unwrap_or_default(), b'.');
            told = read;
        }
    }
}

/// The feeder itself: publishes as fast as what stdin says that was read.
pub(crate) async fn run(args: &Args) -> Done {
    // Ctrl-C is for whoever started this, and ends this by its end.
    let _ignored = tokio::spawn(tokio::signal::ctrl_c());
    let plan = Plan::new(&Args { what: What::Pub, ..args.clone() })?;
    let fed = match plan.typed {
        None => feed(args, &plan, Bare(vec![b'x'; plan.size])).await,
        Some(Format::Json) => feed(args, &plan, Typed(AsJson::new(args.run, 0, plan.size))).await,
        Some(Format::MsgPack) => {
            feed(args, &plan, Typed(AsMsgPack::new(args.run, 0, plan.size))).await
        }
    };
    if let Err(error) = fed {
        say(&chain(&*error)).await?;
    }
    Ok(())
}

async fn say(line: &str) -> Done {
    let mut stdout = tokio::io::stdout();
    stdout.write_all(format!("{line}\n").as_bytes()).await?;
    Ok(stdout.flush().await?)
}

/// What is fed.
trait Food {
    async fn publish(&mut self, client: &Client, subject: &str, number: u64) -> Done;
}

struct Bare(Vec<u8>);

impl Food for Bare {
    async fn publish(&mut self, client: &Client, subject: &str, _number: u64) -> Done {
        Ok(client.connection().publish(subject, &self.0).await?)
    }
}

struct Typed<M>(M);

impl<M: Sample> Food for Typed<M> {
    async fn publish(&mut self, client: &Client, _subject: &str, number: u64) -> Done {
        self.0.set_id(number);
        Ok(client.publish(&self.0).await?)
    }
}

async fn feed(args: &Args, plan: &Plan, mut food: impl Food) -> Done {
    let url = args.server.as_deref().ok_or("there is no server to feed")?;
    let client = ConnectOptions::new().reconnect(false).connect(url).await?;
    say("ready").await?;
    let (mut may, step) = window(plan);
    let subjects: Vec<String> = (0..plan.concurrency).map(|lane| subject(args.run, lane)).collect();
    let (mut stdin, mut steps) = (tokio::io::stdin(), [0; 4096]);
    if stdin.read(&mut steps[..1]).await? == 0 {
        return Ok(());
    }
    for (number, subject) in (0..plan.count).zip(subjects.iter().cycle()) {
        if may == 0 {
            let read = stdin.read(&mut steps).await?;
            if read == 0 {
                return Ok(());
            }
            may = step * u64::try_from(read)?;
        }
        food.publish(&client, subject, number).await?;
        may -= 1;
    }
    client.flush().await?;
    // The end of stdin is the end of this: what is said on stdout is what is wrong.
    while stdin.read(&mut steps).await? > 0 {}
    Ok(())
}
