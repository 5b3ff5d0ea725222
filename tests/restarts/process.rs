//! Replicas as processes.

use std::process::{ExitStatus, Stdio};

use natsws_tests::within;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// A replica that runs; it ends with this handle.
pub(crate) struct Replica {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    id: String,
}

/// What a replica did, as it says itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) begun: u64,
    pub(crate) completed: u64,
    pub(crate) failed: u64,
    pub(crate) shed: u64,
    pub(crate) aborted: u64,
    pub(crate) unanswered: u64,
    pub(crate) lost: u64,
    pub(crate) flushed: bool,
}

impl Report {
    /// The report of a replica that has answered so many requests and nothing else.
    pub(crate) fn answered(completed: u64) -> Self {
        Self { begun: completed, completed, flushed: true, ..Self::default() }
    }
}

impl Replica {
    /// Starts one; it is served when this returns.
    pub(crate) async fn start(url: &str) -> Self {
        Self::told(url, &[]).await
    }

    /// Starts one that is told more.
    pub(crate) async fn told(url: &str, variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_replica"));
        command.env("NATS_URL", url).envs(variables.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("the replica starts");
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let mut replica = Self { child, lines, id: String::new() };
        let ready = replica.line().await;
        let id = ready.strip_prefix("ready ");
        replica.id.push_str(id.unwrap_or_else(|| panic!("it says {ready:?}")));
        replica
    }

    async fn line(&mut self) -> String {
        let line = within("a line of a replica", self.lines.next_line()).await;
        line.expect("text").expect("it has more to say")
    }

    /// What tells it from the others.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Sends `SIGTERM`.
    pub(crate) async fn terminate(&self) {
        let pid = self.child.id().expect("it runs").to_string();
        let status = Command::new("kill").args(["-TERM", &pid]).status().await;
        assert!(status.expect("kill is there").success());
    }

    /// Sends `SIGKILL`, and waits for the end.
    pub(crate) async fn kill(mut self) {
        within("its end", self.child.kill()).await.expect("the child is ours");
    }

    /// What it says when its service has stopped.
    pub(crate) async fn report(&mut self) -> Report {
        let line = self.line().await;
        let report: Value = serde_json::from_str(&line).expect("JSON");
        let count = |name: &str| report[name].as_u64().expect("a number");
        Report {
            begun: count("begun"),
            completed: count("completed"),
            failed: count("failed"),
            shed: count("shed"),
            aborted: count("aborted"),
            unanswered: count("unanswered"),
            lost: count("lost"),
            flushed: report["flushed"].as_bool().expect("yes or no"),
        }
    }

    /// Waits until the process has ended.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        within("its end", self.child.wait()).await.expect("the child is ours")
    }

    /// Tells it to stop, and waits until it has, in good order.
    pub(crate) async fn stopped(mut self) -> Report {
        self.terminate().await;
        let report = self.report().await;
        assert_eq!(self.ended().await.code(), Some(0), "{report:?}");
        report
    }
}
