//! One real API server for the whole test process.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

/// What a person reads who runs these tests without a server.
const NO_SERVER: &str = "no API server to test on: run tests/all, or set KUBEBUILDER_ASSETS to the folder that \
    tests/cluster/prepare prints, or K8SFAQ_TEST_KUBECONFIG to the kubeconfig of a cluster made for tests";

/// An API server answers 6 s after its start on an idle machine; a busy one may be ten times as slow.
const START_DEADLINE: Duration = Duration::from_secs(90);

/// How often to try when another program took a port between our choice and the server's bind.
const STARTS: usize = 2;

/// The pause between two looks at a server that starts.
const PAUSE: Duration = Duration::from_millis(200);

/// The patience with each look.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the server's administrator is called in tokens and kubeconfig.
const ADMIN: &str = "admin";

static SERVER: LazyLock<Result<Server, String>> = LazyLock::new(|| {
    // The tests run inside runtimes of their own, where nothing may block on another one.
    thread::spawn(Server::find_or_start)
        .join()
        .unwrap_or_else(|_| Err("the start of the API server panicked".to_owned()))
});

/// The API server that this process tests against.
pub struct Server {
    kubeconfig: PathBuf,
    folder: PathBuf,
    /// Clears up when the pipe to it closes.
    _watcher: Child,
}

impl Server {
    /// The server of this process, started by the first test that asks.
    ///
    /// # Panics
    /// There is no server, and none could be started: a test that needs one never passes without it.
    pub fn get() -> &'static Server {
        match &*SERVER {
            Ok(server) => server,
            Err(reason) => panic!("{reason}"),
        }
    }

    /// The administrator's kubeconfig.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// A folder for files of the tests; it goes away with a server that was started here.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A client with the administrator's rights. It belongs to the runtime of the test that asks for it.
    pub async fn client(&self) -> Client {
        client_of(&self.kubeconfig)
            .await
            .unwrap_or_else(|error| panic!("no client from {}: {error}", self.kubeconfig.display()))
    }

    fn find_or_start() -> Result<Server, String> {
        let folder = tempfile::Builder::new()
            .prefix("k8sfaq-cluster-")
            .tempdir()
            .map_err(|error| format!("no temporary folder: {error}"))?;
        let (kubeconfig, mut processes) = match std::env::var_os("K8SFAQ_TEST_KUBECONFIG") {
            Some(kubeconfig) => (kubeconfig.into(), Processes(Vec::new())),
            None => start_again_and_again(&assets()?, folder.path())?,
        };
        let pids: Vec<u32> = processes.0.iter().map(Child::id).collect();
        let watcher = watch(folder.path(), &pids)
            .map_err(|error| format!("no shell to clear up: {error}"))?;
        processes.0.clear();
        Ok(Server {
            kubeconfig,
            folder: folder.keep(),
            _watcher: watcher,
        })
    }
}

/// A client with the rights of a kubeconfig.
pub async fn client_of(
    kubeconfig: &Path,
) -> Result<Client, Box<dyn std::error::Error + Send + Sync>> {
    let kubeconfig = Kubeconfig::read_from(kubeconfig)?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    Ok(Client::try_from(config)?)
}

/// The folder with kube-apiserver, etcd and kubectl, or what to do about it.
pub fn assets() -> Result<PathBuf, String> {
    std::env::var_os("KUBEBUILDER_ASSETS")
        .map(PathBuf::from)
        .ok_or_else(|| NO_SERVER.to_owned())
}

/// Processes that are killed unless they are handed on.
struct Processes(Vec<Child>);

