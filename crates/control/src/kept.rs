//! Secrets and settings that a stack needs, sealed into the vault under its name: they are found when the stack and its host are gone.
//!
//! ```text
//!   apply      every reference is read ──► secrets/<stack>/<time>, where something is not as in the newest copy
//!   each day   the references still open, and the newest copy still does; what has changed is sealed anew; else an alarm
//! ```
//! What is read is in memory for as long as it is sealed or compared, and is told to nobody but an admin who asks for it by name.

use std::fmt;
use std::io::Read;
use std::path::Path;

use api::{KeptView, Password, SecretAnswer, SecretsView};
use futures::TryStreamExt;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use vault::Vault;
use vault::format::sealed::{Class, Kind};
use vault::names::{Name, SourceName, hex, prefix};
use zeroize::Zeroizing;

use crate::daemon::Daemon;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::open::{VaultAsk, open_vault};
use crate::policy::Outside;

mod watch;

pub(crate) use watch::{Memory, conditions, keep};

const FILE_BYTES_MAX: u64 = 4 << 20;

/// What is kept, without what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Item {
    name: String,
    /// The reference of a secret, or `file:` and the path of a file of settings.
    from: String,
    is_secret: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct Head {
    stack: String,
    made: Timestamp,
    items: Vec<Item>,
}

type Content = Zeroizing<Vec<u8>>;

/// A copy as it lies in the vault.
struct Copy {
    made: Timestamp,
    items: Vec<(Item, Content)>,
}

/// Reads all that a stack names. What cannot be read, and why, by name.
async fn read_all(daemon: &Daemon, outside: &Outside) -> (Vec<(Item, Content)>, Vec<(String, Error)>) {
    let (mut items, mut unread) = (Vec::new(), Vec::new());
    for secret in &outside.secrets {
        let item = Item { name: secret.name.clone(), from: secret.from.to_string(), is_secret: true };
        match secret.from.read(&daemon.host).await {
            Ok(read) => items.push((item, Zeroizing::new(read.expose().as_bytes().to_vec()))),
            Err(error) => unread.push((secret.name.clone(), error)),
        }
    }
    for file in &outside.files {
        let item = Item { name: file.name.clone(), from: format!("file:{}", file.path), is_secret: false };
        match read_file(Path::new(&file.path)) {
            Ok(content) => items.push((item, content)),
            Err(error) => unread.push((file.name.clone(), error)),
        }
    }
    (items, unread)
}

fn read_file(path: &Path) -> Result<Content> {
    let mut content = Zeroizing::new(Vec::new());
    let file = std::fs::File::open(path).map_err(|e| Error::file("read", path, e))?;
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut content).map_err(|e| Error::file("read", path, e))?;
    match content.len() as u64 > FILE_BYTES_MAX {
        true => Err(Error::Ask(format!("{} is larger than {} MiB", path.display(), FILE_BYTES_MAX >> 20))),
        false => Ok(content),
    }
}

/// Every reference must open. Gives whether a copy was put.
pub(crate) async fn seal(daemon: &Daemon, stack: &str, outside: &Outside) -> Result<bool> {
    let (items, unread) = read_all(daemon, outside).await;
    match unread.into_iter().next() {
        Some((_, error)) => Err(error),
        None => {
            // One that does not open any more is followed by one that does.
            let newest = newest(&daemon.vault, &stack.parse()?).await.ok().flatten();
            seal_items(daemon, stack, &items, newest.as_ref()).await
        }
    }
}

async fn seal_items(daemon: &Daemon, stack: &str, items: &[(Item, Content)], newest: Option<&Copy>) -> Result<bool> {
    let stack: SourceName = stack.parse()?;
    if items.is_empty() || newest.is_some_and(|copy| copy.items == items) {
        return Ok(false);
    }
    let made = daemon.host.env.now();
    let head = Head { stack: stack.to_string(), made, items: items.iter().map(|(item, _)| item.clone()).collect() };
    let head = serde_json::to_vec(&head).map_err(|e| vault::Error::Internal(e.to_string()))?;
    let mut frames: Vec<(Class, &[u8])> = vec![(Class::Head, head.as_slice())];
    frames.extend(items.iter().map(|(_, content)| (Class::Bytes, content.as_slice())));
    let micros = u64::try_from(made.as_microsecond()).unwrap_or_default();
    daemon.vault.put_sealed(Kind::Note, &Name::Secrets { stack, micros }, &frames, 3).await?;
    Ok(true)
}

