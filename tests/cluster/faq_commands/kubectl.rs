//! One call of kubectl against the test server, and whether the server took it.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use super::paths::Schemas;
use super::scene::MANIFEST_FILE;
use super::shell::Call;
use crate::server::Server;

/// The kubeconfig of a call, in its folder.
const KUBECONFIG_FILE: &str = "kubeconfig";

/// The longest that a call may take that ends by itself; on a busy machine most take under a second.
const DEADLINE: Duration = Duration::from_secs(60);

/// How long a waiting call goes on after the server took its request: time to be refused something more.
const AFTERMATH: Duration = Duration::from_millis(400);

/// The pause between two looks at a process.
const PAUSE: Duration = Duration::from_millis(10);

/// What became of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It ran, or the server refused it for the lack of a kubelet.
    Ran,
    /// It waits; the server took the request, and the test ended it.
    Ended,
    /// It was not run, for a reason.
    Listed(String),
    /// It is wrong, and this is what kubectl said.
    Failed(String),
}

/// How a call is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// As it is: it reads, or changes nothing but a kubeconfig.
    AsItIs,
    /// With `--dry-run=server`.
    DryRun,
    /// Until the server has taken the request.
    Waits,
    /// It must be refused for the lack of a kubelet, and for nothing else.
    NeedsKubelet,
}

/// What kubectl says when the server reached no kubelet: nothing listens where the scene's node says.
const NO_KUBELET: [&str; 2] = [
    "dial tcp 127.0.0.1:1: connect: connection refused",
    "address not allowed", // of the node's proxy, which goes to no node on loopback
];

/// What kubectl says when a right call finds the object as another command of the FAQ would have left it.
const STATES: [&str; 7] = [
    "(AlreadyExists)",
    "already exists",
    "is not paused",
    "is already paused",
    "error: taint \"",
    "already has ",
    "restart has already been triggered",
];

/// What kubectl says of what is wrong, and ends as if nothing were.
const WRONG: [&str; 4] = [
    "unknown field",
    "doesn't have a resource type",
    "is not a known verb",
    "has been deprecated, ",
];

/// The subcommands that can be tried on the server without a change.
const WITH_DRY_RUN: [&str; 16] = [
    "annotate",
    "apply",
    "autoscale",
    "cordon",
    "create",
    "delete",
    "drain",
    "expose",
    "label",
    "patch",
    "replace",
    "run",
    "scale",
    "set",
    "taint",
    "uncordon",
];

/// The subcommands that are programs of their own, which nobody has unless they installed them.
const PLUGINS: [&str; 1] = ["convert"];

/// kubectl, as the administrator of the test server.
pub struct Kubectl {
    program: PathBuf,
    /// Where it keeps what it learned of the server.
    home: PathBuf,
    schemas: Schemas,
    /// Held for writing by a call that must be alone.
    alone: RwLock<()>,
}

