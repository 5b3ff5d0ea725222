//! A real browser: Chromium without a window, told what to do over its `DevTools` protocol.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{env, fs};

use data_encoding::BASE64;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStderr, Command};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

/// What the program is called where.
const PROGRAMS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];

const HINT: &str = "put Chromium into PATH (Debian's package is chromium), or set CHROMIUM";

/// No window, no sandbox (which root has none of), and nothing that asks for another host.
const FLAGS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
];

/// The time between two looks at a page.
const STEP: Duration = Duration::from_millis(25);
/// A page has more to do than a connection, on a machine that builds others meanwhile.
const PATIENCE: Duration = Duration::from_secs(45);

type Socket = WebSocketStream<TcpStream>;

/// A browser that ends with this handle.
#[derive(Debug)]
pub struct Chromium {
    wire: Arc<Wire>,
    _reading: JoinHandle<()>,
    _child: Child,
    _profile: TempDir,
}

/// A page of a [`Chromium`].
#[derive(Debug)]
pub struct Page {
    wire: Arc<Wire>,
    session: String,
}

/// The one connection to the browser.
#[derive(Debug)]
struct Wire {
    sink: tokio::sync::Mutex<SplitSink<Socket, Message>>,
    next: AtomicU64,
    heard: Mutex<Heard>,
}

#[derive(Debug, Default)]
struct Heard {
    waiting: HashMap<u64, oneshot::Sender<Value>>,
    /// What the pages wrote to their console, and their uncaught errors, by session.
    console: HashMap<String, Vec<String>>,
    /// Who answers the requests of a page, by session.
    paused: HashMap<String, mpsc::UnboundedSender<Value>>,
}

impl Chromium {
    /// Where `chromedriver` is, which other programs drive it with; `None` where it is not in `PATH`.
    pub fn driver() -> Option<PathBuf> {
        in_path(&["chromedriver"])
    }

    /// Starts a browser with a profile of its own.
    pub async fn start() -> Self {
        let profile = tempfile::tempdir().expect("a temporary directory");
        let program = env::var_os("CHROMIUM").map(PathBuf::from).or_else(|| in_path(&PROGRAMS));
        let program = program.unwrap_or_else(|| panic!("there is no Chromium: {HINT}"));
        let mut command = Command::new(&program);
        command.args(FLAGS).arg(format!("--user-data-dir={}", profile.path().display()));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let child = command.kill_on_drop(true).spawn();
        let mut child =
            child.unwrap_or_else(|error| panic!("{}: {error}: {HINT}", program.display()));
        let url = address(child.stderr.take().expect("it is piped")).await;
        // Screenshots are larger than what is taken otherwise.
        let config = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
        let host = url.split('/').nth(2).expect("a host");
        let stream = TcpStream::connect(host).await.expect("DevTools");
        let connected = client_async_with_config(&url, stream, Some(config)).await;
        let (socket, _) = connected.expect("DevTools");
        let (sink, stream) = socket.split();
        let wire = Arc::new(Wire {
            sink: tokio::sync::Mutex::new(sink),
            next: AtomicU64::new(1),
            heard: Mutex::default(),
        });
        let reading = tokio::spawn(read(Arc::clone(&wire), stream));
        Self { wire, _reading: reading, _child: child, _profile: profile }
    }

    /// Opens a page, and waits until it is loaded.
    pub async fn open(&self, url: &str) -> Page {
        let page = self.blank().await;
        page.go(url).await;
        page
    }

    /// Opens an empty page.
    pub async fn blank(&self) -> Page {
        let blank = json!({ "url": "about:blank" });
        let target = self.wire.tell(None, "Target.createTarget", blank).await;
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = self.wire.tell(None, "Target.attachToTarget", attach).await;
        let session = attached["sessionId"].as_str().expect("a session").to_owned();
        let page = Page { wire: Arc::clone(&self.wire), session };
        for domain in ["Page.enable", "Runtime.enable", "Log.enable"] {
            page.tell(domain, json!({})).await;
        }
        page
    }
}

impl Page {
    /// Loads another address.
    pub async fn go(&self, url: &str) {
        let went = self.tell("Page.navigate", json!({ "url": url })).await;
        assert_eq!(went.get("errorText"), None, "{url}");
        self.until(&format!("{url} is loaded"), "document.readyState === 'complete'").await;
    }

