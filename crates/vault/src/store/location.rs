//! Where a vault is, as an operator writes it: `/abs/path`, `file:/abs/path`, `s3://bucket/prefix`. Must not know the
//! environment: endpoint, region and credentials are handed in by the caller.

use std::fmt;
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

use zeroize::Zeroizing;

use crate::error::{Error, Result};

/// A parsed location. `Display` gives the text that parses to it again, without any secret.
#[derive(Debug, Clone)]
pub enum Location {
    Folder(PathBuf),
    S3(S3Location),
}

#[derive(Debug, Clone)]
pub struct S3Location {
    pub bucket: String,
    /// Without slashes at its ends; empty for the whole bucket.
    pub prefix: String,
    pub options: S3Options,
}

/// What an S3 location needs besides its name. Libraries never look these up.
#[derive(Debug, Clone, Default)]
pub struct S3Options {
    /// Only for stores other than AWS: `https://host:port`.
    pub endpoint: Option<String>,
    /// `us-east-1` when absent.
    pub region: Option<String>,
    /// `https://host/bucket` instead of `https://bucket.host`. Most stores other than AWS need it.
    pub path_style: bool,
    pub allow_http: bool,
    pub credentials: Credentials,
}

/// Who we are to the store.
#[derive(Clone, Default)]
pub enum Credentials {
    Keys {
        id: String,
        secret: Zeroizing<String>,
        token: Option<Zeroizing<String>>,
    },
    /// A section of an AWS credentials file, whose text the caller has read.
    Profile {
        file_text: Zeroizing<String>,
        name: String,
    },
    /// The role of the machine or container, from its metadata service.
    #[default]
    InstanceRole,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Credentials::Keys { id, .. } => write!(f, "Keys({id}, secret hidden)"),
            Credentials::Profile { name, .. } => write!(f, "Profile({name}, secret hidden)"),
            Credentials::InstanceRole => write!(f, "InstanceRole"),
        }
    }
}

impl Credentials {
    /// Turns a profile into its keys, so that only keys and the role are left.
    pub(super) fn resolve(&self) -> Result<Credentials> {
        match self {
            Credentials::Profile { file_text, name } => keys_of_profile(file_text, name),
            other => Ok(other.clone()),
        }
    }
}

impl Location {
    /// Adds what an S3 location needs; a folder needs nothing and stays as it is.
    pub fn with_s3(self, options: S3Options) -> Location {
        match self {
            Location::S3(s3) => Location::S3(S3Location { options, ..s3 }),
            folder => folder,
        }
    }
}

impl FromStr for Location {
    type Err = Error;

    fn from_str(text: &str) -> Result<Location> {
        if let Some(rest) = text.strip_prefix("s3://") {
            return parse_s3(text, rest);
        }
        let path = text.strip_prefix("file://").or_else(|| text.strip_prefix("file:")).unwrap_or(text);
        parse_folder(text, path)
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Location::Folder(path) => write!(f, "file:{}", path.display()),
            Location::S3(s3) if s3.prefix.is_empty() => write!(f, "s3://{}", s3.bucket),
            Location::S3(s3) => write!(f, "s3://{}/{}", s3.bucket, s3.prefix),
        }
    }
}

fn parse_folder(text: &str, path: &str) -> Result<Location> {
    let path = Path::new(path);
    if !path.is_absolute() {
        return Err(Error::Invalid(format!(
            "location {text:?} is neither an absolute path, file:/path nor s3://bucket/prefix"
        )));
    }
    if path.components().any(|part| part == Component::ParentDir) {
        return Err(Error::Invalid(format!("location {text:?} contains `..`")));
    }
    Ok(Location::Folder(path.components().collect()))
}

fn parse_s3(text: &str, rest: &str) -> Result<Location> {
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let bucket_ok = (3..=63).contains(&bucket.len())
        && bucket.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte));
    if !bucket_ok {
        return Err(Error::Invalid(format!("location {text:?} does not name a bucket")));
    }
    let prefix = prefix.trim_end_matches('/');
    if !prefix.is_empty() && !super::is_valid_name(prefix) {
        return Err(Error::Invalid(format!("the prefix in location {text:?} is not valid")));
    }
    let options = S3Options::default();
    Ok(Location::S3(S3Location { bucket: bucket.into(), prefix: prefix.into(), options }))
}

/// Reads one section of the AWS credentials file format: `[name]`, then `key = value` lines; `#` and `;` begin comments.
fn keys_of_profile(text: &str, name: &str) -> Result<Credentials> {
    let mut found = false;
    let (mut id, mut secret, mut token) = (None, None, None);
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';'])) {
        if let Some(section) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            found = section.trim().trim_start_matches("profile ").trim() == name;
        } else if let (true, Some((key, value))) = (found, line.split_once('=')) {
            let value = value.trim().to_owned();
            match key.trim() {
                "aws_access_key_id" => id = Some(value),
                "aws_secret_access_key" => secret = Some(Zeroizing::new(value)),
                "aws_session_token" => token = Some(Zeroizing::new(value)),
                _ => {}
            }
        }
    }
    match (id, secret) {
        (Some(id), Some(secret)) => Ok(Credentials::Keys { id, secret, token }),
        _ => Err(Error::Invalid(format!("profile {name:?} has no aws_access_key_id and aws_secret_access_key"))),
    }
}