struct Outcome {
    /// The exit code; none when the process was ended.
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Kubectl {
    /// Takes the program, a folder for it to keep what it learns, and what the server's objects are like.
    pub fn new(program: PathBuf, home: PathBuf, schemas: Schemas) -> Self {
        Kubectl {
            program,
            home,
            schemas,
            alone: RwLock::new(()),
        }
    }

    /// Runs a call in a folder. Returns its output beside the verdict.
    pub fn run(&self, call: &Call, folder: &Path) -> (Verdict, String) {
        let words = Words::of(&call.arguments);
        let Some(verb) = words.verb() else {
            return (
                Verdict::Failed("kubectl without a subcommand".to_owned()),
                String::new(),
            );
        };
        if PLUGINS.contains(&verb) {
            let reason = format!("`kubectl {verb}` is a plugin");
            return (Verdict::Listed(reason), String::new());
        }
        let way = way_of(verb, &words);
        let undo = undo(verb, &call.arguments);
        let (_many, _one) = if undo.is_some() {
            (
                None,
                Some(self.alone.write().unwrap_or_else(PoisonError::into_inner)),
            )
        } else {
            (
                Some(self.alone.read().unwrap_or_else(PoisonError::into_inner)),
                None,
            )
        };
        let arguments = prepare(&call.arguments, &words, way);
        let outcome = match self.execute(call, &arguments, way, folder) {
            Ok(outcome) => outcome,
            Err(error) => return (Verdict::Failed(format!("kubectl: {error}")), String::new()),
        };
        if let Some(arguments) = undo {
            // Where this fails, a later call fails with what it stumbles over.
            let _ = self.execute(call, &arguments, Way::AsItIs, folder);
        }
        if let Some(file) = &call.output {
            // A file outside the folder is only written to by a shell.
            let _ = std::fs::write(folder.join(file.trim_start_matches('/')), &outcome.stdout);
        }
        let verdict = match judge(way, verb, &outcome) {
            verdict @ (Verdict::Ran | Verdict::Ended) => {
                let checked = self.schemas.check(&call.arguments);
                checked.map_or_else(Verdict::Failed, |()| verdict)
            }
            verdict @ (Verdict::Listed(_) | Verdict::Failed(_)) => verdict,
        };
        (verdict, outcome.stdout)
    }

    fn execute(
        &self,
        call: &Call,
        arguments: &[String],
        way: Way,
        folder: &Path,
    ) -> std::io::Result<Outcome> {
        let verb = Words::of(&call.arguments).verb().unwrap_or_default();
        // Fresh for each call, because calls change it.
        let kubeconfig = folder.join(KUBECONFIG_FILE);
        std::fs::copy(Server::get().kubeconfig(), &kubeconfig)?;
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .current_dir(folder)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &self.home)
            .env("KUBE_EDITOR", "true")
            .env("KUBECONFIG", kubeconfig)
            .envs(call.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut process = command.spawn()?;
        let stdout = collect(process.stdout.take());
        let stderr = collect(process.stderr.take());
        if let Some(mut stdin) = process.stdin.take() {
            // A call that reads no input may be over before this is written.
            let _ = stdin.write_all(call.input.as_deref().unwrap_or_default().as_bytes());
        }
        let code = wait(&mut process, way, verb, &stdout.0, &stderr.0)?;
        for reader in [stdout.1, stderr.1] {
            // A child of a killed kubectl may hold the pipe; what was read so far is enough then.
            if code.is_some() {
                let _ = reader.join();
            }
        }
        Ok(Outcome {
            code,
            stdout: text(&stdout.0),
            stderr: text(&stderr.0),
        })
    }
}

/// What takes back what a call leaves on the server, where others would stumble over it.
fn undo(verb: &str, arguments: &[String]) -> Option<Vec<String>> {
    let is_pause = verb == "rollout" && arguments.iter().any(|word| word == "pause");
    if is_pause {
        let resumed = arguments.iter().map(|word| match word.as_str() {
            "pause" => "resume".to_owned(),
            _ => word.clone(),
        });
        Some(resumed.collect())
    } else if verb == "debug" {
        let delete =
            "delete pods -A -l app.kubernetes.io/managed-by=kubectl-debug --force --grace-period=0";
        Some(delete.split(' ').map(str::to_owned).collect())
    } else {
        None
    }
}

/// How a call is to be run. A subcommand that does not exist runs as it is, for kubectl to say so.
fn way_of(verb: &str, words: &Words<'_>) -> Way {
    let watches = words.has(&["-w", "--watch", "--watch=true", "--watch-only"]);
    let attaches = [
        "-i", "-t", "-it", "-ti", "--stdin", "--tty", "--attach", "--rm",
    ];
    let raw = words.value("--raw");
    match (verb, words.subject()) {
        ("attach" | "cp" | "exec" | "logs" | "port-forward", _) => Way::NeedsKubelet,
        ("get", _) if raw.is_some_and(|path| path.contains("/proxy/")) => Way::NeedsKubelet,
        ("get" | "events", _) if watches => Way::Waits,
        ("debug" | "proxy" | "wait", _) => Way::Waits,
        ("run", _) if words.has(&attaches) => Way::Waits,
        ("rollout", Some("status")) if !words.has(&["--watch=false", "-w=false"]) => Way::Waits,
        // With --force an object is replaced by deleting it first, which cannot be tried.
        ("replace", _) if words.has(&["--force"]) => Way::AsItIs,
        ("rollout", Some("undo")) | ("auth", Some("reconcile")) => Way::DryRun,
        ("create", Some("token")) | ("apply", Some("view-last-applied" | "edit-last-applied")) => {
            Way::AsItIs
        }
        _ if WITH_DRY_RUN.contains(&verb) => Way::DryRun,
        _ => Way::AsItIs,
    }
}

/// The arguments as they are run: nothing is changed for good, and no address outside is asked.
fn prepare(arguments: &[String], words: &Words<'_>, way: Way) -> Vec<String> {
    let mut prepared: Vec<String> = arguments
        .iter()
        .map(|word| {
            if word.starts_with("https://") && words.value("-f") == Some(word.as_str()) {
                MANIFEST_FILE.to_owned()
            } else {
                word.clone()
            }
        })
        .collect();
    let is_tried_anyway = words
        .options()
        .any(|word| word.starts_with("--dry-run") || word == "--local");
    match way {
        Way::DryRun if words.value("--raw").is_some() => {
            let path = words.value("--raw").unwrap_or_default();
            for word in prepared.iter_mut().filter(|word| word.ends_with(path)) {
                word.push_str("?dryRun=All");
            }
        }
        Way::DryRun if !is_tried_anyway => {
            let end = prepared.iter().position(|word| word == "--");
            // `auth reconcile` looks at the server in either way, and has no other.
            let whose = if words.verb() == Some("auth") {
                "client"
            } else {
                "server"
            };
            prepared.insert(end.unwrap_or(prepared.len()), format!("--dry-run={whose}"));
        }
        // At this level kubectl tells of each request how the server answered it.
        Way::Waits => prepared.insert(0, "-v=6".to_owned()),
        Way::AsItIs | Way::DryRun | Way::NeedsKubelet => {}
    }
    prepared
}

/// What an outcome says of the call.
fn judge(way: Way, verb: &str, outcome: &Outcome) -> Verdict {
    let said = said(&outcome.stderr);
    let is_taken = match outcome.code {
        Some(0) => !WRONG.iter().any(|warning| said.contains(warning)),
        // `diff` says so when it finds a difference, `auth can-i` when the answer is no.
        Some(1) if verb == "diff" || (verb == "auth" && outcome.stdout.starts_with("no")) => {
            !said.to_lowercase().contains("error")
        }
        Some(_) | None if way == Way::NeedsKubelet => {
            is_decided_by(way, verb, &outcome.stdout, &said)
        }
        Some(_) => STATES.iter().any(|state| said.contains(state)),
        None if is_decided_by(way, verb, &outcome.stdout, &outcome.stderr) => {
            return Verdict::Ended;
        }
        None => return Verdict::Failed(format!("it did not end within {DEADLINE:?}: {said}")),
    };
    if is_taken {
        Verdict::Ran
    } else {
        Verdict::Failed(said)
    }
}

/// What kubectl says to a person, without its own log.
fn said(stderr: &str) -> String {
    let is_log = |line: &str| {
        let mut bytes = line.bytes();
        bytes.next().is_some_and(|level| b"IWEF".contains(&level))
            && bytes.by_ref().take(4).filter(u8::is_ascii_digit).count() == 4
    };
    let lines: Vec<&str> = stderr.lines().filter(|line| !is_log(line)).collect();
    lines.join("\n")
}

/// Whether what a call has said so far decides what becomes of it.
fn is_decided_by(way: Way, verb: &str, stdout: &str, stderr: &str) -> bool {
    match way {
        Way::Waits => is_accepted(verb, stdout, stderr),
        Way::NeedsKubelet => NO_KUBELET.iter().any(|refusal| stderr.contains(refusal)),
        Way::AsItIs | Way::DryRun => false,
    }
}

/// Whether the server took the request of a call that waits, by kubectl's own log.
fn is_accepted(verb: &str, stdout: &str, log: &str) -> bool {
    let changes = ["run", "debug"].contains(&verb);
    stdout.contains("Starting to serve")
        || log.lines().any(|line| {
            let value = |key: &str| {
                let rest = line.split_once(key)?.1;
                rest.split('"').next()
            };
            let method = value("verb=\"").unwrap_or_default();
            let path = value("url=\"https://").and_then(|url| Some(url.split_once('/')?.1));
            value("status=\"").is_some_and(|status| status.starts_with('2'))
                && path.is_some_and(|path| !is_discovery(path))
                && (!changes || method == "POST" || method == "PATCH")
        })
}

/// Whether a path asks what the server serves, and not for an object.
fn is_discovery(path: &str) -> bool {
    let path = path.split('?').next().unwrap_or_default();
    let parts: Vec<&str> = path.split('/').collect();
    match parts[0] {
        "api" => parts.len() <= 2,
        "apis" => parts.len() <= 3,
        _ => true,
    }
}

/// The arguments of a call, by what they are.
pub struct Words<'a>(&'a [String]);

