//! The official JavaScript client, as the tests use it.

use natsws_tests::{Script, ScriptError};
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
