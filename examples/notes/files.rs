//! Which file is meant by a path in a URL, and what of it is sent?

use crate::content::{Answer, Content};
use crate::percent;
use crate::range::{self, Part};
use crate::refusal::Refusal;
use futures::io::AsyncSeekExt;
use handover::fs::File;
use hyper::body::Incoming;
use hyper::header::{ACCEPT_RANGES, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_NONE_MATCH, IF_RANGE, RANGE, X_CONTENT_TYPE_OPTIONS};
use hyper::{Method, Request, Response, StatusCode};
use std::ffi::OsStr;
use std::fs::{Metadata, OpenOptions};
use std::io::{self, ErrorKind, SeekFrom};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};

/// How much of a file without a known extension is looked at, in bytes.
const SAMPLE: usize = 4 * 1024;

/// The directory that is served.
pub(crate) struct Files {
    /// Absolute and without symbolic links.
    root: PathBuf,
    /// The files of the database, which are never opened here, wherever they lie.
    database: [PathBuf; 4],
}

/// A file that may be sent.
struct Found {
    file: std::fs::File,
    metadata: Metadata,
    content_type: &'static str,
}

impl Files {
    /// Takes `root` if it is a directory that can be read; `database` is not served even if it lies there.
    pub(crate) fn open(root: &Path, database: [PathBuf; 4]) -> io::Result<Self> {
        std::fs::read_dir(root)?;
        Ok(Self { root: root.canonicalize()?, database })
    }

    /// Answers with the file at `path`, which is what follows `/files/`, still percent-encoded.
    pub(crate) async fn answer(&self, request: &Request<Incoming>, path: &str) -> Result<Answer, Refusal> {
        let relative = relative_path(path)?;
        let Found { file, metadata, content_type } = handover::blocking(|| self.find(path, &relative)).await?;
        let (etag, length) = (etag(&metadata), metadata.len());
        let mut response = Response::builder()
            .header(ETAG, &etag)
            .header(ACCEPT_RANGES, "bytes")
            .header(CONTENT_TYPE, content_type)
            .header(X_CONTENT_TYPE_OPTIONS, "nosniff");
        if knows(request, &etag) {
            return complete(response.status(StatusCode::NOT_MODIFIED), Content::from(""));
        }
        let bytes = match part(request, &etag, length) {
            Part::Whole => 0..length,
            Part::Unsatisfiable => return Err(Refusal::Range(length)),
            Part::Bytes(bytes) => {
                let range = format!("bytes {}-{}/{length}", bytes.start, bytes.end - 1);
                response = response.status(StatusCode::PARTIAL_CONTENT).header(CONTENT_RANGE, range);
                bytes
            }
        };
        let mut file = File::from_std(file);
        file.seek(SeekFrom::Start(bytes.start)).await.map_err(|error| refusal(path, &error))?;
        complete(response, Content::File { file, left: bytes.end - bytes.start })
    }

    /// Opens a regular file below the root. This is a short row of blocking calls.
    fn find(&self, asked: &str, relative: &Path) -> Result<Found, Refusal> {
        let path = self.place(relative).map_err(|error| refusal(asked, &error))?;
        // By its name: all of this is settled before anything is opened, see `is_database`.
        let metadata = std::fs::metadata(&path).map_err(|error| refusal(asked, &error))?;
        if self.is_database(&metadata) {
            return Err(Refusal::Forbidden(format!("'/files/{asked}' belongs to the database; ask for /notes")));
        }
        if metadata.is_dir() {
            return Err(Refusal::NotFound(format!("'/files/{asked}' is a directory; name a file")));
        }
        if !metadata.is_file() {
            return Err(Refusal::not_found(asked));
        }
        open(&path, relative).map_err(|error| refusal(asked, &error))
    }

    /// Where a file lies. A symbolic link may point at another place below the root, but not out of it.
    fn place(&self, relative: &Path) -> io::Result<PathBuf> {
        let path = self.root.join(relative).canonicalize()?;
        if path.starts_with(&self.root) { Ok(path) } else { Err(ErrorKind::PermissionDenied.into()) }
    }

    /// Is this one of the database's files, by whatever name?
    ///
    /// Such a file must not even be opened. SQLite holds fcntl(2) locks on it, and these belong to the process: they are
    /// gone as soon as any descriptor of the file is closed. Another process that opens and closes the database would
    /// then think it is the last one, and take away the log that we still write to.
    ///
    /// The log and its index come and go, so they are looked up each time. Device and inode and not names are compared,
    /// because of hard links.
    fn is_database(&self, metadata: &Metadata) -> bool {
        let same = |known: Metadata| (known.dev(), known.ino()) == (metadata.dev(), metadata.ino());
        self.database.iter().any(|path| std::fs::metadata(path).is_ok_and(same))
    }
}