    /// Loads an origin that is nowhere: whatever it asks for comes from the site at `from`. So a page
    /// can be one from `https://` without a certificate.
    pub async fn load_as(&self, origin: &str, from: &str) {
        let all = json!({ "patterns": [{ "urlPattern": format!("{origin}/*") }] });
        self.tell("Fetch.enable", all).await;
        let (tell, mut paused) = mpsc::unbounded_channel::<Value>();
        self.wire.heard().paused.insert(self.session.clone(), tell);
        let (wire, session) = (Arc::clone(&self.wire), self.session.clone());
        let (origin, from) = (origin.to_owned(), from.trim_end_matches('/').to_owned());
        let first = format!("{origin}/");
        tokio::spawn(async move {
            while let Some(request) = paused.recv().await {
                let url = request["request"]["url"].as_str().unwrap_or_default();
                let path = url.strip_prefix(&origin).unwrap_or_default();
                let (kind, body) = fetch(&format!("{from}{path}")).await;
                let answer = json!({
                    "requestId": request["requestId"],
                    "responseCode": 200,
                    "responseHeaders": [{ "name": "Content-Type", "value": kind }],
                    "body": BASE64.encode(&body),
                });
                wire.tell(Some(&session), "Fetch.fulfillRequest", answer).await;
            }
        });
        self.go(&first).await;
    }

    /// The value of a JavaScript expression; a promise is waited for.
    pub async fn eval(&self, expression: &str) -> Value {
        match self.try_eval(expression).await {
            Ok(value) => value,
            Err(error) => panic!("{expression}: {error}\n{}", self.console().join("\n")),
        }
    }

    /// As [`eval`](Self::eval).
    ///
    /// # Errors
    /// What is thrown.
    pub async fn try_eval(&self, expression: &str) -> Result<Value, String> {
        let asked = json!({
            "expression": expression,
            "awaitPromise": true,
            "returnByValue": true,
            "userGesture": true,
        });
        let mut answer = self.tell("Runtime.evaluate", asked).await;
        match answer.get("exceptionDetails") {
            None => Ok(answer["result"]["value"].take()),
            Some(details) => {
                let thrown = &details["exception"];
                let text = thrown["description"].as_str().or_else(|| thrown["value"].as_str());
                Err(text.or_else(|| details["text"].as_str()).unwrap_or_default().to_owned())
            }
        }
    }

    /// Waits until an expression is true in the page's sense, and gives back what it is then.
    pub async fn until(&self, what: &str, expression: &str) -> Value {
        let began = Instant::now();
        let mut interval = tokio::time::interval(STEP);
        loop {
            let falsy = [json!(null), json!(false), json!(0), json!("")];
            match self.try_eval(expression).await {
                Ok(value) if !falsy.contains(&value) => return value,
                _ if began.elapsed() < PATIENCE => {}
                last => panic!(
                    "{what}: not within {PATIENCE:?}\n{expression}: {last:?}\n{}",
                    self.console().join("\n")
                ),
            }
            interval.tick().await;
        }
    }

    /// Clicks on the first element that a selector finds.
    pub async fn click(&self, selector: &str) {
        self.on(selector, "it.click()").await;
    }

    /// Enters a text where a selector finds a field, in place of what is there.
    pub async fn fill(&self, selector: &str, text: &str) {
        self.on(selector, "it.focus(); it.select?.()").await;
        if text.is_empty() {
            self.press("Backspace").await;
        } else {
            self.tell("Input.insertText", json!({ "text": text })).await;
        }
    }

    /// Presses a key, as in `Enter` or `Tab`.
    pub async fn press(&self, key: &str) {
        let (code, text) = match key {
            "Enter" => (13, Some("\r")),
            "Tab" => (9, None),
            "Backspace" => (8, None),
            "Escape" => (27, None),
            " " => (32, Some(" ")),
            other => panic!("the harness does not know the key {other}"),
        };
        for kind in ["keyDown", "keyUp"] {
            let mut event =
                json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code });
            if let Some(text) = text.filter(|_| kind == "keyDown") {
                event["text"] = json!(text);
            }
            self.tell("Input.dispatchKeyEvent", event).await;
        }
    }

    /// The text of the first element that a selector finds.
    pub async fn text(&self, selector: &str) -> String {
        let text = self.on(selector, "return it.innerText").await;
        text.as_str().unwrap_or_default().trim().to_owned()
    }

    /// Saves a picture of the page.
    pub async fn screenshot(&self, path: impl AsRef<Path>) {
        let whole = json!({ "format": "png", "captureBeyondViewport": true });
        let shot = self.tell("Page.captureScreenshot", whole).await;
        let png = BASE64.decode(shot["data"].as_str().unwrap_or_default().as_bytes());
        fs::write(path, png.expect("a picture")).expect("it can be written");
    }

    /// Runs no JavaScript any more until [`thaw`](Self::thaw): a tab that nobody has looked at for
    /// long.
    pub async fn freeze(&self) {
        self.tell("Page.setWebLifecycleState", json!({ "state": "frozen" })).await;
    }

    /// Ends a [`freeze`](Self::freeze).
    pub async fn thaw(&self) {
        self.tell("Page.setWebLifecycleState", json!({ "state": "active" })).await;
    }

    /// What the page wrote to its console so far, with its uncaught errors.
    pub fn console(&self) -> Vec<String> {
        let heard = self.wire.heard();
        heard.console.get(&self.session).cloned().unwrap_or_default()
    }

    /// Does something that the `DevTools` protocol has a command for.
    pub async fn tell(&self, method: &str, given: Value) -> Value {
        self.wire.tell(Some(&self.session), method, given).await
    }

    /// Closes the page.
    pub async fn close(self) {
        self.tell("Page.close", json!({})).await;
    }

    async fn on(&self, selector: &str, code: &str) -> Value {
        let found = format!("document.querySelector({})", json!(selector));
        self.until(&format!("there is {selector}"), &format!("!!{found}")).await;
        self.eval(&format!("(it => {{ {code} }})({found})")).await
    }
}

