//! A kubelet that knows nothing but the logs of containers that ended, over TLS on loopback.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A request's head is longer only where something is wrong.
const LONGEST_HEAD: usize = 16 * 1024;

/// A kubelet whose pods all ended with the same last words.
pub struct Kubelet {
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
    asked: Arc<AtomicUsize>,
    /// Serves until the test process ends.
    _serving: thread::JoinHandle<()>,
}

impl Kubelet {
    /// Starts one. `log` is what the container `container` of every pod wrote before it ended.
    pub fn start(container: &str, log: &str) -> Kubelet {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let identity = Arc::new(identity());
        let asked = Arc::new(AtomicUsize::new(0));
        let (counted, container, log) = (asked.clone(), container.to_owned(), log.to_owned());
        let serving = thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                // A client that goes away is none of the kubelet's concern.
                let _ = serve(connection, identity.clone(), |path| {
                    counted.fetch_add(1, Ordering::SeqCst);
                    answer(path, &container, &log)
                });
            }
        });
        Kubelet {
            port,
            asked,
            _serving: serving,
        }
    }

    /// How often it was asked for anything.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn identity() -> ServerConfig {
    let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(own.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key.into())
        .unwrap()
}

/// Answers one request and closes.
fn serve(
    connection: TcpStream,
    identity: Arc<ServerConfig>,
    answer: impl Fn(&str) -> (&'static str, String),
) -> io::Result<()> {
    let tls = ServerConnection::new(identity).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(tls, connection);
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && head.len() < LONGEST_HEAD {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head);
    let path = head.split(' ').nth(1).unwrap_or_default();
    let (status, body) = answer(path);
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )?;
    stream.conn.send_close_notify();
    stream.flush()
}

/// What a kubelet says to `/containerLogs/NAMESPACE/POD/CONTAINER?previous=true&tailLines=8`.
fn answer(path: &str, container: &str, log: &str) -> (&'static str, String) {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let ["containerLogs", _, pod, asked] = parts.as_slice() else {
        return ("404 Not Found", "404 page not found\n".to_owned());
    };
    if *asked != container {
        return (
            "404 Not Found",
            format!("container \"{asked}\" not found in pod \"{pod}\"\n"),
        );
    }
    let option = |name: &str| {
        query
            .split('&')
            .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    };
    if option("previous") != Some("true") {
        return ("200 OK", "the container's present run\n".to_owned());
    }
    let all: Vec<&str> = log.lines().collect();
    let most = option("tailLines")
        .and_then(|lines| lines.parse().ok())
        .unwrap_or(all.len());
    let last = &all[all.len().saturating_sub(most)..];
    ("200 OK", last.join("\n") + "\n")
}
