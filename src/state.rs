//! What must outlive a message: misses, votes, mutes, and who was answered.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use crate::faq::id::EntryId;

/// The settings of the state store.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The folder that the state is kept in; without one it lives in memory and ends with the process.
    pub dir: Option<PathBuf>,
    /// Whether the text of questions without an answer is kept, redacted; else only how many there were.
    pub keep_questions: bool,
}

/// The state store; clones share it.
#[derive(Debug, Clone)]
pub struct State {
    connection: Arc<Mutex<Connection>>,
    writes: Arc<std::sync::atomic::AtomicU64>,
}

/// Why the state store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Its folder cannot be made or written.
    #[error("state.dir `{}` cannot be used: {error}; name a folder that this user may write", dir.display())]
    Folder {
        /// The folder.
        dir: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// The file is no database, or a damaged one.
    #[error("`{}` cannot be opened: {error}; move it away, a new one is made", file.display())]
    Open {
        /// The file.
        file: PathBuf,
        /// What the database says.
        error: rusqlite::Error,
    },
    /// The file was written by a later version.
    #[error("`{}` has schema {found}, later than {SCHEMA}; run the version that wrote it, or name another state.dir", file.display())]
    Later {
        /// The file.
        file: PathBuf,
        /// Its schema.
        found: i64,
    },
    /// A read or write failed.
    #[error("the state store failed: {0}")]
    Database(#[from] rusqlite::Error),
    /// It took longer than is waited for.
    #[error("the state store did not answer within {} ms", PATIENCE.as_millis())]
    Slow,
    /// The work was stopped: the process ends.
    #[error("the state store is closing")]
    Closing,
}

/// A thread on a platform, as the store knows it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Thread {
    /// The platform's name.
    pub platform: &'static str,
    /// The platform's id of the channel.
    pub channel: String,
    /// The platform's id of the thread.
    pub thread: String,
}

/// A question without an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Miss {
    /// The platform's name.
    pub platform: &'static str,
    /// Its text, already redacted; none where texts are not kept.
    pub question: Option<String>,
    /// The nearest entry.
    pub nearest: Option<EntryId>,
}

/// Questions without an answer that are alike, counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Misses {
    /// How often they were asked.
    pub count: u32,
    /// The redacted text; none where texts are not kept.
    pub question: Option<String>,
    /// The id of the nearest entry.
    pub nearest: Option<String>,
    /// When it was last asked, in seconds since 1970-01-01 UTC.
    pub last: i64,
}

/// A person's judgement of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// The platform's name.
    pub platform: &'static str,
    /// The platform's id of the person.
    pub person: String,
    /// The entry.
    pub entry: EntryId,
    /// Whether it helped.
    pub is_up: bool,
    /// Why it did not, by its name out of a closed list.
    pub why: Option<&'static str>,
}

/// The votes on an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Votes {
    /// The entry's id.
    pub entry: String,
    /// How many say that it helped.
    pub up: u32,
    /// How many say that it did not.
    pub down: u32,
    /// How many of those say why, by the reason's name.
    pub reasons: BTreeMap<String, u32>,
}

/// The file inside `state.dir`.
const FILE: &str = "k8sfaq.db";

/// The schema that this version writes.
const SCHEMA: i64 = 2;

/// How long an answer waits for the store: a slow disk must not hold up an answer that takes milliseconds.
const PATIENCE: Duration = Duration::from_millis(500);

/// How long a write waits for another process that holds the file: `k8sfaq misses` beside `serve`.
const BUSY: Duration = Duration::from_millis(400);

/// Rows kept of each table, the newest: with the longest texts about 8 MiB in all, so that memory alone can hold them.
const KEPT: [(&str, u32); 4] = [
    ("misses", 5_000),
    ("votes", 20_000),
    ("mutes", 5_000),
    ("answered", 20_000),
];

/// The file's largest size, in pages of 4 KiB: 64 MiB, far above what the rows need.
const MAX_PAGES: u32 = 16_384;