/// Opens what lies at `path`; `asked` is its name in the URL, which says what it is.
fn open(path: &Path, asked: &Path) -> io::Result<Found> {
    // Not through a link that has come since, and without waiting for the other end of a pipe.
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)?;
    // Again, of what is open now.
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(ErrorKind::NotFound.into());
    }
    let content_type = match known_content_type(asked) {
        Some(known) => known,
        None if is_text(&file)? => "text/plain; charset=utf-8",
        None => "application/octet-stream",
    };
    Ok(Found { file, metadata, content_type })
}

/// The path on the disk, below the root as far as its text can say.
fn relative_path(path: &str) -> Result<PathBuf, Refusal> {
    let decoded = percent::decode(path).ok_or_else(|| Refusal::BadRequest(format!("'{path}' is not well encoded")))?;
    let path = Path::new(OsStr::from_bytes(&decoded));
    let is_below = path.components().all(|component| matches!(component, Component::Normal(_) | Component::CurDir));
    if !is_below {
        return Err(leads_out(&path.display().to_string()));
    }
    // Keys and histories lie in such files. What a link without a dot points at is served: it was put there for that.
    let is_hidden = path.components().any(|component| matches!(component, Component::Normal(name) if name.as_bytes()[0] == b'.'));
    if is_hidden { Err(Refusal::not_found(&path.display().to_string())) } else { Ok(path.to_owned()) }
}

fn leads_out(path: &str) -> Refusal {
    Refusal::Forbidden(format!("'{path}' leads out of the directory, or is not for reading"))
}

fn refusal(path: &str, error: &io::Error) -> Refusal {
    match error.kind() {
        ErrorKind::PermissionDenied => leads_out(path),
        ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::InvalidInput | ErrorKind::InvalidFilename => Refusal::not_found(path),
        _ => Refusal::Failed(format!("the file '{path}': {error}")),
    }
}

/// Changes whenever the file does, as far as its length and time say.
fn etag(metadata: &Metadata) -> String {
    format!("\"{:x}-{:x}-{:x}\"", metadata.len(), metadata.mtime(), metadata.mtime_nsec())
}

/// Has the client this very file already?
fn knows(request: &Request<Incoming>, etag: &str) -> bool {
    let known = request.headers().get(IF_NONE_MATCH).and_then(|tags| tags.to_str().ok()).unwrap_or_default();
    known.split(',').any(|tag| tag.trim().trim_start_matches("W/") == etag)
}

/// A range counts in a GET, and only of the file that the client thinks it is.
fn part(request: &Request<Incoming>, etag: &str, length: u64) -> Part {
    let is_current = request.headers().get(IF_RANGE).is_none_or(|known| known == etag);
    match request.headers().get(RANGE).and_then(|range| range.to_str().ok()) {
        Some(range) if is_current && request.method() == Method::GET => range::parse(range, length),
        _ => Part::Whole,
    }
}

fn complete(response: hyper::http::response::Builder, content: Content) -> Result<Answer, Refusal> {
    response.body(content).map_err(|error| Refusal::Failed(format!("a header: {error}")))
}

/// Does the file begin as text does: UTF-8, without a NUL?
fn is_text(file: &std::fs::File) -> io::Result<bool> {
    let mut sample = [0; SAMPLE];
    let length = file.read_at(&mut sample, 0)?;
    let sample = &sample[..length];
    Ok(!sample.contains(&0)
        && match std::str::from_utf8(sample) {
            Ok(_) => true,
            // The sample may end in the middle of a character, the file may not.
            Err(error) => error.error_len().is_none() && length == SAMPLE,
        })
}

/// By the extension.
fn known_content_type(path: &Path) -> Option<&'static str> {
    let extension = path.extension().and_then(OsStr::to_str).unwrap_or_default();
    Some(match extension.to_ascii_lowercase().as_str() {
        "html" | "htm" => "text/html; charset=utf-8",
        "txt" | "md" | "rs" | "toml" | "log" => "text/plain; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "csv" => "text/csv; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" => "application/json",
        "xml" => "application/xml",
        "pdf" => "application/pdf",
        "wasm" => "application/wasm",
        "gz" => "application/gzip",
        "zip" => "application/zip",
        "gif" => "image/gif",
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        "svg" => "image/svg+xml",
        "webp" => "image/webp",
        "mp3" => "audio/mpeg",
        "mp4" => "video/mp4",
        _ => return None,
    })
}
