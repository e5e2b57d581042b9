//! Lets many who ask the same at once share one answer, and reuses it for a few seconds.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

/// How long an answer is reused. People ask again within minutes, alerts within seconds.
pub(super) const REUSE: Duration = Duration::from_secs(5);

type Slot<V> = Arc<Mutex<Option<(Instant, V)>>>;

/// Answers by what was asked.
pub(super) struct Shared<K, V> {
    slots: Mutex<HashMap<K, Slot<V>>>,
}

impl<K, V> Default for Shared<K, V> {
    fn default() -> Self {
        Shared {
            slots: Mutex::new(HashMap::new()),
        }
    }
}

impl<K: Eq + Hash + Clone, V: Clone> Shared<K, V> {
    /// The answer: one that is there, or else made by whoever comes first while the others wait.
    ///
    /// Who makes it and gives up (is dropped) leaves the making to the next. What `lasts` refuses is not kept.
    pub(super) async fn get(
        &self,
        key: &K,
        make: impl Future<Output = V>,
        lasts: impl Fn(&V) -> bool,
    ) -> V {
        let slot = self.slot(key).await;
        let mut held = slot.lock().await;
        if let Some((at, answer)) = &*held
            && at.elapsed() < REUSE
        {
            return answer.clone();
        }
        let answer = make.await;
        *held = lasts(&answer).then(|| (Instant::now(), answer.clone()));
        answer
    }

    async fn slot(&self, key: &K) -> Slot<V> {
        let mut slots = self.slots.lock().await;
        // What is old and in nobody's hands goes, so that answers do not pile up.
        slots.retain(|_, slot| {
            let is_fresh = || {
                slot.try_lock()
                    .is_ok_and(|held| held.as_ref().is_some_and(|(at, _)| at.elapsed() < REUSE))
            };
            Arc::strong_count(slot) > 1 || is_fresh()
        });
        slots.entry(key.clone()).or_default().clone()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures_util::future::join_all;

    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn many_askers_share_one_answer() {
        let (shared, made) = (Shared::default(), AtomicU32::new(0));
        let produce = || async {
            tokio::task::yield_now().await;
            made.fetch_add(1, Ordering::Relaxed)
        };
        let answers = join_all((0..50).map(|_| shared.get(&"pods", produce(), |_| true))).await;
        assert!(answers.iter().all(|answer| *answer == 0));
        assert_eq!(shared.get(&"nodes", produce(), |_| true).await, 1);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn an_answer_that_does_not_last_is_made_again() {
        let shared = Shared::default();
        assert_eq!(shared.get(&"pods", async { 1 }, |_| false).await, 1);
        assert_eq!(shared.get(&"pods", async { 2 }, |_| true).await, 2);
        assert_eq!(shared.get(&"pods", async { 3 }, |_| true).await, 2);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn who_gives_up_leaves_the_making_to_the_next() {
        let shared: Shared<&str, i32> = Shared::default();
        let never = shared.get(&"pods", std::future::pending(), |_| true);
        let gave_up = tokio::time::timeout(Duration::ZERO, never).await;
        assert!(gave_up.is_err());
        assert_eq!(shared.get(&"pods", async { 2 }, |_| true).await, 2);
    }
}
