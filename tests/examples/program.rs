//! Example programs as processes.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

use natsws_tests::eventually;

/// The built example, beside this test in the target directory. `cargo test --workspace` builds
/// it; a run of these tests alone builds it first, in the same profile. That costs next to nothing
/// where it is built already, and what is tested is never older than its source.
fn path(example: &str) -> PathBuf {
    static BUILT: OnceLock<()> = OnceLock::new();
    let test = std::env::current_exe().expect("the test has a path");
    let profile = test.parent().and_then(|deps| deps.parent()).expect("it is in target");
    BUILT.get_or_init(|| {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--examples"]);
        cargo.args(["--package", "natsws-examples", "--package", "natsws-examples-bench"]);
        let name = profile.file_name().expect("it is in target");
        cargo.arg("--profile").arg(if name == "debug" { "dev".as_ref() } else { name });
        cargo.arg("--target-dir").arg(profile.parent().expect("it is in target"));
        // What cargo tells this test of its package would make build scripts that look at it, such
        // as ring's, run again, and in the next build again.
        for (key, _) in std::env::vars_os() {
            let ours = ["CARGO_PKG_", "CARGO_MANIFEST_"];
            if ours.iter().any(|prefix| key.to_string_lossy().starts_with(prefix)) {
                cargo.env_remove(key);
            }
        }
        cargo.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        assert!(cargo.status().expect("cargo runs").success(), "the examples do not build");
    });
    profile.join("examples").join(example)
}

pub(crate) fn example(name: &str, args: &[&str]) -> Command {
    let mut command = Command::new(path(name));
    command.args(args).env_remove("NATS_URL").stdin(Stdio::null());
    command
}

/// Runs an example to its end.
pub(crate) fn run(name: &str, args: &[&str]) -> Output {
    example(name, args).output().expect("the example starts")
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs an example to its end, and looks at what it prints.
#[track_caller]
pub(crate) fn prints(example: &str, expected: &[&str]) {
    let output = run(example, &[]);
    let told = text(&output.stdout);
    assert!(output.status.success(), "{told}{}", text(&output.stderr));
    assert_eq!(told.lines().collect::<Vec<_>>(), expected);
}

/// An example that runs in the background; it ends with the test.
pub(crate) struct Running(Child);

impl Running {
    /// Starts it.
    pub(crate) fn start(name: &str, args: &[&str]) -> Self {
        Self::spawn(&mut example(name, args))
    }

    /// Starts it, with what it says on stderr for [`told`](Self::told).
    pub(crate) fn heard(name: &str, args: &[&str]) -> Self {
        let mut command = example(name, args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Self(command.spawn().expect("the example starts"))
    }

    /// Starts it, and waits until it says on stderr that it is listening.
    pub(crate) fn listening(name: &str, args: &[&str]) -> Self {
        let mut running = Self::heard(name, args);
        let mut line = String::new();
        let stderr = running.0.stderr.as_mut().expect("it is piped");
        // A byte at a time, so that nothing behind the line is lost.
        while !line.ends_with('\n') {
            let mut byte = [0];
            assert_eq!(stderr.read(&mut byte).expect("it can be read"), 1, "it ended: {line}");
            line.push(char::from(byte[0]));
        }
        assert_eq!(line, "listening\n");
        running
    }

    /// The lines that it prints.
    pub(crate) fn lines(&mut self) -> impl Iterator<Item = String> + use<> {
        let stdout = self.0.stdout.take().expect("it is read once");
        BufReader::new(stdout).lines().map(|line| line.expect("text"))
    }

    /// Starts it with more than its name says, such as what stands in its environment.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        Self(command.stdout(Stdio::piped()).spawn().expect("the example starts"))
    }

    /// Waits for its end, for as long as a test waits for anything, and gives its exit status.
    pub(crate) async fn ended(mut self) -> Option<i32> {
        let ended = async || self.0.try_wait().expect("it can be waited for");
        eventually("the end of the example", ended).await.code()
    }

    /// Waits for its end.
    pub(crate) fn wait(mut self) -> bool {
        self.0.wait().expect("it ends").success()
    }

    /// Does what Ctrl-C does.
    #[cfg(unix)]
    pub(crate) fn interrupt(&self) {
        self.signal("-INT");
    }

    /// Does what a platform does that wants it to stop.
    #[cfg(unix)]
    pub(crate) fn terminate(&self) {
        self.signal("-TERM");
    }

    #[cfg(unix)]
    fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.0.id().to_string()]).status();
        assert!(status.expect("kill is there").success());
    }

    /// No longer reads what it prints.
    pub(crate) fn close_stdout(&mut self) {
        self.0.stdout = None;
    }

    /// Waits for its end, and gives what it still said on stderr.
    pub(crate) fn told(mut self) -> (bool, String) {
        let mut told = String::new();
        let mut stderr = self.0.stderr.take().expect("it is piped and read once");
        stderr.read_to_string(&mut told).expect("text");
        (self.wait(), told)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
