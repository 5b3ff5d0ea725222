use natsws_tests::Server;

use crate::program::{example, run, text};

/// The lines of the story that are the same in every run.
const STORY: [&str; 11] = [
    "subscribed to quickstart.orders.*.created",
    "quickstart.orders.eu.created: order 7 for 9.50",
    "quickstart.orders.us.created: order 8 for 12.00",
    "two replicas serve quickstart.orders.*.get in one queue group",
    "20 requests were answered by replica-1 and replica-2",
    "the service's own error: order 99 is not found",
    "no responders: nobody serves quickstart.weather.get",
    "timed out: quickstart.meaning.get did not answer in 100ms",
    "stopping both replicas while a request is being answered",
    "the request was answered all the same: 42",
    "the client is drained too, the end",
];

fn story(output: &str) -> Vec<&str> {
    output.lines().filter(|line| STORY.contains(line)).collect()
}

#[test]
fn quickstart_tells_its_story_without_a_server() {
    let output = run("quickstart", &[]);
    let told = text(&output.stdout);
    assert!(output.status.success(), "{told}{}", text(&output.stderr));
    assert!(told.starts_with("started a broker in this process: ws://127.0.0.1:"), "{told}");
    assert_eq!(story(&told), STORY);
}

#[test]
fn quickstart_tells_its_story_on_a_real_server_over_both_transports() {
    let server = Server::start();
    for url in [server.ws_url(), server.nats_url()] {
        let output = example("quickstart", &[]).env("NATS_URL", &url).output().expect("it runs");
        let told = text(&output.stdout);
        assert!(output.status.success(), "{told}{}", text(&output.stderr));
        assert!(told.starts_with("using the server of NATS_URL\nconnected to"), "{told}");
        assert_eq!(story(&told), STORY);
    }
}

#[test]
fn quickstart_fails_with_the_reason_where_there_is_no_server() {
    let output = example("quickstart", &[]).env("NATS_URL", "foo://bar").output().expect("it runs");
    assert!(!output.status.success());
    assert_eq!(
        text(&output.stderr),
        "quickstart failed: server address `foo://bar` is not valid: the scheme is none of ws, wss, nats and tls\n"
    );
}
