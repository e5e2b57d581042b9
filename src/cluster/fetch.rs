//! Asks the API server for what the table of accesses allows, within a deadline, with few requests at a time and bounded answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::io::AsyncReadExt;
use jiff::Timestamp;
use kube::Client;
use kube::core::Request;
use kube::core::params::{GetParams, ListParams};
use kube::core::subresource::LogParams;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::access::{Resource, Verb};
use super::shared::Shared;

/// Requests in flight to one cluster. The API server's own fairness queues start to bite well above this.
const MAX_IN_FLIGHT: usize = 8;

/// Longest answer that is read, in bytes: a table of 20,000 pods in one namespace is 6 MB.
const MAX_ANSWER: u64 = 16 * 1024 * 1024;

/// The server-printed form of a list (Kubernetes API concepts, "Receiving resources as Tables").
const AS_TABLE: &str = "application/json;as=Table;g=meta.k8s.io;v=v1";

/// What is asked of one resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ask {
    /// All objects, from the server's cache.
    List,
    /// All objects that a label selector names, at most so many.
    Selected { labels: String, limit: u32 },
    /// All objects that a field selector leaves, at most so many.
    Filtered { fields: String, limit: u32 },
    /// The printed table, from the server's cache, without the objects.
    Table,
    /// One object.
    Get { name: String },
    /// The last lines of a container that ended.
    PreviousLog {
        name: String,
        container: String,
        lines: i64,
        bytes: i64,
    },
}

/// One read: a resource, where, and what of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Read {
    /// Which resource.
    pub resource: Resource,
    /// In which namespace; none for all, and for what lives in none.
    pub namespace: Option<String>,
    /// What of it.
    pub ask: Ask,
}

impl Read {
    /// The verb that it takes.
    #[must_use]
    pub fn verb(&self) -> Verb {
        match self.ask {
            Ask::Get { .. } | Ask::PreviousLog { .. } => Verb::Get,
            Ask::List | Ask::Selected { .. } | Ask::Filtered { .. } | Ask::Table => Verb::List,
        }
    }
}

/// Why a read failed; each tells an asker something different.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The server knows the bot and refuses.
    #[error("not allowed")]
    Denied,
    /// There is no such object or API.
    #[error("not found")]
    NotFound,
    /// No answer before the deadline.
    #[error("no answer in time")]
    TimedOut,
    /// No connection, or an answer that is none.
    #[error("{0}")]
    Unreachable(String),
    /// The server does not know the bot: expired or missing credentials.
    #[error("the credentials were refused")]
    Unauthorized,
}

/// An answer with the time at which it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The body.
    pub body: Arc<[u8]>,
    /// When the server gave it.
    pub at: Timestamp,
}

/// What was transferred since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traffic {
    /// Requests sent.
    pub requests: u64,
    /// Bytes of answers read.
    pub bytes: u64,
}

/// Reads from one cluster. Askers of the same read share one request, and its answer for a few seconds.
pub struct Reader {
    client: Client,
    permits: Semaphore,
    answers: Shared<Read, Result<Answer, ReadError>>,
    requests: AtomicU64,
    bytes: AtomicU64,
}

impl Reader {
    pub(super) fn new(client: Client) -> Self {
        Reader {
            client,
            permits: Semaphore::new(MAX_IN_FLIGHT),
            answers: Shared::default(),
            requests: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        }
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// What was transferred since the start.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        Traffic {
            requests: self.requests.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }

    /// The answer to a read, fresh or a few seconds old.
    ///
    /// # Errors
    ///
    /// As [`ReadError`] tells; [`ReadError::TimedOut`] at the deadline, whatever is going on.
    pub async fn read(&self, read: &Read, deadline: Instant) -> Result<Answer, ReadError> {
        let shared = self.answers.get(read, self.ask(read), |_| true);
        timeout_at(deadline, shared)
            .await
            .unwrap_or(Err(ReadError::TimedOut))
    }

