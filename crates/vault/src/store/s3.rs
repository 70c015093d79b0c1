//! A vault in an S3-compatible bucket, on `object_store`. It keeps the store's promise where the network and the store's
//! dialects do not, and must not know what the objects mean.
//!
//! What `object_store` 0.14.2 leaves to us:
//! - A create answered 409 ("another create is in flight") comes back as `AlreadyExists`, although nothing may be there.
//! - After a lost answer its own repetition also gives `AlreadyExists`, although the object is ours.
//! - A create that timed out is not repeated: nobody knows whether it happened.
//!
//! So `put_new` believes only a clear success or a clear refusal; anything else is settled by reading back:
//!
//! ```text
//! create ── ok ─────────────────────────────────────────────────▶ Ok
//!   ▲  └── exists, 409, time-out, 5xx ──▶ read back ── our bytes ▶ Ok
//!   │                                        │  └──── others ────▶ Exists
//!   └── wait, at most ATTEMPTS times ◀── absent
//! ```
//! A create that arrives late is harmless: it carries the same bytes under the same name.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use object_store::aws::{AmazonS3, AmazonS3Builder, Checksum, S3ConditionalPut};
use object_store::list::{PaginatedListOptions, PaginatedListStore};
use object_store::path::Path;
use object_store::{
    ClientOptions, Error as Cause, GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutOptions,
    RetryConfig,
};

use super::location::{Credentials, Location, S3Location};
use super::{ObjectInfo, Store, check_name, ends_before, range_len};
use crate::error::{Error, Result};

/// How often `put_new` tries when it can tell that nothing is there.
const ATTEMPTS: u32 = 5;
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// One request, body included. A 64 MiB pack on a line of 1 MB/s takes about a minute.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(300);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long one request may go on being repeated by `object_store`.
const RETRY_TIMEOUT: Duration = Duration::from_secs(30);
const RETRIES: usize = 4;

#[derive(Clone)]
pub struct S3Store {
    location: String,
    /// Ends in `/`, or is empty.
    prefix: String,
    client: Arc<AmazonS3>,
}

impl fmt::Debug for S3Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S3Store({})", self.location)
    }
}

impl S3Store {
    /// Makes a client; asks nothing of the store yet.
    pub fn open(place: &S3Location) -> Result<S3Store> {
        let options = &place.options;
        let retry = RetryConfig { max_retries: RETRIES, retry_timeout: RETRY_TIMEOUT, ..RetryConfig::default() };
        let client = ClientOptions::new()
            .with_allow_http(options.allow_http)
            .with_timeout(REQUEST_TIMEOUT)
            .with_connect_timeout(CONNECT_TIMEOUT);
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&place.bucket)
            .with_region(options.region.as_deref().unwrap_or("us-east-1"))
            .with_virtual_hosted_style_request(!options.path_style)
            .with_conditional_put(S3ConditionalPut::ETagMatch)
            .with_checksum_algorithm(Checksum::SHA256)
            .with_client_options(client)
            .with_retry(retry);
        if let Some(endpoint) = &options.endpoint {
            builder = builder.with_endpoint(endpoint_of(endpoint, place)?);
        }
        if let Credentials::Keys { id, secret, token } = options.credentials.resolve()? {
            builder = builder.with_access_key_id(id).with_secret_access_key(secret.as_str());
            if let Some(token) = token {
                builder = builder.with_token(token.as_str());
            }
        }
        let location = Location::S3(place.clone()).to_string();
        let client = builder.build().map_err(|error| Error::Invalid(format!("{location}: {error}")))?;
        let prefix = if place.prefix.is_empty() { String::new() } else { format!("{}/", place.prefix) };
        Ok(S3Store { location, prefix, client: Arc::new(client) })
    }

    fn path(&self, name: &str) -> Result<Path> {
        check_name(name)?;
        Path::parse(format!("{}{name}", self.prefix)).map_err(|error| Error::Invalid(format!("{name:?}: {error}")))
    }

    /// Whether the name holds these bytes: `None` when it holds nothing.
    async fn holds(&self, name: &str, bytes: &Bytes) -> Result<Option<bool>> {
        match self.size(name).await {
            Err(Error::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
            Ok(size) if size != bytes.len() as u64 => Ok(Some(false)),
            Ok(_) => match self.get(name).await {
                Ok(found) => Ok(Some(found == *bytes)),
                Err(Error::NotFound(_)) => Ok(None),
                Err(error) => Err(error),
            },
        }
    }
}

