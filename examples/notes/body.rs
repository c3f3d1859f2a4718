//! What did the client send, and is it bearable?

use crate::refusal::Refusal;
use hyper::Request;
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::EXPECT;
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

/// Reads the body of `request` as JSON.
pub(crate) async fn json<T: DeserializeOwned>(request: Request<Incoming>) -> Result<T, Refusal> {
    // A client that asks before it sends (`Expect: 100-continue`) sends nothing when it is refused.
    if request.headers().contains_key(EXPECT) && request.body().size_hint().lower() > LIMIT as u64 {
        return Err(Refusal::BodyTooLarge);
    }
    let body = handover::time::timeout(TIMEOUT, whole(request.into_body())).await.map_err(|_| Refusal::BodyTimeout)??;
    serde_json::from_slice(&body).map_err(|error| Refusal::BadRequest(format!("the body is not the JSON expected: {error}")))
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