    async fn ask(&self, read: &Read) -> Result<Answer, ReadError> {
        let request = request(read).map_err(ReadError::Unreachable)?;
        let _permit = self
            .permits
            .acquire()
            .await
            .map_err(|closed| ReadError::Unreachable(closed.to_string()))?;
        self.requests.fetch_add(1, Ordering::Relaxed);
        let stream = self
            .client
            .request_stream(request)
            .await
            .map_err(|error| failure(&error))?;
        let mut body = Vec::new();
        Box::pin(stream)
            .take(MAX_ANSWER + 1)
            .read_to_end(&mut body)
            .await
            .map_err(|error| ReadError::Unreachable(super::redact::line(&error.to_string())))?;
        let length = u64::try_from(body.len()).unwrap_or(u64::MAX);
        self.bytes.fetch_add(length, Ordering::Relaxed);
        if length > MAX_ANSWER {
            return Err(ReadError::Unreachable(format!(
                "the answer is longer than {} MiB",
                MAX_ANSWER / 1024 / 1024
            )));
        }
        Ok(Answer {
            body: body.into(),
            at: Timestamp::now(),
        })
    }

    /// The server's version.
    pub(super) async fn version(
        &self,
        deadline: Instant,
    ) -> Result<k8s_openapi::apimachinery::pkg::version::Info, ReadError> {
        let asked = timeout_at(deadline, self.client.apiserver_version()).await;
        asked
            .map_err(|_| ReadError::TimedOut)?
            .map_err(|error| failure(&error))
    }
}

/// The request of a read; the only place where paths are made. Names were validated before they got here.
fn request(read: &Read) -> Result<http::Request<Vec<u8>>, String> {
    let access = read.resource.access();
    let path = Request::new(access.path(read.namespace.as_deref()));
    let cached = || ListParams::default().match_any();
    let limited = |limit: u32| ListParams::default().limit(limit);
    let built = match &read.ask {
        Ask::List => path.list(&cached()),
        Ask::Selected { labels, limit } => path.list(&limited(*limit).labels(labels)),
        Ask::Filtered { fields, limit } => path.list(&limited(*limit).fields(fields)),
        Ask::Table => return table(&path, &cached()),
        Ask::Get { name } => path.get(name, &GetParams::any()),
        Ask::PreviousLog {
            name,
            container,
            lines,
            bytes,
        } => path.logs(
            name,
            &LogParams {
                container: Some(container.clone()),
                previous: true,
                tail_lines: Some(*lines),
                limit_bytes: Some(*bytes),
                ..LogParams::default()
            },
        ),
    };
    built.map_err(|error| error.to_string())
}

fn table(path: &Request, params: &ListParams) -> Result<http::Request<Vec<u8>>, String> {
    let mut request = path.list(params).map_err(|error| error.to_string())?;
    let uri = format!("{}&includeObject=None", request.uri());
    *request.uri_mut() = uri.parse().map_err(|_| format!("`{uri}` is no address"))?;
    request
        .headers_mut()
        .insert("accept", http::HeaderValue::from_static(AS_TABLE));
    Ok(request)
}

pub(super) fn failure(error: &kube::Error) -> ReadError {
    match error {
        kube::Error::Api(status) => match status.code {
            401 => ReadError::Unauthorized,
            403 => ReadError::Denied,
            404 => ReadError::NotFound,
            504 => ReadError::TimedOut,
            code => ReadError::Unreachable(super::redact::line(&format!(
                "the API server answers {code}: {}",
                status.message
            ))),
        },
        // A credential plug-in that fails, a token that cannot be read.
        kube::Error::Auth(_) => ReadError::Unauthorized,
        other => ReadError::Unreachable(super::redact::line(&chain(other))),
    }
}

/// An error with its sources: the outermost alone says only that something failed.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let words = inner.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        source = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(resource: Resource, namespace: Option<&str>, ask: Ask) -> String {
        let read = Read {
            resource,
            namespace: namespace.map(str::to_owned),
            ask,
        };
        request(&read).unwrap().uri().to_string()
    }

    #[test]
    fn lists_come_from_the_servers_cache_and_tables_without_objects() {
        assert_eq!(
            address(Resource::Pods, Some("shop"), Ask::Table),
            "/api/v1/namespaces/shop/pods?&resourceVersion=0&resourceVersionMatch=NotOlderThan&includeObject=None"
        );
        assert!(address(Resource::Deployments, None, Ask::List).contains("resourceVersion=0"));
    }

    #[test]
    fn selectors_are_escaped() {
        let address = address(
            Resource::Pods,
            Some("shop"),
            Ask::Selected {
                labels: "app=web,tier=a&b".to_owned(),
                limit: 50,
            },
        );
        assert!(
            address.contains("labelSelector=app%3Dweb%2Ctier%3Da%26b"),
            "{address}"
        );
    }
}