impl Wire {
    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn tell(&self, session: Option<&str>, method: &str, given: Value) -> Value {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let mut command = json!({ "id": id, "method": method, "params": given });
        if let Some(session) = session {
            command["sessionId"] = json!(session);
        }
        let (tell, told) = oneshot::channel();
        self.heard().waiting.insert(id, tell);
        let sent = self.sink.lock().await.send(Message::text(command.to_string())).await;
        sent.expect("the browser listens");
        let mut answer = told.await.expect("the browser runs");
        assert_eq!(answer.get("error"), None, "{method}");
        answer["result"].take()
    }
}

async fn read(wire: Arc<Wire>, mut stream: SplitStream<Socket>) {
    while let Some(Ok(message)) = stream.next().await {
        let Ok(text) = message.to_text() else { continue };
        let Ok(said) = serde_json::from_str::<Value>(text) else { continue };
        let mut heard = wire.heard();
        if let Some(waiting) = said["id"].as_u64().and_then(|id| heard.waiting.remove(&id)) {
            // Whoever asked may have gone.
            drop(waiting.send(said));
        } else if said["method"] == "Fetch.requestPaused" {
            let session = said["sessionId"].as_str().unwrap_or_default();
            if let Some(answers) = heard.paused.get(session) {
                // Whoever answered may have gone with its page.
                drop(answers.send(said["params"].clone()));
            }
        } else if let (Some(line), Some(session)) =
            (console_line(&said), said["sessionId"].as_str())
        {
            heard.console.entry(session.to_owned()).or_default().push(line);
        }
    }
    wire.heard().waiting.clear();
}

/// What a site on this machine has at an address: its type, and its bytes.
async fn fetch(url: &str) -> (String, Vec<u8>) {
    let rest = url.strip_prefix("http://").expect("it is on this machine");
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut stream = TcpStream::connect(host).await.expect("the site is there");
    let request = format!("GET /{path} HTTP/1.0\r\nHost: {host}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("it is asked");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("it answers");
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
    let kind = head.lines().find_map(|line| line.strip_prefix("content-type: "));
    (kind.unwrap_or_default().to_owned(), answer.split_off(end + 4))
}

/// What an event says of the console.
fn console_line(event: &Value) -> Option<String> {
    let given = &event["params"];
    match event["method"].as_str()? {
        "Runtime.consoleAPICalled" => {
            let shown = |argument: &Value| match (&argument["value"], &argument["description"]) {
                (Value::String(text), _) | (Value::Null, Value::String(text)) => text.clone(),
                (value, _) => value.to_string(),
            };
            let parts: Vec<_> = given["args"].as_array()?.iter().map(shown).collect();
            Some(format!("{}: {}", given["type"].as_str()?, parts.join(" ")))
        }
        "Runtime.exceptionThrown" => {
            let details = &given["exceptionDetails"];
            let text = details["exception"]["description"].as_str();
            Some(format!("uncaught: {}", text.or_else(|| details["text"].as_str())?))
        }
        "Log.entryAdded" => Some(format!("log: {}", given["entry"]["text"].as_str()?)),
        _ => None,
    }
}

/// Where the browser listens, which it says when it has started.
async fn address(stderr: ChildStderr) -> String {
    let mut lines = BufReader::new(stderr).lines();
    let mut said = String::new();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Some(url) = line.strip_prefix("DevTools listening on ") {
            let url = url.to_owned();
            // It ends when nobody reads what it writes.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return url;
        }
        said.push_str(&line);
        said.push('\n');
    }
    panic!("Chromium has ended: {said}")
}

/// The first of these programs that is in `PATH`.
fn in_path(programs: &[&str]) -> Option<PathBuf> {
    let folders: Vec<_> = env::split_paths(&env::var_os("PATH")?).collect();
    let there =
        |name: &&str| folders.iter().map(|folder| folder.join(name)).find(|it| it.is_file());
    programs.iter().find_map(there)
}
