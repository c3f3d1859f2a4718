//! What does a path mean, and what may be done with it?

use hyper::Method;

/// A thing that can be asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Route<'a> {
    Page,
    Notes,
    /// The text in the place of a note's number.
    Note(&'a str),
    Search,
    /// What follows `/files/`, still percent-encoded.
    File(&'a str),
    Slow,
    Metrics,
}

impl<'a> Route<'a> {
    pub(crate) fn find(path: &'a str) -> Option<Self> {
        Some(match path {
            "/" => Self::Page,
            "/notes" => Self::Notes,
            "/search" => Self::Search,
            "/slow" => Self::Slow,
            "/metrics" => Self::Metrics,
            path => match (path.strip_prefix("/notes/"), path.strip_prefix("/files/")) {
                (Some(id), _) => Self::Note(id),
                (_, Some(path)) => Self::File(path),
                _ => return None,
            },
        })
    }

    /// The methods, as in the header `Allow`.
    pub(crate) fn methods(&self) -> &'static str {
        match self {
            Self::Notes => "GET, HEAD, POST",
            Self::Note(_) => "GET, HEAD, DELETE",
            Self::Page | Self::Search | Self::File(_) | Self::Slow | Self::Metrics => "GET, HEAD",
        }
    }

    pub(crate) fn allows(&self, method: &Method) -> bool {
        self.methods().split(", ").any(|allowed| allowed == method.as_str())
    }
}