/// Old rows are dropped every so many writes: counting them each time would cost more than the write.
const PRUNE_EVERY: u64 = 256;

/// Longest question that is kept, in characters.
pub const MAX_QUESTION: usize = 500;

const TABLES: &str = "
    CREATE TABLE misses (
        question TEXT NOT NULL, nearest TEXT NOT NULL,
        count INTEGER NOT NULL, at INTEGER NOT NULL,
        PRIMARY KEY (question, nearest));
    CREATE TABLE votes (
        platform TEXT NOT NULL, person TEXT NOT NULL, entry TEXT NOT NULL,
        is_up INTEGER NOT NULL, at INTEGER NOT NULL,
        PRIMARY KEY (platform, person, entry));
    CREATE TABLE mutes (
        platform TEXT NOT NULL, channel TEXT NOT NULL, thread TEXT NOT NULL, at INTEGER NOT NULL,
        PRIMARY KEY (platform, channel, thread));
    CREATE TABLE answered (
        platform TEXT NOT NULL, channel TEXT NOT NULL, thread TEXT NOT NULL, entry TEXT NOT NULL, at INTEGER NOT NULL,
        PRIMARY KEY (platform, channel, thread, entry));
";

/// What schema 2 adds.
const SINCE_2: &str = "ALTER TABLE votes ADD COLUMN why TEXT NOT NULL DEFAULT ''";

impl State {
    /// Opens the store in a folder, made where it is missing; in memory without one.
    ///
    /// # Errors
    /// The folder cannot be used, or what lies in it is no store of this version.
    pub fn open(dir: Option<&Path>) -> Result<Self, StateError> {
        match dir {
            None => Self::in_memory(),
            Some(dir) => {
                std::fs::create_dir_all(dir).map_err(|error| StateError::Folder {
                    dir: dir.to_owned(),
                    error,
                })?;
                let file = dir.join(FILE);
                let connection = Connection::open(&file);
                Self::prepare(connection, &file)
            }
        }
    }

    /// A store that ends with the process.
    ///
    /// # Errors
    /// There is no memory for it.
    pub fn in_memory() -> Result<Self, StateError> {
        Self::prepare(Connection::open_in_memory(), Path::new(":memory:"))
    }

