use proptest::prelude::*;

use super::*;

const fn messages(messages: usize) -> Ask {
    Ask { messages, bytes: None }
}

#[expect(clippy::unnecessary_wraps, reason = "that is how it is asked for")]
const fn rest(messages: usize) -> Option<Rest> {
    Some(Rest { messages, bytes: 0 })
}

fn ask(account: &mut Account) -> Option<Ask> {
    let ask = account.wants()?;
    account.asked(ask);
    Some(ask)
}

#[test]
fn more_is_asked_for_when_a_quarter_was_read() {
    let mut account = Account::new(Limit::Messages(100), 75);
    let mut asked = Vec::new();
    for _ in 0..100 {
        asked.extend(ask(&mut account).map(|ask| ask.messages));
        account.received(10);
    }
    assert_eq!(asked, [100, 25, 25, 25]);
}

#[test]
fn one_message_at_a_time_is_asked_for_after_each() {
    let mut account = Account::new(Limit::Messages(1), 75);
    for _ in 0..3 {
        assert_eq!(ask(&mut account), Some(messages(1)));
        assert_eq!(ask(&mut account), None);
        account.received(10);
    }
}

#[test]
fn what_a_pull_did_not_bring_is_asked_for_again() {
    let mut account = Account::new(Limit::Messages(10), 5);
    assert_eq!(ask(&mut account), Some(messages(10)));
    assert_eq!(ask(&mut account), None);
    account.over(0, rest(6));
    assert_eq!(ask(&mut account), Some(messages(6)));
    // Nothing is said of how much: none of it came.
    account.over(1, None);
    assert_eq!(ask(&mut account), Some(messages(6)));
    account.over(2, rest(100));
    assert_eq!(account.wants(), Some(messages(10)));
}

#[test]
fn bytes_count_where_they_are_limited() {
    let mut account = Account::new(Limit::Bytes { bytes: 1000, messages: 500 }, 750);
    assert_eq!(ask(&mut account), Some(Ask { messages: 500, bytes: Some(1000) }));
    account.received(200);
    assert_eq!(account.wants(), None);
    account.received(50);
    assert_eq!(ask(&mut account), Some(Ask { messages: 500, bytes: Some(250) }));
}

#[test]
fn what_was_refused_is_asked_for_again_only_when_it_is_released() {
    let mut account = Account::new(Limit::Messages(10), 5);
    ask(&mut account);
    account.hold(0, None);
    assert_eq!(account.wants(), None);
    assert!(account.release());
    assert_eq!(ask(&mut account), Some(messages(10)));
    assert!(!account.release());
    assert_eq!(account.wants(), None);
}

#[test]
fn pulls_from_before_a_reset_do_not_count() {
    let mut account = Account::new(Limit::Messages(10), 5);
    ask(&mut account);
    assert!(account.counts(0));
    account.reset();
    assert!(!account.counts(0) && !account.counts(1));
    assert_eq!(account.number(), 1);
    ask(&mut account);
    assert!(account.counts(1) && !account.counts(0));
}

/// A server that keeps pulls as the real one does.
#[derive(Debug, Default)]
struct Model {
    /// The number of each pull that waits, and how much it may still bring.
    pulls: Vec<(u64, usize)>,
    /// What was sent and has not been read.
    sent: VecDeque<Sent>,
}

#[derive(Debug, Clone, Copy)]
enum Sent {
    Message,
    Over(u64, Option<Rest>),
    Refused(u64, usize),
}

impl Model {
    /// What is on its way or may still be brought.
    fn outstanding(&self) -> usize {
        let waiting: usize = self.pulls.iter().map(|(_, left)| left).sum();
        let sent = self.sent.iter().map(|sent| match sent {
            Sent::Message => 1,
            Sent::Over(_, rest) => rest.map_or(0, |rest| rest.messages),
            Sent::Refused(_, amount) => *amount,
        });
        waiting + sent.sum::<usize>()
    }
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Ask,
    Deliver,
    Expire,
    Refuse,
    Read,
    Release,
    /// The connection is made again: the server forgets the pulls, and what was on its way is lost.
    Lose,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Ask),
        8 => Just(Step::Deliver),
        2 => Just(Step::Expire),
        1 => Just(Step::Refuse),
        8 => Just(Step::Read),
        1 => Just(Step::Release),
        1 => Just(Step::Lose),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    #[test]
    fn the_account_equals_what_is_outstanding_after_ten_thousand_events(
        most in 1_usize..200,
        threshold in 0_usize..200,
        steps in prop::collection::vec(step(), 10_000),
    ) {
        let mut account = Account::new(Limit::Messages(most), threshold);
        let mut model = Model::default();
        let mut held = 0;
        for step in steps {
            match step {
                Step::Ask => {
                    let number = account.number();
                    if let Some(ask) = ask(&mut account) {
                        model.pulls.push((number, ask.messages));
                    }
                }
                Step::Deliver => {
                    if let Some(pull) = model.pulls.first_mut() {
                        pull.1 -= 1;
                        model.sent.push_back(Sent::Message);
                        model.pulls.retain(|(_, left)| *left > 0);
                    }
                }
                Step::Expire => {
                    if !model.pulls.is_empty() {
                        let (number, messages) = model.pulls.remove(0);
                        model.sent.push_back(Sent::Over(number, rest(messages)));
                    }
                }
                Step::Refuse => {
                    let number = account.number();
                    if let Some(ask) = ask(&mut account) {
                        model.sent.push_back(Sent::Refused(number, ask.messages));
                    }
                }
                Step::Read => match model.sent.pop_front() {
                    None => {}
                    Some(Sent::Message) => account.received(1),
                    Some(Sent::Over(number, rest)) => {
                        prop_assert!(account.counts(number));
                        account.over(number, rest);
                    }
                    Some(Sent::Refused(number, amount)) => {
                        account.hold(number, None);
                        held += amount;
                    }
                },
                Step::Release => {
                    account.release();
                    held = 0;
                }
                Step::Lose => {
                    model = Model::default();
                    account.reset();
                    held = 0;
                }
            }
            prop_assert_eq!(account.pending, model.outstanding() + held);
            prop_assert!(account.pending <= most);
        }
    }
}