impl Drop for Processes {
    fn drop(&mut self) {
        for process in &mut self.0 {
            // It may have ended by itself; there is nothing to do about it then.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// Starts a server, and once more where that fails.
fn start_again_and_again(assets: &Path, folder: &Path) -> Result<(PathBuf, Processes), String> {
    let mut outcome = Err(String::new());
    for attempt in 1..=STARTS {
        outcome = start(assets, &folder.join(format!("server-{attempt}")));
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

/// Starts etcd and kube-apiserver and waits until the server is ready.
fn start(assets: &Path, folder: &Path) -> Result<(PathBuf, Processes), String> {
    let ports = free_ports().map_err(|error| format!("no free port on loopback: {error}"))?;
    let kubeconfig = write_identity(folder, ports.api)
        .map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut processes = Processes(Vec::new());
    for (program, arguments) in [
        ("etcd", etcd_arguments(folder, &ports)),
        ("kube-apiserver", api_arguments(folder, &ports)),
    ] {
        let process = spawn(&assets.join(program), &arguments, folder).map_err(|error| {
            format!(
                "KUBEBUILDER_ASSETS is {}: {program}: {error}",
                assets.display()
            )
        })?;
        processes.0.push(process);
    }
    wait_until_ready(&kubeconfig, &mut processes)
        .map_err(|reason| format!("{reason}\n{}", end_of_logs(folder)))?;
    Ok((kubeconfig, processes))
}

struct Ports {
    etcd: u16,
    etcd_peer: u16,
    api: u16,
}

/// Three ports that were free a moment ago.
fn free_ports() -> io::Result<Ports> {
    let listener = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    // All three are held at once, so that no two are the same.
    let (etcd, etcd_peer, api) = (listener()?, listener()?, listener()?);
    Ok(Ports {
        etcd: etcd.local_addr()?.port(),
        etcd_peer: etcd_peer.local_addr()?.port(),
        api: api.local_addr()?.port(),
    })
}

/// Writes the server's key and certificate, and the kubeconfig of its administrator.
fn write_identity(folder: &Path, port: u16) -> io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned(), "localhost".to_owned()])
        .map_err(io::Error::other)?;
    let certificate = folder.join("certificate.pem");
    let token = random_token()?;
    fs::write(&certificate, own.cert.pem())?;
    // One key serves twice: for TLS, and for signing the tokens of service accounts.
    fs::write(folder.join("key.pem"), own.signing_key.serialize_pem())?;
    fs::write(folder.join("public.pem"), own.signing_key.public_key_pem())?;
    fs::write(
        folder.join("tokens.csv"),
        format!("{token},{ADMIN},{ADMIN},system:masters\n"),
    )?;
    let kubeconfig = folder.join("kubeconfig");
    fs::write(
        &kubeconfig,
        format!(
            "apiVersion: v1
kind: Config
clusters:
  - name: test
    cluster: {{ server: 'https://127.0.0.1:{port}', certificate-authority: '{}' }}
users:
  - name: {ADMIN}
    user: {{ token: '{token}' }}
contexts:
  - name: test
    context: {{ cluster: test, user: {ADMIN}, namespace: default }}
current-context: test
",
            certificate.display()
        ),
    )?;
    Ok(kubeconfig)
}

/// A token that nobody can guess: a public key that is drawn for this alone and shown to nobody.
fn random_token() -> io::Result<String> {
    let drawn = rcgen::KeyPair::generate().map_err(io::Error::other)?;
    Ok(drawn
        .public_key_raw()
        .iter()
        .fold(String::new(), |token, byte| token + &format!("{byte:02x}")))
}

fn etcd_arguments(folder: &Path, ports: &Ports) -> Vec<String> {
    let clients = format!("http://127.0.0.1:{}", ports.etcd);
    let peers = format!("http://127.0.0.1:{}", ports.etcd_peer);
    vec![
        format!("--data-dir={}", folder.join("etcd").display()),
        format!("--listen-client-urls={clients}"),
        format!("--advertise-client-urls={clients}"),
        format!("--listen-peer-urls={peers}"),
        format!("--initial-advertise-peer-urls={peers}"),
        format!("--initial-cluster=default={peers}"),
        // Nothing here outlives the process, so nothing need reach the disk.
        "--unsafe-no-fsync".to_owned(),
        "--log-level=warn".to_owned(),
    ]
}

fn api_arguments(folder: &Path, ports: &Ports) -> Vec<String> {
    let file = |name: &str| folder.join(name).display().to_string();
    vec![
        format!("--etcd-servers=http://127.0.0.1:{}", ports.etcd),
        "--bind-address=127.0.0.1".to_owned(),
        "--advertise-address=127.0.0.1".to_owned(),
        format!("--secure-port={}", ports.api),
        format!("--cert-dir={}", file("certificates")),
        format!("--tls-cert-file={}", file("certificate.pem")),
        format!("--tls-private-key-file={}", file("key.pem")),
        format!("--token-auth-file={}", file("tokens.csv")),
        "--authorization-mode=RBAC".to_owned(),
        "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
        format!("--service-account-signing-key-file={}", file("key.pem")),
        format!("--service-account-key-file={}", file("public.pem")),
        "--service-cluster-ip-range=10.96.0.0/16".to_owned(),
        // The FAQ speaks of privileged containers; clusters allow them unless told otherwise.
        "--allow-privileged=true".to_owned(),
        // A kubelet of the tests listens where its node's status says, under no name.
        "--kubelet-preferred-address-types=InternalIP".to_owned(),
    ]
}

fn spawn(program: &Path, arguments: &[String], folder: &Path) -> io::Result<Child> {
    let name = program.file_name().unwrap_or_default();
    let log = File::create(folder.join(name).with_extension("log"))?;
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .process_group(0) // so that Ctrl-C reaches the tests alone, whose end ends all
        .spawn()
}

/// Starts a shell that waits for the end of this process, then kills what was started and clears up.
///
/// However this process ends, its end of the pipe is closed then; a `Drop` would never run, since
/// statics are not dropped.
fn watch(folder: &Path, pids: &[u32]) -> io::Result<Child> {
    Command::new("sh")
        .arg("-c")
        .arg(r#"cat >/dev/null; folder=$1; shift; [ $# -eq 0 ] || kill -KILL "$@"; rm -rf "$folder""#)
        .arg("sh")
        .arg(folder)
        .args(pids.iter().map(u32::to_string))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
}

/// Asks until the server is ready, one of the processes has ended, or the time is up.
fn wait_until_ready(kubeconfig: &Path, processes: &mut Processes) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("no runtime: {error}"))?;
    runtime.block_on(async {
        let client = client_of(kubeconfig)
            .await
            .map_err(|error| format!("no client: {error}"))?;
        let began = Instant::now();
        loop {
            let request = http::Request::get("/readyz").body(Vec::new());
            let request = request.map_err(|error| format!("no request: {error}"))?;
            let asked = tokio::time::timeout(PATIENCE, client.request_text(request)).await;
            if matches!(asked, Ok(Ok(_))) {
                return Ok(());
            }
            for process in &mut processes.0 {
                if let Ok(Some(status)) = process.try_wait() {
                    return Err(format!("etcd or kube-apiserver ended with {status}"));
                }
            }
            if began.elapsed() > START_DEADLINE {
                return Err(format!(
                    "the API server was not ready within {START_DEADLINE:?}"
                ));
            }
            tokio::time::sleep(PAUSE).await;
        }
    })
}

/// The last lines that each program wrote.
fn end_of_logs(folder: &Path) -> String {
    /// Enough to see why a program ended.
    const LINES: usize = 8;
    let ends = ["etcd.log", "kube-apiserver.log"].map(|name| {
        let text = fs::read_to_string(folder.join(name)).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let last = lines[lines.len().saturating_sub(LINES)..].join("\n");
        format!("--- {name}\n{last}")
    });
    ends.join("\n")
}