impl<'a> Words<'a> {
    /// The options of every subcommand whose value is the next word.
    const WITH_VALUE: [&'static str; 12] = [
        "-n",
        "--namespace",
        "--context",
        "--cluster",
        "--user",
        "--kubeconfig",
        "-s",
        "--server",
        "--as",
        "--as-group",
        "--request-timeout",
        "-v",
    ];

    /// The arguments up to `--`.
    pub fn of(arguments: &'a [String]) -> Self {
        let end = arguments.iter().position(|word| word == "--");
        Words(&arguments[..end.unwrap_or(arguments.len())])
    }

    /// The subcommand.
    pub fn verb(&self) -> Option<&'a str> {
        self.positional().next()
    }

    /// What follows the subcommand, such as the `undo` of `rollout undo`.
    fn subject(&self) -> Option<&'a str> {
        self.positional().nth(1)
    }

    /// The words before the first option that is not a common one: the subcommand, kinds and names.
    pub fn positional(&self) -> impl Iterator<Item = &'a str> {
        let words = self.0;
        let mut place = 0;
        std::iter::from_fn(move || {
            loop {
                let word = words.get(place)?.as_str();
                place += 1;
                if Self::WITH_VALUE.contains(&word) {
                    place += 1;
                } else if !word.starts_with('-') {
                    return Some(word);
                } else if !Self::WITH_VALUE
                    .iter()
                    .any(|option| word.starts_with(&format!("{option}=")))
                {
                    return None;
                }
            }
        })
    }

    fn options(&self) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .map(String::as_str)
            .filter(|word| word.starts_with('-'))
    }

    fn has(&self, options: &[&str]) -> bool {
        self.options().any(|word| options.contains(&word))
    }

    /// The value of an option, written as `--option value` or `--option=value`.
    fn value(&self, option: &str) -> Option<&'a str> {
        self.0.iter().enumerate().find_map(|(place, word)| {
            if word == option {
                return self.0.get(place + 1).map(String::as_str);
            }
            word.strip_prefix(option)?.strip_prefix('=')
        })
    }
}