    fn prepare(connection: rusqlite::Result<Connection>, file: &Path) -> Result<Self, StateError> {
        let open = |error| StateError::Open {
            file: file.to_owned(),
            error,
        };
        let mut connection = connection.map_err(open)?;
        connection.busy_timeout(BUSY).map_err(open)?;
        // WAL lets `k8sfaq misses` read while `serve` writes; in memory it is passed over.
        connection
            .query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))
            .map_err(open)?;
        connection
            .pragma_update(None, "synchronous", "NORMAL")
            .map_err(open)?;
        connection
            .query_row(&format!("PRAGMA max_page_count = {MAX_PAGES}"), [], |_| {
                Ok(())
            })
            .map_err(open)?;
        let transaction = connection
            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
            .map_err(open)?;
        let found: i64 = transaction
            .query_row("PRAGMA user_version", [], |row| row.get(0))
            .map_err(open)?;
        if found > SCHEMA {
            return Err(StateError::Later {
                file: file.to_owned(),
                found,
            });
        }
        if found == 0 {
            transaction.execute_batch(TABLES).map_err(open)?;
        }
        if found < SCHEMA {
            transaction.execute_batch(SINCE_2).map_err(open)?;
            transaction
                .pragma_update(None, "user_version", SCHEMA)
                .map_err(open)?;
        }
        transaction.commit().map_err(open)?;
        Ok(State {
            connection: Arc::new(Mutex::new(connection)),
            writes: Arc::default(),
        })
    }

    /// Counts a question without an answer.
    ///
    /// # Errors
    /// The store fails or is slow.
    pub async fn miss(&self, miss: Miss) -> Result<(), StateError> {
        let question: String = miss
            .question
            .unwrap_or_default()
            .chars()
            .take(MAX_QUESTION)
            .collect();
        let nearest = miss.nearest.map(|id| id.to_string()).unwrap_or_default();
        self.write(move |connection| {
            connection.execute(
                "INSERT INTO misses VALUES (?1, ?2, 1, ?3)
                 ON CONFLICT DO UPDATE SET count = count + 1, at = excluded.at",
                params![question, nearest, now()],
            )
        })
        .await?;
        Ok(())
    }

    /// Takes a vote; a person's later vote on an entry replaces the earlier one.
    ///
    /// # Errors
    /// The store fails or is slow.
    pub async fn vote(&self, vote: Judgement) -> Result<(), StateError> {
        self.write(move |connection| {
            connection.execute(
                "INSERT INTO votes VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT DO UPDATE SET is_up = excluded.is_up, at = excluded.at, why = excluded.why",
                params![
                    vote.platform,
                    vote.person,
                    vote.entry.as_str(),
                    vote.is_up,
                    now(),
                    vote.why.unwrap_or_default()
                ],
            )
        })
        .await?;
        Ok(())
    }

    /// Ends the offers in a thread.
    ///
    /// # Errors
    /// The store fails or is slow.
    pub async fn mute(&self, thread: Thread) -> Result<(), StateError> {
        self.write(move |connection| {
            connection.execute(
                "INSERT INTO mutes VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET at = excluded.at",
                params![thread.platform, thread.channel, thread.thread, now()],
            )
        })
        .await?;
        Ok(())
    }

    /// Whether offers have ended in a thread.
    ///
    /// # Errors
    /// The store fails or is slow.
    pub async fn is_muted(&self, thread: Thread) -> Result<bool, StateError> {
        self.run(move |connection| {
            let found = connection
                .query_row(
                    "SELECT 1 FROM mutes WHERE platform = ?1 AND channel = ?2 AND thread = ?3",
                    params![thread.platform, thread.channel, thread.thread],
                    |_| Ok(()),
                )
                .optional()?;
            Ok(found.is_some())
        })
        .await
    }

    /// Notes that an entry is offered in a thread, and says whether it is for the first time.
    ///
    /// # Errors
    /// The store fails or is slow.
    pub async fn offer_once(&self, thread: Thread, entry: EntryId) -> Result<bool, StateError> {
        let added = self
            .write(move |connection| {
                connection.execute(
                    "INSERT OR IGNORE INTO answered VALUES (?1, ?2, ?3, ?4, ?5)",
                    params![
                        thread.platform,
                        thread.channel,
                        thread.thread,
                        entry.as_str(),
                        now()
                    ],
                )
            })
            .await?;
        Ok(added == 1)
    }

    /// The questions without an answer, those asked most often first.
    ///
    /// # Errors
    /// The store fails.
    pub fn misses(&self, most: u32) -> Result<Vec<Misses>, StateError> {
        let connection = lock(&self.connection);
        let mut statement = connection.prepare(
            "SELECT count, question, nearest, at FROM misses
             ORDER BY count DESC, at DESC, question, nearest LIMIT ?1",
        )?;
        let some = |text: String| Some(text).filter(|text| !text.is_empty());
        let rows = statement.query_map([most], |row| {
            Ok(Misses {
                count: row.get(0)?,
                question: some(row.get(1)?),
                nearest: some(row.get(2)?),
                last: row.get(3)?,
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// The votes on each entry that has any, in the order of their ids.
    ///
    /// # Errors
    /// The store fails.
    pub fn votes(&self) -> Result<Vec<Votes>, StateError> {
        let connection = lock(&self.connection);
        let mut statement = connection.prepare(
            "SELECT entry, why, SUM(is_up), SUM(1 - is_up) FROM votes GROUP BY entry, why ORDER BY entry, why",
        )?;
        let mut rows = statement.query([])?;
        let mut votes: Vec<Votes> = Vec::new();
        while let Some(row) = rows.next()? {
            let (entry, why): (String, String) = (row.get(0)?, row.get(1)?);
            let (up, down): (u32, u32) = (row.get(2)?, row.get(3)?);
            if votes.last().is_none_or(|last| last.entry != entry) {
                votes.push(Votes {
                    entry,
                    up: 0,
                    down: 0,
                    reasons: BTreeMap::new(),
                });
            }
            if let Some(last) = votes.last_mut() {
                last.up += up;
                last.down += down;
                if !why.is_empty() {
                    last.reasons.insert(why, down);
                }
            }
        }
        Ok(votes)
    }

    async fn write<F>(&self, work: F) -> Result<usize, StateError>
    where
        F: FnOnce(&Connection) -> rusqlite::Result<usize> + Send + 'static,
    {
        let turn = self
            .writes
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.run(move |connection| {
            let changed = work(connection)?;
            if turn % PRUNE_EVERY == PRUNE_EVERY - 1 {
                prune(connection)?;
            }
            Ok(changed)
        })
        .await
    }

    /// Runs work off the async workers. What is too late for its caller is still done.
    async fn run<T, F>(&self, work: F) -> Result<T, StateError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let connection = Arc::clone(&self.connection);
        let work = tokio::task::spawn_blocking(move || work(&lock(&connection)));
        match tokio::time::timeout(PATIENCE, work).await {
            Ok(Ok(done)) => Ok(done?),
            Ok(Err(_)) => Err(StateError::Closing),
            Err(_) => Err(StateError::Slow),
        }
    }
}

/// A panic elsewhere leaves no half-done write: each is one statement.
fn lock(connection: &Mutex<Connection>) -> std::sync::MutexGuard<'_, Connection> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

fn prune(connection: &Connection) -> rusqlite::Result<()> {
    for (table, kept) in KEPT {
        connection.execute(
            &format!(
                "DELETE FROM {table} WHERE rowid IN
                 (SELECT rowid FROM {table} ORDER BY at DESC, rowid DESC LIMIT -1 OFFSET {kept})"
            ),
            [],
        )?;
    }
    Ok(())
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> EntryId {
        text.parse().expect("an id")
    }

    fn thread(name: &str) -> Thread {
        Thread {
            platform: "slack",
            channel: "C1".to_owned(),
            thread: name.to_owned(),
        }
    }

    fn vote(person: &str, is_up: bool) -> Judgement {
        Judgement {
            platform: "slack",
            person: person.to_owned(),
            entry: id("pod-pending"),
            is_up,
            why: None,
        }
    }

    #[tokio::test]
    async fn the_last_vote_of_a_person_counts() {
        let state = State::in_memory().unwrap();
        state.vote(vote("U1", true)).await.unwrap();
        state.vote(vote("U2", true)).await.unwrap();
        state.vote(vote("U1", false)).await.unwrap();
        let votes = state.votes().unwrap();
        assert_eq!((votes.len(), votes[0].up, votes[0].down), (1, 1, 1));
    }

    #[tokio::test]
    async fn a_reason_belongs_to_its_vote_and_goes_with_it() {
        let state = State::in_memory().unwrap();
        let because = |person: &str, why| Judgement {
            why: Some(why),
            ..vote(person, false)
        };
        state.vote(vote("U0", false)).await.unwrap();
        state.vote(because("U1", "out_of_date")).await.unwrap();
        state.vote(because("U2", "out_of_date")).await.unwrap();
        state.vote(because("U3", "missing_step")).await.unwrap();
        let votes = state.votes().unwrap();
        let reasons = |counted: &[(&str, u32)]| -> BTreeMap<String, u32> {
            let named = counted.iter();
            named
                .map(|(why, count)| ((*why).to_owned(), *count))
                .collect()
        };
        assert_eq!((votes.len(), votes[0].up, votes[0].down), (1, 0, 4));
        assert_eq!(
            votes[0].reasons,
            reasons(&[("missing_step", 1), ("out_of_date", 2)])
        );
        state.vote(vote("U3", true)).await.unwrap();
        let votes = state.votes().unwrap();
        assert_eq!((votes[0].up, votes[0].down), (1, 3));
        assert_eq!(votes[0].reasons, reasons(&[("out_of_date", 2)]));
    }

    #[tokio::test]
    async fn a_file_of_the_first_version_keeps_its_votes() {
        let dir = tempfile::tempdir().unwrap();
        let connection = Connection::open(dir.path().join(FILE)).unwrap();
        connection.execute_batch(TABLES).unwrap();
        connection
            .execute(
                "INSERT INTO votes VALUES ('slack', 'U1', 'pod-pending', 1, 5)",
                [],
            )
            .unwrap();
        connection.pragma_update(None, "user_version", 1).unwrap();
        drop(connection);
        for downs in [1, 1] {
            let state = State::open(Some(dir.path())).unwrap();
            state.vote(vote("U2", false)).await.unwrap();
            let votes = state.votes().unwrap();
            assert_eq!((votes[0].up, votes[0].down), (1, downs));
        }
    }

    #[tokio::test]
    async fn what_is_written_is_there_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let inside = dir.path().join("made/when/missing");
        let state = State::open(Some(&inside)).unwrap();
        state.mute(thread("1")).await.unwrap();
        assert!(
            state
                .offer_once(thread("2"), id("pod-pending"))
                .await
                .unwrap()
        );
        drop(state);
        let state = State::open(Some(&inside)).unwrap();
        assert!(state.is_muted(thread("1")).await.unwrap());
        assert!(!state.is_muted(thread("2")).await.unwrap());
        assert!(
            !state
                .offer_once(thread("2"), id("pod-pending"))
                .await
                .unwrap()
        );
    }

    #[tokio::test]
    async fn the_oldest_rows_make_room_for_new_ones() {
        let state = State::in_memory().unwrap();
        let (_, kept) = KEPT[2];
        for number in 0..u64::from(kept) + PRUNE_EVERY {
            state.mute(thread(&number.to_string())).await.unwrap();
        }
        let rows: u32 = state
            .run(|connection| {
                connection.query_row("SELECT count(*) FROM mutes", [], |row| row.get(0))
            })
            .await
            .unwrap();
        assert!(rows <= kept + u32::try_from(PRUNE_EVERY).unwrap(), "{rows}");
        assert!(!state.is_muted(thread("0")).await.unwrap());
        let last = (u64::from(kept) + PRUNE_EVERY - 1).to_string();
        assert!(state.is_muted(thread(&last)).await.unwrap());
    }

    #[tokio::test]
    async fn equal_misses_are_counted_and_the_most_frequent_comes_first() {
        let state = State::in_memory().unwrap();
        let miss = |question: &str| Miss {
            platform: "slack",
            question: Some(question.to_owned()),
            nearest: Some(id("pod-pending")),
        };
        for question in ["a", "b", "b"] {
            state.miss(miss(question)).await.unwrap();
        }
        let misses = state.misses(10).unwrap();
        let counted: Vec<_> = misses
            .iter()
            .map(|m| (m.count, m.question.as_deref()))
            .collect();
        assert_eq!(counted, [(2, Some("b")), (1, Some("a"))]);
    }

    #[test]
    fn a_file_of_a_later_version_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let connection = Connection::open(dir.path().join(FILE)).unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
        drop(connection);
        let error = State::open(Some(dir.path())).unwrap_err().to_string();
        assert!(error.contains("has schema 99, later than 2"), "{error}");
    }

    #[test]
    fn a_damaged_file_is_named_with_the_cure() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(FILE), "no database, but long enough to be looked at as one: sixteen bytes of magic are missing here, and more").unwrap();
        let error = State::open(Some(dir.path())).unwrap_err().to_string();
        assert!(
            error.contains("k8sfaq.db` cannot be opened") && error.contains("move it away"),
            "{error}"
        );
    }
}
