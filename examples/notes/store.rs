//! Where are the notes kept? In one SQLite file, used the way SQLite likes best.
//!
//! SQLite has one writer at a time and, with a write-ahead log, any number of readers beside it. So there is one
//! connection that writes, behind a lock, and one per read in flight, kept for the next.
//!
//! The writer's lock is an async one: a task that waits for it holds no thread. Its holder makes the call inline and
//! in one poll, so that a request which is dropped halfway leaves either a whole transaction or none.

use futures::lock::Mutex as AsyncMutex;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, TransactionBehavior, params};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

/// How long a connection waits for one of another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// So many idle readers are kept. More than that were needed at once only in a rush.
const IDLE_READERS: usize = 16;

/// Characters of a title or a body in a list. A note may be as large as a megabyte, and a list has up to a thousand.
const EXCERPT: usize = 200;

/// A search gives its best notes only.
const SEARCH_LIMIT: u32 = 100;

const SCHEMA: &str = "
    CREATE TABLE notes (
        id      INTEGER PRIMARY KEY AUTOINCREMENT,
        title   TEXT NOT NULL,
        body    TEXT NOT NULL,
        created TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
    );
    CREATE VIRTUAL TABLE words USING fts5(title, body, content = 'notes', content_rowid = 'id');
    CREATE TRIGGER notes_added AFTER INSERT ON notes BEGIN
        INSERT INTO words(rowid, title, body) VALUES (new.id, new.title, new.body);
    END;
    CREATE TRIGGER notes_removed AFTER DELETE ON notes BEGIN
        INSERT INTO words(words, rowid, title, body) VALUES ('delete', old.id, old.title, old.body);
    END;
    PRAGMA user_version = 1;
";

#[derive(Debug, Serialize)]
pub(crate) struct Note {
    pub(crate) id: i64,
    pub(crate) title: String,
    pub(crate) body: String,
    /// UTC, as in `2026-01-31T23:59:59Z`.
    pub(crate) created: String,
    /// Is there more of the title or the body than this? Only in a list.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) more: bool,
}

impl Note {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { id: row.get(0)?, title: row.get(1)?, body: row.get(2)?, created: row.get(3)?, more: false })
    }

    /// The same for a list: the whole text is looked at in SQLite's memory, and its beginning is copied.
    fn excerpt_from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let (title, body) = (row.get_ref(1)?.as_str()?, row.get_ref(2)?.as_str()?);
        let (short_title, short_body) = (beginning(title), beginning(body));
        let more = short_title.len() < title.len() || short_body.len() < body.len();
        Ok(Self { id: row.get(0)?, title: short_title.into(), body: short_body.into(), created: row.get(3)?, more })
    }
}

fn beginning(text: &str) -> &str {
    text.char_indices().nth(EXCERPT).map_or(text, |(end, _)| &text[..end])
}

/// The notes of one SQLite file.
pub(crate) struct Store {
    path: PathBuf,
    // Dropped before the writer: only a connection that writes can tidy up when it is the last one to be closed.
    idle_readers: Mutex<Vec<Connection>>,
    writer: AsyncMutex<Connection>,
}

impl Store {
    /// Opens the file, makes it if it is not there, and gives it the tables if it has none.
    pub(crate) fn open(path: &Path) -> rusqlite::Result<Self> {
        // An absolute path is a file even where SQLite gives names like ":memory:" a meaning.
        let path = std::path::absolute(path).map_err(|_| rusqlite::Error::InvalidPath(path.into()))?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let mut writer = connect(&path, flags)?;
        writer.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
        // `synchronous` stays FULL: a note that was answered with 201 is on the disk.
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let version: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if version == 0 {
            transaction.execute_batch(SCHEMA)?;
        }
        transaction.commit()?;
        // SQLite puts its log beside the file that a symbolic link points at, not beside the link.
        let path = path.canonicalize().map_err(|_| rusqlite::Error::InvalidPath(path))?;
        Ok(Self { path, idle_readers: Mutex::default(), writer: AsyncMutex::new(writer) })
    }

