use super::*;

fn info(config: &str) -> ConsumerInfo {
    let info = format!(
        "{{\"stream_name\":\"S\",\"name\":\"C\",\"created\":\"2026-01-01T00:00:00Z\",\"config\":{config}}}"
    );
    serde_json::from_str(&info).expect("it is an info")
}

fn continuous(options: PullOptions, config: &str) -> Result<(Limit, usize, PullTerms), String> {
    options.continuous(Some(&info(config))).map_err(|error| error.to_string())
}

fn refusal(options: PullOptions, config: &str) -> String {
    continuous(options, config).expect_err("it is refused")
}

fn options() -> PullOptions {
    PullOptions::default()
}

#[expect(clippy::unnecessary_wraps, reason = "that is how it is asked for")]
const fn seconds(seconds: u64) -> Option<Duration> {
    Some(Duration::from_secs(seconds))
}

#[test]
fn without_a_word_a_hundred_messages_are_asked_for_thirty_seconds() {
    let (limit, threshold, terms) = continuous(options(), "{}").expect("good options");
    assert_eq!((limit, threshold), (Limit::Messages(100), 75));
    assert_eq!((terms.expires, terms.idle_heartbeat), (30_000_000_000, 15_000_000_000));
}

#[test]
fn what_is_not_said_suits_the_consumer() {
    let config = r#"{"max_batch":10,"max_expires":2000000000}"#;
    let (limit, threshold, terms) = continuous(options(), config).expect("good options");
    assert_eq!((limit, threshold), (Limit::Messages(10), 7));
    assert_eq!((terms.expires, terms.idle_heartbeat), (2_000_000_000, 1_000_000_000));
    let bytes = PullOptions { bytes: Some(1000), ..options() };
    let (limit, threshold, _) = continuous(bytes, config).expect("good options");
    assert_eq!((limit, threshold), (Limit::Bytes { bytes: 1000, messages: 10 }, 750));
}

#[test]
fn options_that_contradict_each_other_are_named() {
    let both = PullOptions { messages: Some(1), bytes: Some(1), ..options() };
    assert_eq!(
        refusal(both, "{}"),
        "`max_messages` and `max_bytes` exclude each other: leave one of them out"
    );
    let short = PullOptions { expires: Some(Duration::from_millis(500)), ..options() };
    assert_eq!(refusal(short, "{}"), "`expires` is 500ms, and has to be 1s or more");
    let none = PullOptions { messages: Some(0), ..options() };
    assert_eq!(
        refusal(none, "{}"),
        "`max_messages` has a value that no server takes: nothing would come"
    );
    let rare = PullOptions { expires: seconds(10), heartbeat: seconds(6), ..options() };
    assert_eq!(
        refusal(rare, "{}"),
        "`heartbeat` exceeds `half of expires`: lower the one or raise the other"
    );
    let late = PullOptions { messages: Some(10), threshold: Some(11), ..options() };
    assert_eq!(
        refusal(late, "{}"),
        "`threshold` exceeds `max_messages`: lower the one or raise the other"
    );
}

#[test]
fn what_the_consumer_does_not_allow_is_refused_before_it_is_asked() {
    let config = r#"{"max_batch":10,"max_expires":2000000000,"max_bytes":100}"#;
    let many = PullOptions { messages: Some(11), ..options() };
    assert_eq!(refusal(many, config), "`max_messages` is 11, and may be 10 at most");
    let large = PullOptions { bytes: Some(101), ..options() };
    assert_eq!(refusal(large, config), "`max_bytes` is 101, and may be 100 at most");
    let long = PullOptions { expires: seconds(3), ..options() };
    assert_eq!(
        refusal(long, config),
        "`expires` exceeds `the consumer's max_request_expires`: lower the one or raise the other"
    );
    assert_eq!(
        refusal(options(), r#"{"deliver_subject":"d"}"#),
        "consumer \"C\" of stream \"S\" pushes its messages: read it as a push consumer"
    );
}

fn of_group(group: Option<&str>) -> PullOptions {
    let priority = Priority { group: group.map(str::to_owned), ..Priority::default() };
    PullOptions { priority, ..options() }
}

#[test]
fn the_only_group_of_a_consumer_is_the_one_that_is_meant() {
    let config = r#"{"priority_groups":["jobs"],"priority_policy":"overflow"}"#;
    let (.., terms) = continuous(options(), config).expect("good options");
    assert_eq!(terms.priority.group.as_deref(), Some("jobs"));
    assert!(continuous(of_group(Some("jobs")), config).is_ok());
    let named = "`group` has a value that no server takes: ";
    let two = r#"{"priority_groups":["a","b"],"priority_policy":"overflow"}"#;
    assert_eq!(
        refusal(options(), two),
        format!("{named}the consumer has several groups, and one has to be chosen")
    );
    for config in [config, "{}"] {
        let error = refusal(of_group(Some("others")), config);
        assert_eq!(error, format!("{named}the consumer has no such group"));
    }
}

#[test]
fn what_no_policy_reads_is_refused() {
    let pinned = r#"{"priority_groups":["jobs"],"priority_policy":"pinned_client"}"#;
    let few = Priority { min_pending: Some(1), ..Priority::default() };
    assert_eq!(
        refusal(PullOptions { priority: few, ..options() }, pinned),
        "`min_pending` needs `PriorityPolicy::Overflow`: set that as well, or leave `min_pending` out"
    );
    let first = Priority { rank: Some(0), ..Priority::default() };
    assert_eq!(
        refusal(PullOptions { priority: first, ..options() }, pinned),
        "`priority` needs `PriorityPolicy::Prioritized`: set that as well, or leave `priority` out"
    );
    let low = Priority { rank: Some(10), ..Priority::default() };
    assert_eq!(
        refusal(PullOptions { priority: low, ..options() }, pinned),
        "`priority` is 10, and may be 9 at most"
    );
}

#[test]
fn a_single_pull_may_be_short_and_then_has_no_heartbeats() {
    let short = PullOptions { expires: Some(Duration::from_millis(300)), ..options() };
    let (ask, terms) = short.once(None).expect("good options");
    assert_eq!(ask, Ask { messages: 1, bytes: None });
    assert_eq!((terms.expires, terms.idle_heartbeat, terms.no_wait), (300_000_000, 0, false));
    let now = PullOptions { expires: Some(Duration::ZERO), ..options() };
    let (_, terms) = now.once(None).expect("good options");
    assert_eq!((terms.expires, terms.idle_heartbeat, terms.no_wait), (0, 0, true));
}
