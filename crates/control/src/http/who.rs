//! What a request says about itself: who asks, why, and the key that makes asking twice asking once.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::error::{Error, Result};
use crate::operation::By;
use crate::people::Identity;

const KEY: &str = "idempotency-key";
const WHY: &str = "rekindle-why";
const KEY_BYTES_MAX: usize = 200;

impl<S: Send + Sync> FromRequestParts<S> for By {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<By> {
        let Identity { name, .. } = Identity::from_request_parts(parts, state).await?;
        let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let key = header(KEY);
        if key.as_ref().is_some_and(|key| key.is_empty() || key.len() > KEY_BYTES_MAX) {
            return Err(Error::Ask(format!("an idempotency key has 1 to {KEY_BYTES_MAX} characters")));
        }
        Ok(By { name, why: header(WHY).unwrap_or_default(), key })
    }
}
