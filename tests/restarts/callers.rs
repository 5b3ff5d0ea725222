//! Callers who ask without a pause, and the account of what they were answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use natsws::{Client, RequestError, ServiceError};
use natsws_service::caller::Retry;
use natsws_tests::{eventually, within};
use tokio::task::JoinHandle;
use tower::{ServiceBuilder, ServiceExt};

use crate::messages::Twice;

/// A request that failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) begun: Instant,
    pub(crate) error: RequestError<ServiceError>,
}

/// What callers were answered.
#[derive(Debug, Default)]
pub(crate) struct Account {
    pub(crate) answered: u64,
    pub(crate) failures: Vec<Failure>,
    /// The longest that an answer took.
    pub(crate) longest: Duration,
}

/// Callers who ask until they are stopped, each one question at a time.
pub(crate) struct Callers {
    answered: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<Account>>,
    began: Instant,
}

impl Callers {
    /// So many callers that share a client. With a policy they ask again what failed.
    pub(crate) fn start(client: &Client, count: usize, retry: Option<&Retry>) -> Self {
        let (answered, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let caller = |caller| {
            let (answered, stop) = (Arc::clone(&answered), Arc::clone(&stop));
            tokio::spawn(ask(client.clone(), caller, retry.cloned(), answered, stop))
        };
        let tasks = (0..count).map(caller).collect();
        Self { answered, stop, tasks, began: Instant::now() }
    }

    /// Waits until so many more requests were answered.
    pub(crate) async fn answered(&self, more: u64) {
        let target = self.answered.load(Ordering::SeqCst) + more;
        let enough = async || (self.answered.load(Ordering::SeqCst) >= target).then_some(());
        eventually("answers", enough).await;
    }

    /// Ends it when every request has its outcome. `name` is for whoever reads the output.
    pub(crate) async fn stopped(self, name: &str) -> Account {
        self.stop.store(true, Ordering::SeqCst);
        let took = self.began.elapsed().as_secs_f64();
        let mut all = Account::default();
        for task in self.tasks {
            let account = within("the last outcome", task).await.expect("no panic");
            all.answered += account.answered;
            all.failures.extend(account.failures);
            all.longest = all.longest.max(account.longest);
        }
        let Account { answered, failures, longest } = &all;
        #[expect(clippy::cast_precision_loss, reason = "it is for people")]
        let rate = *answered as f64 / took;
        eprintln!(
            "{name}: {answered} answered, {rate:.0}/s over {took:.1} s, {} failed, longest {longest:?}",
            failures.len()
        );
        all
    }
}

async fn ask(
    client: Client,
    caller: usize,
    retry: Option<Retry>,
    answers: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
) -> Account {
    let mut account = Account::default();
    let mut number = 0;
    while !stop.load(Ordering::SeqCst) {
        number += 1;
        let ask = Twice { caller, number };
        let begun = Instant::now();
        let answer = match &retry {
            None => client.request(&ask).await,
            Some(policy) => {
                let service = client.service::<Twice>();
                ServiceBuilder::new().retry(policy.clone()).service(service).oneshot(ask).await
            }
        };
        match answer {
            Ok(answer) => {
                assert_eq!(answer, number * 2, "an answer to another question");
                account.answered += 1;
                account.longest = account.longest.max(begun.elapsed());
                answers.fetch_add(1, Ordering::SeqCst);
            }
            Err(error) => {
                account.failures.push(Failure { begun, error });
                // Without a connection each attempt would fail, and none would be in flight.
                let back = client.connection().wait_connected(Duration::from_secs(30));
                back.await.expect("a server is left");
            }
        }
    }
    account
}
