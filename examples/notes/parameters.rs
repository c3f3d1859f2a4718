//! What stands in the query of a URL?

use crate::percent;
use crate::refusal::Refusal;
use hyper::Request;
use hyper::body::Incoming;
use std::str::FromStr;

/// The parameter `name`, if it is there; a value that is not a `T` is refused by name.
pub(crate) fn parameter<T: FromStr>(request: &Request<Incoming>, name: &str) -> Result<Option<T>, Refusal> {
    let query = request.uri().query().unwrap_or_default();
    let Some(value) = percent::query_value(query, name) else { return Ok(None) };
    let value = value.ok_or_else(|| Refusal::BadRequest(format!("'{name}' is not UTF-8 in percent-encoding")))?;
    value.parse().map(Some).map_err(|_| Refusal::BadRequest(format!("'{name}' is '{value}'; expected a whole number")))
}

/// A parameter that has to be there.
pub(crate) fn required<T: FromStr>(request: &Request<Incoming>, name: &str) -> Result<T, Refusal> {
    parameter(request, name)?.ok_or_else(|| Refusal::BadRequest(format!("the parameter '{name}' is missing")))
}
