//! Scripts that run under Node.js with the official JavaScript client, and fetching that.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};

use crate::cache::{cache, cached_or_fetched};
use crate::eventually::within;

/// The scripts, and the versions of the packages that they use.
const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/interop/javascript");
const PACKAGES: [&str; 2] = ["package.json", "package-lock.json"];

const NPM: &str = if cfg!(windows) { "npm.cmd" } else { "npm" };

const HINT: &str = "put Node.js 22 or newer, with npm, into PATH";

/// A script in `tests/interop/javascript` that runs under Node.js with the official JavaScript
/// client, and does what it is told. It ends with this handle.
///
/// Commands and results are lines of JSON on its stdin and stdout; `talk.mjs` there is its half.
/// The packages are fetched once, into the target directory.
#[derive(Debug)]
pub struct Script {
    name: String,
    child: Child,
    /// `None` when it is told to end.
    stdin: Option<ChildStdin>,
    stdout: Lines<BufReader<ChildStdout>>,
    /// Where it runs, and what it writes to stderr.
    home: TempDir,
}

/// An error that a script has thrown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptError {
    /// The name of its class, as in `NoResponders`.
    pub name: String,
    /// What it says.
    pub message: String,
}

impl Script {
    /// Starts a script with the address of a server, and waits until it has connected.
    pub async fn start(name: &str, url: &str) -> Self {
        let packages = packages();
        // Node looks for packages in all directories above the script.
        let home = tempfile::tempdir_in(packages).expect("the cache can be written");
        for entry in fs::read_dir(SCRIPTS).expect("the scripts are there") {
            let script = entry.expect("the scripts can be read").path();
            if script.extension().is_some_and(|extension| extension == "mjs") {
                let name = script.file_name().expect("it has a name");
                fs::copy(&script, home.path().join(name)).expect("the cache can be written");
            }
        }
        let stderr = File::create(home.path().join("stderr")).expect("the cache can be written");
        let mut node = tokio::process::Command::from(node());
        node.arg(home.path().join(name)).arg(url).kill_on_drop(true);
        node.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(stderr);
        let mut child = node.spawn().unwrap_or_else(|error| panic!("node: {error}: {HINT}"));
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let mut script = Self { name: name.to_owned(), child, stdin, stdout, home };
        assert_eq!(script.result().await, Ok(json!("ready")));
        script
    }

    /// Has it do something, and waits for the result. `given` is an object.
    ///
    /// # Errors
    /// What the script throws at it.
    pub async fn tell(&mut self, command: &str, mut given: Value) -> Result<Value, ScriptError> {
        given["do"] = json!(command);
        let line = format!("{given}\n");
        let stdin = self.stdin.as_mut().expect("it was not told to end");
        if let Err(error) = within("the script reads", stdin.write_all(line.as_bytes())).await {
            self.fail(&format!("it does not read its commands: {error}"));
        }
        self.result().await
    }

    /// Waits until it has ended in good order.
    pub async fn end(mut self) {
        self.stdin = None;
        let status = within("the script ends", self.child.wait()).await;
        let status = status.expect("the child is ours");
        if !status.success() {
            self.fail(&status.to_string());
        }
    }

    async fn result(&mut self) -> Result<Value, ScriptError> {
        let what = format!("a line of {}", self.name);
        let line = match within(&what, self.stdout.next_line()).await {
            Ok(Some(line)) => line,
            Ok(None) => self.fail("it has ended"),
            Err(error) => self.fail(&error.to_string()),
        };
        let Ok(mut result) = serde_json::from_str::<Value>(&line) else {
            self.fail(&format!("it says {line:?}"))
        };
        if let Some(ok) = result.get_mut("ok") {
            return Ok(ok.take());
        }
        let text = |key| result["error"][key].as_str().unwrap_or_default().to_owned();
        Err(ScriptError { name: text("name"), message: text("message") })
    }

    fn fail(&self, fault: &str) -> ! {
        let stderr = fs::read_to_string(self.home.path().join("stderr")).unwrap_or_default();
        panic!("{}: {fault}\n{stderr}", self.name);
    }
}

/// Node, with what it needs to have a WebSocket.
fn node() -> Command {
    // Before version 22 it has one only when it is told so.
    const FLAG: &str = "--experimental-websocket";
    static FLAGS: OnceLock<&[&str]> = OnceLock::new();
    let flags = FLAGS.get_or_init(|| {
        let has_websocket = |flags: &[&str]| {
            let mut probe = Command::new("node");
            let output = probe.args(flags).args(["--print", "typeof WebSocket"]).output();
            let output = output.unwrap_or_else(|error| panic!("node: {error}: {HINT}"));
            output.stdout.starts_with(b"function")
        };
        let flags: [&[&str]; 2] = [&[], &[FLAG]];
        let found = flags.into_iter().find(|flags| has_websocket(flags));
        found.unwrap_or_else(|| panic!("node has no WebSocket: {HINT}"))
    });
    let mut node = Command::new("node");
    node.args(*flags);
    node
}

/// The directory with the packages that the scripts use.
fn packages() -> &'static Path {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(|| npm_packages(Path::new(SCRIPTS)))
}

/// The directory with the packages whose versions are written down in a folder's `package.json` and
/// `package-lock.json`. They are fetched once, into the target directory.
pub fn npm_packages(folder: &Path) -> PathBuf {
    let files =
        PACKAGES.map(|name| fs::read(folder.join(name)).expect("the versions are written down"));
    // Other versions are fetched beside these, whatever runs at the same time.
    let mut hasher = DefaultHasher::new();
    files.hash(&mut hasher);
    let cache = cache("javascript", &format!("{:016x}", hasher.finish()));
    cached_or_fetched(&cache, "node_modules", |directory| {
        for (name, text) in PACKAGES.iter().zip(&files) {
            fs::write(directory.join(name), text).expect("the cache can be written");
        }
        let mut npm = Command::new(NPM);
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(directory);
        let output = npm.output().unwrap_or_else(|error| panic!("npm: {error}: {HINT}"));
        assert!(
            output.status.success(),
            "fetching packages failed: {}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        directory.join("node_modules")
    });
    cache
}
