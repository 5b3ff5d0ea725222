//! The official JavaScript client, as the tests use it.

use std::time::SystemTime;

use data_encoding::BASE64;
use natsws::Client;
use natsws::jetstream::JetStream;
use natsws_tests::{Script, ScriptError, Server, within};
use serde_json::{Value, json};

/// The JavaScript client of services, connected to a server.
pub(crate) struct JavaScript(Script);

/// Whom discovery asks, and on which subjects. Left out is what is not said.
#[derive(Debug, Default)]
pub(crate) struct Whom<'a> {
    pub(crate) name: Option<&'a str>,
    pub(crate) id: Option<&'a str>,
    pub(crate) prefix: Option<&'a str>,
}

impl JavaScript {
    pub(crate) async fn connect(url: &str) -> Self {
        Self(Script::start("services.mjs", url).await)
    }

    /// What its discovery hears: `verb` is `ping`, `info` or `stats`. The answers are as they came,
    /// each with all of its keys.
    pub(crate) async fn discover(
        &mut self,
        verb: &str,
        whom: Whom<'_>,
    ) -> Result<Vec<Value>, ScriptError> {
        let mut given = json!({ "verb": verb });
        for (key, value) in [("name", whom.name), ("id", whom.id), ("prefix", whom.prefix)] {
            if let Some(value) = value {
                given[key] = json!(value);
            }
        }
        let answers = self.0.tell("discover", given).await?;
        let Value::Array(answers) = answers else { panic!("no list: {answers}") };
        Ok(answers)
    }

    /// Starts a service with the endpoints `echo` and `admin.fail.*`, and gives its id. `config` is
    /// what the JavaScript client takes, `data` what its stats say of their own.
    pub(crate) async fn serve(&mut self, config: Value, data: Option<Value>) -> String {
        let id = self.0.tell("serve", json!({ "config": config, "data": data })).await;
        let id = id.expect("it is served");
        id.as_str().expect("an id is a text").to_owned()
    }

    pub(crate) async fn stop(&mut self, id: &str) {
        self.0.tell("stop", json!({ "id": id })).await.expect("it stops");
    }

    /// Asks a subject; gives payload and headers of the reply.
    pub(crate) async fn request(&mut self, subject: &str, payload: &str) -> Value {
        let given = json!({ "subject": subject, "payload": payload });
        self.0.tell("request", given).await.expect("a reply")
    }

    pub(crate) async fn end(self) {
        self.0.end().await;
    }
}

/// A server with JetStream of its own, this library over a WebSocket, and theirs over TCP.
pub(crate) struct Stage {
    /// Dropped, it stops.
    _server: Server,
    pub(crate) js: JetStream,
    pub(crate) theirs: Theirs,
}

impl Stage {
    /// With the script of this name.
    pub(crate) async fn new(script: &str) -> Self {
        let server = Server::builder().jetstream().start();
        let client = within("connecting", Client::connect(server.ws_url())).await;
        let js = client.expect("the server is there").jetstream();
        let theirs = Theirs(Script::start(script, &server.nats_url()).await);
        Self { _server: server, js, theirs }
    }

    pub(crate) async fn end(self) {
        self.theirs.0.end().await;
    }
}

/// The JavaScript libraries of JetStream. What they do is a command of the script.
pub(crate) struct Theirs(Script);

impl Theirs {
    /// Has them do what works.
    pub(crate) async fn can(&mut self, command: &str, given: Value) -> Value {
        match self.0.tell(command, given.clone()).await {
            Ok(done) => done,
            Err(error) => panic!("they cannot {command} {given}: {error:?}"),
        }
    }

    /// Has them do what works and may take a minute.
    pub(crate) async fn can_in_time(&mut self, command: &str, given: Value) -> Value {
        self.can("begin", json!({ "command": command, "given": given })).await;
        for _ in 0..15 {
            let mut done = self.can("done", json!({})).await;
            if !done.is_null() {
                return done["result"].take();
            }
        }
        panic!("it takes too long: {command} {given}")
    }

    /// Has them do what fails, and gives what they say to that.
    pub(crate) async fn cannot(&mut self, command: &str, given: Value) -> String {
        match self.0.tell(command, given.clone()).await {
            Ok(done) => panic!("they can {command} {given}: {done}"),
            Err(error) => error.message,
        }
    }
}

/// Bytes as they travel in the lines of a script.
pub(crate) fn base64(bytes: impl AsRef<[u8]>) -> String {
    BASE64.encode(bytes.as_ref())
}

/// A time as a script says it, to the nanosecond.
pub(crate) fn nanos(time: SystemTime) -> String {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    since.as_nanos().to_string()
}

/// As [`nanos`], to the millisecond: JavaScript's own times have no more.
pub(crate) fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    u64::try_from(since.as_millis()).expect("it fits")
}

/// What is said in both, which has to be the same, is taken out of `theirs`: the server says all
/// that a stream or a consumer is told to be, and this library leaves out what says nothing.
#[track_caller]
pub(crate) fn said_by_theirs_alone(theirs: &Value, ours: &Value) -> Value {
    let mut rest = theirs.as_object().expect("a map").clone();
    for (key, value) in ours.as_object().expect("a map") {
        assert_eq!(rest.remove(key).as_ref(), Some(value), "{key}");
    }
    Value::Object(rest)
}