#[async_trait]
impl Store for S3Store {
    fn location(&self) -> &str {
        &self.location
    }

    async fn put_new(&self, name: &str, bytes: Bytes) -> Result<()> {
        let path = self.path(name)?;
        let mut wait = FIRST_WAIT;
        for attempt in 1.. {
            let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
            let error = match self.client.put_opts(&path, bytes.clone().into(), options).await {
                Ok(_) => return Ok(()),
                Err(error) => error,
            };
            if is_refusal(&error) {
                return Err(store_error("putting", name, error));
            }
            match self.holds(name, &bytes).await {
                Ok(Some(true)) => return Ok(()),
                Ok(Some(false)) => return Err(Error::Exists(name.into())),
                Ok(None) | Err(_) if attempt == ATTEMPTS => return Err(store_error("putting", name, error)),
                Ok(None) | Err(_) => tracing::debug!(name, attempt, %error, "put is unsettled, trying again"),
            }
            tokio::time::sleep(wait).await;
            wait *= 2;
        }
        unreachable!("the last attempt returns")
    }

    async fn get(&self, name: &str) -> Result<Bytes> {
        let found = self.client.get(&self.path(name)?).await.map_err(|error| store_error("reading", name, error))?;
        let size = found.meta.size;
        let bytes = found.bytes().await.map_err(|error| store_error("reading", name, error))?;
        match bytes.len() as u64 == size {
            true => Ok(bytes),
            false => Err(Error::damaged(name, format!("{} of its {size} bytes arrived", bytes.len()))),
        }
    }

    async fn get_range(&self, name: &str, range: Range<u64>) -> Result<Bytes> {
        let path = self.path(name)?;
        let len = range_len(name, &range)?;
        if len > 0 {
            let options = GetOptions { range: Some(GetRange::Bounded(range.clone())), ..GetOptions::default() };
            let bytes = match self.client.get_opts(&path, options).await {
                Ok(found) => found.bytes().await,
                Err(error) => Err(error),
            };
            match bytes {
                Ok(bytes) if bytes.len() as u64 == len => return Ok(bytes),
                Err(error @ Cause::NotFound { .. }) => return Err(store_error("reading", name, error)),
                Err(error) if is_refusal(&error) => return Err(store_error("reading", name, error)),
                Ok(_) => {}
                Err(error) if self.size(name).await? >= range.end => return Err(store_error("reading", name, error)),
                Err(_) => {}
            }
        }
        match self.size(name).await? {
            size if size < range.end => Err(ends_before(name, size, &range)),
            _ if len == 0 => Ok(Bytes::new()),
            _ => Err(Error::damaged(name, format!("the store did not give bytes {}..{}", range.start, range.end))),
        }
    }

    async fn size(&self, name: &str) -> Result<u64> {
        let meta = self.client.head(&self.path(name)?).await.map_err(|error| store_error("measuring", name, error))?;
        Ok(meta.size)
    }

    fn list(&self, prefix: &str) -> BoxStream<'static, Result<ObjectInfo>> {
        self.list_after(prefix, "")
    }

    fn list_after(&self, prefix: &str, after: &str) -> BoxStream<'static, Result<ObjectInfo>> {
        let listing = Listing {
            store: self.clone(),
            prefix: format!("{}{prefix}", self.prefix),
            after: after.to_owned(),
            token: None,
        };
        let pages = stream::try_unfold(Some(listing), |listing| async move {
            let Some(listing) = listing else { return Ok(None) };
            listing.page().await.map(Some)
        });
        pages.map_ok(|page| stream::iter(page.into_iter().map(Ok))).try_flatten().boxed()
    }

    async fn delete(&self, name: &str) -> Result<()> {
        match self.client.delete(&self.path(name)?).await {
            Ok(()) => Ok(()),
            Err(error) => match store_error("deleting", name, error) {
                Error::NotFound(_) => Ok(()),
                error => Err(error),
            },
        }
    }
}