    /// The files that SQLite works with. The last three come and go.
    pub(crate) fn files(&self) -> [PathBuf; 4] {
        ["", "-wal", "-shm", "-journal"].map(|suffix| {
            let mut path = self.path.clone().into_os_string();
            path.push(suffix);
            path.into()
        })
    }

    pub(crate) async fn add(&self, title: &str, body: &str) -> rusqlite::Result<Note> {
        // Exclusive, as a connection may move to another thread but not be shared with one.
        let writer = &mut *self.writer.lock().await;
        handover::blocking(move || {
            writer
                .prepare_cached("INSERT INTO notes (title, body) VALUES (?1, ?2) RETURNING id, title, body, created")?
                .query_row(params![title, body], Note::from_row)
        })
        .await
    }

    /// Says whether there was such a note.
    pub(crate) async fn remove(&self, id: i64) -> rusqlite::Result<bool> {
        let writer = &mut *self.writer.lock().await;
        handover::blocking(move || Ok(writer.prepare_cached("DELETE FROM notes WHERE id = ?1")?.execute([id])? > 0)).await
    }

    pub(crate) async fn get(&self, id: i64) -> rusqlite::Result<Option<Note>> {
        handover::blocking(|| {
            self.read(|db| {
                db.prepare_cached("SELECT id, title, body, created FROM notes WHERE id = ?1")?.query_row([id], Note::from_row).optional()
            })
        })
        .await
    }

    /// The newest `limit` notes older than the note `before`, shortened.
    pub(crate) async fn newest(&self, before: i64, limit: u32) -> rusqlite::Result<Vec<Note>> {
        handover::blocking(|| {
            self.read(|db| {
                db.prepare_cached("SELECT id, title, body, created FROM notes WHERE id < ?1 ORDER BY id DESC LIMIT ?2")?
                    .query_map(params![before, limit], Note::excerpt_from_row)?
                    .collect()
            })
        })
        .await
    }

    /// The notes that have all of `words`, the best first, shortened.
    pub(crate) async fn search(&self, words: &str) -> rusqlite::Result<Vec<Note>> {
        let Some(query) = fts_query(words) else { return Ok(Vec::new()) };
        handover::blocking(|| {
            self.read(|db| {
                db.prepare_cached(
                    "SELECT notes.id, notes.title, notes.body, notes.created FROM words
                     JOIN notes ON notes.id = words.rowid WHERE words MATCH ?1 ORDER BY rank LIMIT ?2",
                )?
                .query_map(params![query, SEARCH_LIMIT], Note::excerpt_from_row)?
                .collect()
            })
        })
        .await
    }

    pub(crate) async fn count(&self) -> rusqlite::Result<i64> {
        handover::blocking(|| self.read(|db| db.query_row("SELECT count(*) FROM notes", [], |row| row.get(0)))).await
    }

    /// Runs `query` on an idle reader, or on a new one. This is the blocking call itself.
    fn read<T>(&self, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        let idle = self.idle_readers().pop();
        let reader = match idle {
            Some(reader) => reader,
            None => connect(&self.path, OpenFlags::SQLITE_OPEN_READ_ONLY)?,
        };
        // A reader that failed is not kept.
        let answer = query(&reader)?;
        let mut idle = self.idle_readers();
        if idle.len() < IDLE_READERS {
            idle.push(reader);
        }
        Ok(answer)
    }

    /// Held for a push or a pop, never during a call.
    fn idle_readers(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle_readers.lock().expect("nothing panics with the list of readers in hand")
    }
}

fn connect(path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    // NO_MUTEX: a `Connection` is never used by two threads at once, the compiler sees to that.
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(connection)
}

/// Each word as a quoted string of FTS5, where nothing has a meaning, and the last as a prefix; `None` without words.
fn fts_query(words: &str) -> Option<String> {
    // A NUL would end the query in the middle of a string.
    let words = words.split(|char: char| char.is_whitespace() || char == '"' || char == '\0');
    let quoted: Vec<String> = words.filter(|word| !word.is_empty()).map(|word| format!("\"{word}\"")).collect();
    (!quoted.is_empty()).then(|| quoted.join(" ") + "*")
}
