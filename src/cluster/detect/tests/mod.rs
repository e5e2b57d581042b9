//! Each condition on small objects: one scene that shows it, and a near miss that does not.

mod containers;
mod images;
mod nodes;
mod pods;
mod probes;
mod properties;
mod scheduling;
mod services;
mod storage;
mod workloads;

use super::fixtures::{conditions, found};
use crate::cluster::finding::Finding;
use crate::cluster::view::View;
use crate::faq::condition::Condition;

/// The one finding of this condition.
fn the(condition: Condition, view: &View) -> Finding {
    let all = found(view);
    let mut of_it = all.iter().filter(|finding| finding.condition == condition);
    let first = of_it.next();
    assert!(
        first.is_some(),
        "{condition} is not among {:?}",
        conditions(view)
    );
    assert!(of_it.next().is_none(), "{condition} twice: {all:#?}");
    first.unwrap().clone()
}

/// Nothing is found.
fn well(view: &View) {
    let all = found(view);
    assert!(all.is_empty(), "{all:#?}");
}

/// Exactly these conditions are found.
fn only(view: &View, expected: &[Condition]) {
    let mut all = conditions(view);
    all.sort();
    let mut expected = expected.to_vec();
    expected.sort();
    assert_eq!(all, expected, "{:#?}", found(view));
}
