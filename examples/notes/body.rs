//! What did the client send, and is it bearable?

use crate::refusal::Refusal;
use hyper::Request;
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, EXPECT};
use serde::de::DeserializeOwned;
use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

/// A larger body is refused.
const LIMIT: usize = 1024 * 1024;

/// So much of a body that is refused is read all the same, in bytes. Many clients read no answer before they have
/// sent everything, and see a reset connection instead of the 413 if the rest is left unread.
const PATIENCE: usize = 64 * 1024 * 1024;

/// A body has to arrive within this time.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Reads the body of `request` as a JSON object; `expected` shows the client one.
pub(crate) async fn json<T: DeserializeOwned>(request: Request<Incoming>, expected: &str) -> Result<T, Refusal> {
    if let Err(refusal) = judge(&request) {
        // A client that asks before it sends (`Expect: 100-continue`) sends nothing when it is refused.
        if !request.headers().contains_key(EXPECT) {
            // Read for the client's sake, see `PATIENCE`; however that ends, the refusal stands.
            let _ = whole_in_time(request).await;
        }
        return Err(refusal);
    }
    let body = whole_in_time(request).await?;
    // serde would take an array for a struct as well, by the order of the fields.
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(Refusal::BadRequest(format!("the body is not a JSON object; expected {expected}")));
    }
    serde_json::from_slice(&body).map_err(|error| Refusal::BadRequest(format!("the body: {error}; expected {expected}")))
}

/// What the head says of the body.
fn judge(request: &Request<Incoming>) -> Result<(), Refusal> {
    // A page of another origin can send a form or plain text here without being asked, but not this type.
    let given = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = given.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        return Err(Refusal::ContentType(given.to_owned()));
    }
    if request.body().size_hint().lower() > LIMIT as u64 { Err(Refusal::BodyTooLarge) } else { Ok(()) }
}

async fn whole_in_time(request: Request<Incoming>) -> Result<Vec<u8>, Refusal> {
    handover::time::timeout(TIMEOUT, whole(request.into_body())).await.map_err(|_| Refusal::BodyTimeout)?
}

async fn whole(mut body: Incoming) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::new();
    let mut length = 0;
    while let Some(chunk) = next_chunk(&mut body).await? {
        length += chunk.len();
        if length <= LIMIT {
            bytes.extend_from_slice(&chunk);
        } else if length > PATIENCE {
            break;
        }
    }
    if length <= LIMIT { Ok(bytes) } else { Err(Refusal::BodyTooLarge) }
}

async fn next_chunk(body: &mut Incoming) -> Result<Option<Bytes>, Refusal> {
    let broken = |error| Refusal::BadRequest(format!("the body broke off: {error}"));
    let frame = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await.transpose().map_err(broken)?;
    // A frame that is not data holds trailers, and nothing here asks for these.
    Ok(frame.map(|frame| frame.into_data().unwrap_or_default()))
}
