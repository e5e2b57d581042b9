//! Lists and objects out of answers, as far as they can be read.

use k8s_openapi::Metadata;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::fetch::{Answer, Ask, Read};
use super::view::{Coverage, Listing};

/// A list as far as it could be read.
pub(super) struct Items<T> {
    pub(super) items: Vec<T>,
    /// Whether the server has more than it was asked for.
    pub(super) has_more: bool,
}

#[derive(Deserialize)]
struct List<T> {
    #[serde(default)]
    metadata: ListMeta,
    #[serde(default = "Option::default")]
    items: Option<Vec<T>>,
}

#[derive(Deserialize, Default)]
struct ListMeta {
    #[serde(rename = "continue", default)]
    next: Option<String>,
}

/// The objects of a list's JSON.
pub(super) fn items<T: DeserializeOwned>(body: &[u8]) -> Result<Items<T>, serde_json::Error> {
    let has_more = |metadata: &ListMeta| {
        metadata
            .next
            .as_deref()
            .is_some_and(|next| !next.is_empty())
    };
    if let Ok(list) = serde_json::from_slice::<List<T>>(body) {
        return Ok(Items {
            has_more: has_more(&list.metadata),
            items: list.items.unwrap_or_default(),
        });
    }
    // One object that cannot be read must not hide the others.
    let list: List<serde_json::Value> = serde_json::from_slice(body)?;
    Ok(Items {
        has_more: has_more(&list.metadata),
        items: list
            .items
            .unwrap_or_default()
            .into_iter()
            .filter_map(|item| serde_json::from_value(item).ok())
            .collect(),
    })
}

/// Adds a list to a listing, and what it covers.
pub(super) fn extend<T: Metadata<Ty = ObjectMeta>>(
    listing: &mut Listing<T>,
    found: Items<T>,
    read: &Read,
) {
    let mut all = std::mem::take(listing);
    for item in found.items {
        let meta = item.metadata();
        let is_there = all
            .find(
                meta.namespace.as_deref().unwrap_or_default(),
                meta.name.as_deref().unwrap_or_default(),
            )
            .is_some();
        if !is_there || matches!(read.ask, Ask::List) {
            all.items.push(item);
        }
    }
    let is_whole = matches!(read.ask, Ask::List) && !found.has_more;
    let coverage = match (std::mem::take(&mut all.coverage), &read.namespace) {
        (Coverage::All, _) => Coverage::All,
        (_, None) if is_whole => Coverage::All,
        (Coverage::Namespaces(mut names), Some(namespace)) if is_whole => {
            names.insert(namespace.clone());
            Coverage::Namespaces(names)
        }
        (other, _) => other,
    };
    *listing = Listing::new(all.items, coverage);
}

/// Adds one object, when it can be read.
pub(super) fn add<T: DeserializeOwned + Metadata<Ty = ObjectMeta>>(
    listing: &mut Listing<T>,
    answer: &Answer,
) {
    if let Ok(object) = serde_json::from_slice(&answer.body) {
        let mut all = std::mem::take(listing);
        all.items.push(object);
        *listing = Listing::new(all.items, all.coverage);
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Pod;

    use super::*;
    use crate::cluster::access::Resource;

    #[test]
    fn one_unreadable_object_does_not_hide_the_others() {
        let body = br#"{"metadata": {}, "items": [{"metadata": {"name": "a"}}, {"metadata": {"name": "b"}, "spec": "nonsense"}, {"metadata": {"name": "c"}}]}"#;
        let found: Items<Pod> = items(body).unwrap();
        let names: Vec<_> = found
            .items
            .iter()
            .filter_map(|pod| pod.metadata.name.as_deref())
            .collect();
        assert_eq!(names, ["a", "c"]);
        assert!(
            items::<Pod>(br#"{"items": null}"#)
                .unwrap()
                .items
                .is_empty()
        );
        assert!(items::<Pod>(b"<html>").is_err());
    }

    #[test]
    fn a_list_covers_what_it_was_asked_for() {
        let read = |namespace: Option<&str>, ask: Ask| Read {
            resource: Resource::Services,
            namespace: namespace.map(str::to_owned),
            ask,
        };
        let mut listing = Listing::<k8s_openapi::api::core::v1::Service>::default();
        extend(
            &mut listing,
            Items {
                items: vec![],
                has_more: false,
            },
            &read(Some("shop"), Ask::List),
        );
        assert!(listing.covers("shop") && !listing.covers("web") && !listing.is_complete());
        extend(
            &mut listing,
            Items {
                items: vec![],
                has_more: true,
            },
            &read(Some("web"), Ask::List),
        );
        assert!(!listing.covers("web"), "a list that was cut covers nothing");
    }
}
