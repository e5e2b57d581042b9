//! TLS in front of a port on loopback, with a certificate that nobody trusts unasked.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection};

/// A port that speaks TLS for `localhost`, and the certificate that whoever connects has to trust.
pub struct Front {
    pub port: u16,
    pub certificate: String,
}

/// How long one side is listened to before the other is.
const TURN: Duration = Duration::from_millis(5);

/// Certificates of one `localhost` in front of several ports.
pub fn in_front_of(ports: &[SocketAddr]) -> Vec<Front> {
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let front = |plain: &SocketAddr| {
        let (plain, config) = (*plain, Arc::clone(&config));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for outer in listener.incoming().map_while(Result::ok) {
                let tls = ServerConnection::new(Arc::clone(&config)).unwrap();
                std::thread::spawn(move || pass(tls, outer, plain));
            }
        });
        Front {
            port,
            certificate: own.cert.pem(),
        }
    };
    ports.iter().map(front).collect()
}

/// Passes on what either side says, until one of them ends.
fn pass(mut tls: ServerConnection, mut outer: TcpStream, plain: SocketAddr) -> Option<()> {
    let mut inner = TcpStream::connect(plain).ok()?;
    outer.set_read_timeout(Some(TURN)).ok()?;
    inner.set_read_timeout(Some(TURN)).ok()?;
    let mut bytes = vec![0; 64 * 1024];
    loop {
        match tls.read_tls(&mut outer) {
            Ok(0) => return None,
            Ok(_) => {
                // A client that does not trust us says so, and goes.
                let state = tls.process_new_packets().ok()?;
                let size = state.plaintext_bytes_to_read();
                tls.reader().read_exact(&mut bytes[..size]).ok()?;
                inner.write_all(&bytes[..size]).ok()?;
            }
            Err(error) if is_silent(&error) => {}
            Err(_) => return None,
        }
        match inner.read(&mut bytes) {
            Ok(0) => return None,
            Ok(size) => tls.writer().write_all(&bytes[..size]).ok()?,
            Err(error) if is_silent(&error) => {}
            Err(_) => return None,
        }
        while tls.wants_write() {
            tls.write_tls(&mut outer).ok()?;
        }
    }
}

fn is_silent(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
