//! How does a request hear that it cannot be answered? By a status and `{"error": ".."}`.

use crate::content::{Answer, Content};
use hyper::header::{ALLOW, CONTENT_RANGE, CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};

/// Why a request is not answered with what it asked for.
#[derive(Debug)]
pub(crate) enum Refusal {
    BadRequest(String),
    Forbidden(String),
    NotFound(String),
    /// The methods that would be allowed.
    Method(&'static str),
    BodyTimeout,
    BodyTooLarge,
    /// The one that was given, or "".
    ContentType(String),
    /// The length of the file in bytes.
    Range(u64),
    /// Something of ours failed. The reason is for the operator, not for the client.
    Failed(String),
}

impl Refusal {
    /// No such thing as `path`.
    pub(crate) fn not_found(path: &str) -> Self {
        Self::NotFound(format!("there is no '{path}' here"))
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::ContentType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Range(_) => StatusCode::RANGE_NOT_SATISFIABLE,
            Self::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn message(&self) -> String {
        match self {
            Self::BadRequest(message) | Self::Forbidden(message) | Self::NotFound(message) => message.clone(),
            Self::Method(allowed) => format!("this method is not allowed here; expected one of {allowed}"),
            Self::BodyTimeout => "the body took too long to arrive".into(),
            Self::BodyTooLarge => "the body is larger than 1 MiB".into(),
            Self::ContentType(given) => format!("the Content-Type is '{given}'; expected application/json"),
            Self::Range(length) => format!("the file has no such bytes; it is {length} bytes long"),
            Self::Failed(_) => "something failed on this side; the request may be tried again".into(),
        }
    }

    pub(crate) fn into_answer(self) -> Answer {
        if let Self::Failed(reason) = &self {
            eprintln!("notes: a request failed: {reason}");
        }
        let body = serde_json::json!({ "error": self.message() }).to_string() + "\n";
        let mut answer = Response::new(Content::from(body));
        *answer.status_mut() = self.status();
        let headers = answer.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        match self {
            Self::Method(allowed) => drop(headers.insert(ALLOW, HeaderValue::from_static(allowed))),
            Self::Range(length) => drop(headers.insert(CONTENT_RANGE, unsatisfied(length))),
            _ => {}
        }
        answer
    }
}

fn unsatisfied(length: u64) -> HeaderValue {
    format!("bytes */{length}").parse().expect("digits are valid in a header")
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        Self::Failed(format!("the database: {error}"))
    }
}