/// A listing between two pages.
struct Listing {
    store: S3Store,
    /// In the bucket, not in the vault.
    prefix: String,
    after: String,
    token: Option<String>,
}

impl Listing {
    /// The next page, and the listing to go on with unless it is over.
    async fn page(self) -> Result<(Vec<ObjectInfo>, Option<Listing>)> {
        let options = PaginatedListOptions {
            offset: (!self.after.is_empty()).then(|| format!("{}{}", self.store.prefix, self.after)),
            page_token: self.token.clone(),
            ..PaginatedListOptions::default()
        };
        let prefix = (!self.prefix.is_empty()).then_some(self.prefix.as_str());
        let listed = self.store.client.list_paginated(prefix, options).await;
        let listed = listed.map_err(|error| store_error("listing", &self.prefix, error))?;
        let mut page = Vec::with_capacity(listed.result.objects.len());
        for meta in listed.result.objects {
            page.extend(self.info(&meta)?);
        }
        let rest = listed.page_token.map(|token| Listing { token: Some(token), ..self });
        Ok((page, rest))
    }

    /// `None` for what is not one of ours, or comes before `after` because the store does not know where to start.
    fn info(&self, meta: &ObjectMeta) -> Result<Option<ObjectInfo>> {
        let Some(name) = meta.location.as_ref().strip_prefix(&self.store.prefix) else { return Ok(None) };
        if !super::is_valid_name(name) || name <= self.after.as_str() {
            return Ok(None);
        }
        let modified = Timestamp::from_millisecond(meta.last_modified.timestamp_millis())
            .map_err(|error| Error::malformed(name, format!("its time: {error}")))?;
        Ok(Some(ObjectInfo { name: name.into(), size: meta.size, modified }))
    }
}

/// `object_store` puts the bucket into the path only for path style; for the other it must be in the host already.
fn endpoint_of(endpoint: &str, place: &S3Location) -> Result<String> {
    let endpoint = endpoint.trim_end_matches('/');
    let Some((scheme, host)) = endpoint.split_once("://") else {
        return Err(Error::Invalid(format!("endpoint {endpoint:?} does not begin with https://")));
    };
    if scheme == "http" && !place.options.allow_http {
        return Err(Error::Invalid(format!("endpoint {endpoint:?} is not encrypted and http is not allowed")));
    }
    match place.options.path_style {
        true => Ok(endpoint.to_owned()),
        false => Ok(format!("{scheme}://{}.{host}", place.bucket)),
    }
}

/// Whether the store said no, so that asking again or looking cannot help.
fn is_refusal(error: &Cause) -> bool {
    match error {
        Cause::PermissionDenied { .. }
        | Cause::Unauthenticated { .. }
        | Cause::NotImplemented { .. }
        | Cause::NotSupported { .. }
        | Cause::InvalidPath { .. }
        | Cause::UnknownConfigurationKey { .. } => true,
        Cause::NotFound { .. } => is_bucket_missing(error),
        // A listing's errors come without a kind.
        Cause::Generic { .. } => {
            let text = error.to_string();
            ["status code: 401", "status code: 403", "NoSuchBucket"].iter().any(|word| text.contains(word))
        }
        _ => false,
    }
}

fn is_bucket_missing(error: &Cause) -> bool {
    error.to_string().contains("NoSuchBucket")
}

fn store_error(action: &'static str, name: &str, error: Cause) -> Error {
    let full = ["XMinioStorageFull", "QuotaExceeded", "507 Insufficient"];
    let text = error.to_string();
    match &error {
        Cause::NotFound { .. } if action != "putting" && !is_bucket_missing(&error) => Error::NotFound(name.into()),
        _ if full.iter().any(|word| text.contains(word)) => Error::StoreFull { object: name.into() },
        _ => {
            let permanent = is_refusal(&error);
            Error::Store { action, object: name.into(), source: Box::new(error), permanent }
        }
    }
}
