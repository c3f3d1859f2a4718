//! Which code answers which request?

use crate::body;
use crate::content::{Answer, Content};
use crate::files::Files;
use crate::metrics::{self, Counters};
use crate::page;
use crate::parameters::{parameter, required};
use crate::refusal::Refusal;
use crate::route::Route;
use crate::store::Store;
use hyper::body::Incoming;
use hyper::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, LOCATION};
use hyper::{Method, Request, Response, StatusCode};
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::time::Duration;

/// Notes in one list, unless the client says how many.
const LIST_LIMIT: u32 = 100;

/// Notes in one list at most: a list is made in memory.
const LIST_LIMIT_MAX: u32 = 1000;

const SLOW_MAX: Duration = Duration::from_secs(60);

/// All that the requests share.
pub(crate) struct Service {
    pub(crate) store: Store,
    pub(crate) files: Option<Files>,
    pub(crate) counters: Counters,
}

/// What a [`NewNote`] looks like, for a client that sent something else.
const NEW_NOTE: &str = r#"{"title": "..", "body": ".."}"#;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewNote {
    title: String,
    body: String,
}

impl Service {
    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Result<Answer, Infallible> {
        let _in_flight = self.counters.begin();
        let answer = self.route(request).await.unwrap_or_else(Refusal::into_answer);
        self.counters.count(answer.status());
        Ok(answer)
    }

    async fn route(&self, request: Request<Incoming>) -> Result<Answer, Refusal> {
        let path = request.uri().path().to_owned();
        let route = Route::find(&path).ok_or_else(|| Refusal::not_found(&path))?;
        if !route.allows(request.method()) {
            return Err(Refusal::Method(route.methods()));
        }
        match route {
            Route::Page => self.page().await,
            Route::Notes if request.method() == Method::POST => self.add(request).await,
            Route::Notes => self.newest(&request).await,
            Route::Note(id) => self.note(request.method(), id).await,
            Route::Search => self.search(&request).await,
            Route::File(path) => self.file(&request, path).await,
            Route::Slow => slow(&request).await,
            Route::Metrics => self.metrics().await,
        }
    }

    async fn note(&self, method: &Method, id: &str) -> Result<Answer, Refusal> {
        let missing = || Refusal::NotFound(format!("there is no note '{id}'"));
        // One spelling per note: not `01`, not `+1`.
        let number = id.parse().ok().filter(|number: &i64| number.to_string() == id).ok_or_else(missing)?;
        if method == Method::DELETE {
            let is_gone = self.store.remove(number).await?;
            return if is_gone { Ok(no_content()) } else { Err(missing()) };
        }
        json(&self.store.get(number).await?.ok_or_else(missing)?)
    }

    async fn file(&self, request: &Request<Incoming>, path: &str) -> Result<Answer, Refusal> {
        let Some(files) = &self.files else { return Err(Refusal::NotFound("no directory is served; start with --dir".into())) };
        files.answer(request, path).await
    }

    async fn page(&self) -> Result<Answer, Refusal> {
        let notes = self.store.newest(i64::MAX, page::NOTES).await?;
        let mut answer = typed("text/html; charset=utf-8", page::render(&notes));
        let policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:";
        answer.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
        Ok(answer)
    }

    async fn newest(&self, request: &Request<Incoming>) -> Result<Answer, Refusal> {
        let limit = parameter(request, "limit")?.unwrap_or(LIST_LIMIT);
        if !(1..=LIST_LIMIT_MAX).contains(&limit) {
            return Err(Refusal::BadRequest(format!("'limit' is {limit}; expected 1 to {LIST_LIMIT_MAX}")));
        }
        let before = parameter(request, "before")?.unwrap_or(i64::MAX);
        json(&self.store.newest(before, limit).await?)
    }

    async fn add(&self, request: Request<Incoming>) -> Result<Answer, Refusal> {
        let new: NewNote = body::json(request, NEW_NOTE).await?;
        if new.title.trim().is_empty() {
            return Err(Refusal::BadRequest("the title is empty".into()));
        }
        let note = self.store.add(&new.title, &new.body).await?;
        let mut answer = json(&note)?;
        *answer.status_mut() = StatusCode::CREATED;
        let location = format!("/notes/{}", note.id).parse().expect("digits are valid in a header");
        answer.headers_mut().insert(LOCATION, location);
        Ok(answer)
    }

    async fn search(&self, request: &Request<Incoming>) -> Result<Answer, Refusal> {
        let words: String = required(request, "q")?;
        json(&self.store.search(&words).await?)
    }

    async fn metrics(&self) -> Result<Answer, Refusal> {
        let notes = self.store.count().await?;
        Ok(typed("text/plain; version=0.0.4; charset=utf-8", metrics::text(&self.counters, notes)))
    }
}

/// The call that blocks a thread, and nothing else.
async fn slow(request: &Request<Incoming>) -> Result<Answer, Refusal> {
    let ms: u64 = required(request, "ms")?;
    let time = Duration::from_millis(ms);
    if time > SLOW_MAX {
        return Err(Refusal::BadRequest(format!("'ms' is {ms}; expected at most {}", SLOW_MAX.as_millis())));
    }
    handover::blocking(|| std::thread::sleep(time)).await;
    json(&serde_json::json!({ "slept_ms": ms }))
}

fn json(value: &impl Serialize) -> Result<Answer, Refusal> {
    let text = serde_json::to_string(value).map_err(|error| Refusal::Failed(format!("the answer as JSON: {error}")))?;
    Ok(typed("application/json", text + "\n"))
}

/// An answer made for this moment, to be asked for again the next time.
fn typed(content_type: &'static str, text: String) -> Answer {
    let mut answer = Response::new(Content::from(text));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

fn no_content() -> Answer {
    let mut answer = Response::new(Content::from(""));
    *answer.status_mut() = StatusCode::NO_CONTENT;
    answer
}
