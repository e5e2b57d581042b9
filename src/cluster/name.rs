//! Names of objects as the API allows them, so that nothing else ever gets into a path or a selector.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A namespace: a DNS label of up to 63 characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Namespace(String);

/// An object's name: a DNS subdomain of up to 253 characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ObjectName(String);

/// A text that no object of the API can be called.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no name of Kubernetes: use lower-case letters, digits, hyphens and dots")]
pub struct InvalidName(String);

impl InvalidName {
    fn new(text: &str) -> Self {
        InvalidName(super::redact::shortened(&super::redact::line(text), 80))
    }
}

fn is_label(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (1..=63).contains(&text.len())
        && text.bytes().all(|byte| is_plain(byte) || byte == b'-')
        && text.bytes().next().is_some_and(is_plain)
        && text.bytes().last().is_some_and(is_plain)
}

/// Labels with dots between them; a label may be longer than 63 characters where the API allows it for names of objects.
fn is_subdomain(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (1..=253).contains(&text.len())
        && text.split('.').all(|label| {
            label.bytes().all(|byte| is_plain(byte) || byte == b'-')
                && label.bytes().next().is_some_and(is_plain)
                && label.bytes().last().is_some_and(is_plain)
        })
}

macro_rules! name {
    ($name:ident, $is_valid:ident) => {
        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                if $is_valid(text) {
                    Ok($name(text.to_owned()))
                } else {
                    Err(InvalidName::new(text))
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(Namespace, is_label);
name!(ObjectName, is_subdomain);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_api_are_taken() {
        for name in [
            "web",
            "web-7899d5c6b8-x2x9z",
            "v1beta1.metrics.k8s.io",
            "a",
            "0",
        ] {
            assert!(name.parse::<ObjectName>().is_ok(), "{name}");
        }
        assert!("kube-system".parse::<Namespace>().is_ok());
    }

    #[test]
    fn what_could_become_a_path_or_a_selector_is_refused() {
        for name in [
            "",
            "../secrets",
            "web/log",
            "web?x=1",
            "web%2f",
            "Web",
            "-web",
            "web-",
            "a..b",
            ".",
            "web\n",
            "a,b=c",
        ] {
            assert!(name.parse::<ObjectName>().is_err(), "{name}");
            assert!(name.parse::<Namespace>().is_err(), "{name}");
        }
        assert!("a.b".parse::<Namespace>().is_err());
        assert!("a".repeat(64).parse::<Namespace>().is_err());
    }
}