type Collected = Arc<Mutex<Vec<u8>>>;

/// Reads a stream to its end beside the caller.
fn collect(stream: Option<impl Read + Send + 'static>) -> (Collected, thread::JoinHandle<()>) {
    let collected = Collected::default();
    let ours = Arc::clone(&collected);
    let reader = thread::spawn(move || {
        let Some(stream) = stream else { return };
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        while stream
            .read_until(b'\n', &mut line)
            .is_ok_and(|length| length > 0)
        {
            ours.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .append(&mut line);
        }
    });
    (collected, reader)
}

fn text(collected: &Collected) -> String {
    let bytes = collected.lock().unwrap_or_else(PoisonError::into_inner);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Waits for the end of a process, or ends it: a waiting one once its request was taken, any at the deadline.
fn wait(
    process: &mut Child,
    way: Way,
    verb: &str,
    stdout: &Collected,
    stderr: &Collected,
) -> std::io::Result<Option<i32>> {
    let mut deadline = Instant::now() + DEADLINE;
    let mut is_decided = false;
    loop {
        if let Some(status) = process.try_wait()? {
            return Ok(Some(status.code().unwrap_or(-1)));
        }
        if !is_decided && is_decided_by(way, verb, &text(stdout), &text(stderr)) {
            is_decided = true;
            deadline = Instant::now() + AFTERMATH;
        }
        if Instant::now() > deadline {
            process.kill()?;
            process.wait()?;
            return Ok(None);
        }
        thread::sleep(PAUSE);
    }
}
