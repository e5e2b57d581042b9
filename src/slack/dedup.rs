//! What was already dealt with, within a bounded memory.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

/// A set that forgets its oldest member when it is full.
#[derive(Debug)]
pub struct Seen {
    capacity: usize,
    members: Mutex<(HashSet<String>, VecDeque<String>)>,
}

impl Seen {
    /// A set of at most so many members.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Seen {
            capacity,
            members: Mutex::default(),
        }
    }

    /// Takes a member in; false where it is in already.
    pub fn insert(&self, member: &str) -> bool {
        let mut members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        let (set, order) = &mut *members;
        if !set.insert(member.to_owned()) {
            return false;
        }
        order.push_back(member.to_owned());
        if order.len() > self.capacity
            && let Some(oldest) = order.pop_front()
        {
            set.remove(&oldest);
        }
        true
    }

    /// Takes a member out again, so that it can come anew.
    pub fn forget(&self, member: &str) {
        let mut members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        if members.0.remove(member) {
            members.1.retain(|other| other != member);
        }
    }

    /// Whether a member is in.
    #[must_use]
    pub fn contains(&self, member: &str) -> bool {
        let members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        members.0.contains(member)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_memory_forgets_the_oldest_and_stays_bounded() {
        let seen = Seen::new(2);
        assert!(seen.insert("a") && seen.insert("b") && !seen.insert("a"));
        assert!(seen.insert("c"));
        assert!(!seen.contains("a") && seen.contains("b") && seen.contains("c"));
        seen.forget("b");
        assert!(seen.insert("b"));
    }
}