async fn names(vault: &Vault, stack: &SourceName) -> Result<Vec<Name>> {
    let objects: Vec<_> = vault.store().list(&prefix::secrets(stack)).try_collect().await?;
    let mut names: Vec<(u64, Name)> = objects
        .iter()
        .filter_map(|object| match Name::parse(&object.name)? {
            name @ Name::Secrets { micros, .. } => Some((micros, name)),
            _ => None,
        })
        .collect();
    names.sort_by_key(|(micros, _)| *micros);
    Ok(names.into_iter().map(|(_, name)| name).collect())
}

async fn newest(vault: &Vault, stack: &SourceName) -> Result<Option<Copy>> {
    match names(vault, stack).await?.pop() {
        Some(name) => open(vault, &name).await.map(Some),
        None => Ok(None),
    }
}

async fn open(vault: &Vault, name: &Name) -> Result<Copy> {
    let malformed = |what: String| vault::Error::malformed(name.to_string(), what);
    let frames = vault.get_sealed(Kind::Note, name).await?;
    let head = frames.iter().find(|frame| frame.class == Class::Head).ok_or_else(|| malformed("no head".into()))?;
    let head: Head = serde_json::from_slice(&head.raw).map_err(|e| malformed(e.to_string()))?;
    let contents: Vec<Content> =
        frames.into_iter().filter(|frame| frame.class == Class::Bytes).map(|frame| Zeroizing::new(frame.raw)).collect();
    if contents.len() != head.items.len() {
        return Err(malformed("another number of contents than of names".into()).into());
    }
    Ok(Copy { made: head.made, items: head.items.into_iter().zip(contents).collect() })
}

/// By the stack's name, which needs not be known to anything but the vault.
pub(crate) async fn list(daemon: &Daemon, stack: &str) -> Result<SecretsView> {
    let copy = known(&daemon.vault, stack).await?;
    let view = |(item, content): &(Item, Content)| KeptView {
        name: item.name.clone(),
        from: item.from.clone(),
        is_secret: item.is_secret,
        bytes: content.len() as u64,
    };
    Ok(SecretsView { stack: stack.to_owned(), sealed: copy.made, items: copy.items.iter().map(view).collect() })
}

pub(crate) async fn get(daemon: &Daemon, stack: &str, name: &str) -> Result<SecretAnswer> {
    let copy = known(&daemon.vault, stack).await?;
    let found = copy.items.iter().find(|(item, _)| item.name == name);
    let (item, content) = found.ok_or_else(|| Error::Unknown { what: "secret", name: name.to_owned() })?;
    Ok(SecretAnswer { name: item.name.clone(), sealed: copy.made, content: Password(hex(content)) })
}

async fn known(vault: &Vault, stack: &str) -> Result<Copy> {
    let unknown = || Error::Unknown { what: "stack with secrets", name: stack.to_owned() };
    newest(vault, &stack.parse()?).await?.ok_or_else(unknown)
}

/// A secret or a file of settings, as it was sealed.
pub struct Kept {
    pub name: String,
    pub from: String,
    pub content: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").field("name", &self.name).field("from", &self.from).finish_non_exhaustive()
    }
}

/// Break-glass: without daemon and catalog.
pub async fn recover_secrets(ask: &VaultAsk, stack: &str, host: &Host) -> Result<Vec<Kept>> {
    let copy = known(&open_vault(ask, host).await?, stack).await?;
    let kept = |(item, content): (Item, Content)| Kept { name: item.name, from: item.from, content };
    Ok(copy.items.into_iter().map(kept).collect())
}

/// What a plan and a report say of it.
pub(crate) fn not_covered(outside: &Outside) -> Option<String> {
    let none = outside.secrets.is_empty() && outside.files.is_empty();
    none.then(|| {
        "the stack names no [[secret]] and no [[file]]: keys, passwords and settings that its programs need are not in the vault".to_owned()
    })
}

/// What is wrong with what a stack keeps, if anything is: for plans.
pub(crate) async fn troubles(daemon: &Daemon, stack: &str, outside: &Outside) -> Vec<String> {
    let (items, unread) = read_all(daemon, outside).await;
    let mut found: Vec<String> = unread.iter().map(|(name, error)| format!("{name} cannot be read: {error}")).collect();
    if outside.secrets.is_empty() && outside.files.is_empty() {
        return found;
    }
    let newest = match stack.parse() {
        Ok(name) => newest(&daemon.vault, &name).await,
        Err(error) => Err(Error::from(error)),
    };
    match newest {
        Ok(Some(copy)) => {
            let sealed = |item: &Item| copy.items.iter().any(|(known, _)| known.name == item.name);
            let missing = items.iter().filter(|(item, _)| !sealed(item));
            found.extend(missing.map(|(item, _)| format!("{} is not in the vault yet", item.name)));
        }
        Ok(None) => found.push("nothing of them is in the vault".to_owned()),
        Err(error) => found.push(format!("the copy in the vault does not open: {error}")),
    }
    found
}
