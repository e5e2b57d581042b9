//! Why an image cannot be pulled, read out of what containerd, CRI-O, Docker and the registries say.

use std::sync::LazyLock;

use regex::Regex;

use super::words::contains_any;
use crate::faq::condition::Condition;

/// The condition that a pull's error message means.
pub(super) fn classify(message: &str) -> Condition {
    let said = without_names(&message.to_lowercase());
    if contains_any(&said, PLATFORM) {
        Condition::ImagePlatformMismatch
    } else if contains_any(&said, RATE_LIMIT) {
        Condition::ImagePullRateLimited
    } else if contains_any(&said, INVALID) {
        Condition::InvalidImageName
    } else if contains_any(&said, NO_CONNECTION) {
        Condition::ImageRegistryUnreachable
    } else if contains_any(&said, UNAUTHORIZED) {
        Condition::ImagePullUnauthorized
    } else if contains_any(&said, NOT_FOUND) {
        Condition::ImageNotFound
    } else if contains_any(&said, REGISTRY_DOWN) {
        Condition::ImageRegistryUnreachable
    } else {
        Condition::ImagePullFailed
    }
}

const PLATFORM: &[&str] = &[
    "no match for platform",
    "no matching manifest for",
    "no image found in manifest list for architecture",
    "no image found in image index for architecture",
    "does not match the specified platform",
    "choosing an image from manifest list",
    "cannot be used on this platform",
    "no child with platform",
];

const RATE_LIMIT: &[&str] = &[
    "toomanyrequests",
    "too many requests",
    "rate limit",
    "rate exceeded",
    "pull limit",
];

const INVALID: &[&str] = &[
    "invalid reference format",
    "couldn't parse image",
    "failed to parse image name",
    "invalidimagename",
];

/// Network and TLS, before anything that a registry itself could have answered.
const NO_CONNECTION: &[&str] = &[
    "no such host",
    "i/o timeout",
    "dial tcp",
    "connection refused",
    "connection reset",
    "connection timed out",
    "network is unreachable",
    "no route to host",
    "server misbehaving",
    "temporary failure in name resolution",
    "name resolution",
    "tls handshake",
    "tls: ",
    "x509:",
    "certificate ",
    "http response to https client",
    "proxyconnect",
    "client.timeout",
    "request canceled while waiting for connection",
];

/// containerd's "pull access denied, repository does not exist or may require authorization" stands here: the registry asks for
/// credentials and does not say whether there is such an image.
const UNAUTHORIZED: &[&str] = &[
    "401 unauthorized",
    "403 forbidden",
    "status code 401",
    "status code 403",
    "401 (unauthorized)",
    "403 (forbidden)",
    "unauthorized",
    "authorization failed",
    "authentication required",
    "no basic auth credentials",
    "access denied",
    "pull access denied",
    "insufficient_scope",
    "requested access to the resource is denied",
    "denied:",
    "permission denied",
    "invalid username/password",
    "access forbidden",
    "forbidden",
];

const NOT_FOUND: &[&str] = &[
    "not found",
    "manifest unknown",
    "manifest_unknown",
    "name unknown",
    "name_unknown",
    "no such image",
    "does not exist",
    "repository unknown",
    "404",
];

const REGISTRY_DOWN: &[&str] = &[
    "500 internal server error",
    "502 bad gateway",
    "503 service unavailable",
    "504 gateway",
    "registryunavailable",
    "context deadline exceeded",
    "unexpected eof",
    ": eof",
];

/// Without quoted names and addresses: an image called `not-found` or `unauthorized` says nothing about its registry.
fn without_names(message: &str) -> String {
    static NAMES: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r#""[^"]*"|'[^']*'|https?://[^\s"]*[^\s":,]|\b[\w.-]+(?::\d+)?/[\w./-]+(?::[\w.-]+)?(?:@sha256:[0-9a-f]+)?"#).ok()
    });
    match &*NAMES {
        // What stands in quotes may be the message of an inner error; keep it where it reads as a sentence.
        Some(names) => names
            .replace_all(message, |found: &regex::Captures<'_>| {
                let text = &found[0];
                if text.contains(' ')
                    || text.contains("i/o timeout")
                    || text.ends_with("/o")
                    || text.contains("username/password")
                {
                    text.to_owned()
                } else {
                    String::from("…")
                }
            })
            .into_owned(),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_the_runtimes_are_classified() {
        for (message, condition) in [
            // containerd
            (
                r#"rpc error: code = NotFound desc = failed to pull and unpack image "docker.io/library/nginx:1.99": failed to resolve reference "docker.io/library/nginx:1.99": docker.io/library/nginx:1.99: not found"#,
                Condition::ImageNotFound,
            ),
            (
                r#"failed to pull and unpack image "docker.io/shop/private:1": failed to resolve reference "docker.io/shop/private:1": pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed"#,
                Condition::ImagePullUnauthorized,
            ),
            (
                r#"failed to resolve reference "registry.example.com/shop/web:1": failed to authorize: failed to fetch anonymous token: unexpected status from GET request to https://registry.example.com/token?scope=x: 401 Unauthorized"#,
                Condition::ImagePullUnauthorized,
            ),
            (
                r"failed to copy: httpReadSeeker: failed open: unexpected status code https://registry-1.docker.io/v2/library/nginx/manifests/sha256:1: 429 Too Many Requests - Server message: toomanyrequests: You have reached your unauthenticated pull rate limit.",
                Condition::ImagePullRateLimited,
            ),
            (
                r#"failed to do request: Head "https://registry.internal/v2/shop/web/manifests/1": dial tcp: lookup registry.internal on 10.96.0.10:53: no such host"#,
                Condition::ImageRegistryUnreachable,
            ),
            (
                r#"failed to authorize: failed to fetch anonymous token: Get "https://auth.docker.io/token": dial tcp 1.2.3.4:443: i/o timeout"#,
                Condition::ImageRegistryUnreachable,
            ),
            (
                r#"failed to do request: Head "https://r.example.com/v2/a/manifests/1": tls: failed to verify certificate: x509: certificate signed by unknown authority"#,
                Condition::ImageRegistryUnreachable,
            ),
            (
                r#"failed to pull and unpack image "ghcr.io/shop/arm:1": no match for platform in manifest: not found"#,
                Condition::ImagePlatformMismatch,
            ),
            (
                r"unexpected status from HEAD request to https://ghcr.io/v2/shop/web/manifests/1: 403 Forbidden",
                Condition::ImagePullUnauthorized,
            ),
            (
                r"unexpected status from HEAD request to https://r.io/v2/a/manifests/1: 503 Service Unavailable",
                Condition::ImageRegistryUnreachable,
            ),
            // CRI-O
            (
                r"reading manifest 1.99 in docker.io/library/nginx: manifest unknown: manifest unknown",
                Condition::ImageNotFound,
            ),
            (
                r"initializing source docker://quay.io/shop/web:1: reading manifest 1 in quay.io/shop/web: unauthorized: access to the requested resource is not authorized",
                Condition::ImagePullUnauthorized,
            ),
            (
                r#"choosing an image from manifest list docker://quay.io/shop/arm:1: no image found in image index for architecture "amd64", variant "", OS "linux""#,
                Condition::ImagePlatformMismatch,
            ),
            (
                r#"pinging container registry r.example.com: Get "https://r.example.com/v2/": dial tcp 10.0.0.1:443: connect: connection refused"#,
                Condition::ImageRegistryUnreachable,
            ),
            (
                r"Requesting bearer token: invalid status code from registry 403 (Forbidden)",
                Condition::ImagePullUnauthorized,
            ),
            // Docker
            (
                r"Error response from daemon: manifest for nginx:1.99 not found: manifest unknown: manifest unknown",
                Condition::ImageNotFound,
            ),
            (
                r"Error response from daemon: pull access denied for shop/private, repository does not exist or may require 'docker login': denied: requested access to the resource is denied",
                Condition::ImagePullUnauthorized,
            ),
            (
                r#"Error response from daemon: Get "https://registry-1.docker.io/v2/": net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)"#,
                Condition::ImageRegistryUnreachable,
            ),
            (
                r"Error response from daemon: no basic auth credentials",
                Condition::ImagePullUnauthorized,
            ),
            (
                r"no matching manifest for linux/arm64/v8 in the manifest list entries",
                Condition::ImagePlatformMismatch,
            ),
            (
                r"failed to register layer: write /usr/lib/x: no space left on device",
                Condition::ImagePullFailed,
            ),
            ("", Condition::ImagePullFailed),
        ] {
            assert_eq!(classify(message), condition, "{message}");
        }
    }

    #[test]
    fn an_images_own_name_does_not_classify_it() {
        let message = r#"failed to pull and unpack image "registry.example.com/unauthorized/denied:404": failed to resolve reference "registry.example.com/unauthorized/denied:404": registry.example.com/unauthorized/denied:404: not found"#;
        assert_eq!(classify(message), Condition::ImageNotFound);
        let message = r#"failed to do request: Head "https://registry.example.com/v2/not-found/manifests/1": dial tcp: i/o timeout"#;
        assert_eq!(classify(message), Condition::ImageRegistryUnreachable);
    }
}
