//! One suite for every store and every wrapper: each promise at the head of `store/mod.rs`, tried from outside. It works under a
//! prefix of its own, removes what it made, and must not know which store it is given.

use std::fmt::Debug;

use bytes::Bytes;
use futures::future::{self, BoxFuture};
use futures::{FutureExt, TryStreamExt};

use super::{ObjectInfo, SharedStore};
use crate::env::Env;
use crate::error::{Error, Result};

/// What one check finds: `Err` says which promise was broken and how.
type Verdict = std::result::Result<(), String>;

const RACERS: u8 = 16;
const BIG: usize = 20 * 1024 * 1024;

/// Every broken promise, in words; empty when the store keeps them all.
pub async fn conformance(store: &SharedStore, env: &Env) -> Vec<String> {
    let suite = Suite { store: store.clone(), top: format!("conformance/{}", hex(&env.random::<8>())) };
    let mut broken = Vec::new();
    for (name, check) in suite.checks() {
        if let Err(how) = check.await {
            broken.push(format!("{name}: {how}"));
        }
    }
    if let Err(how) = suite.remove_all().await {
        broken.push(format!("cleaning up: {how}"));
    }
    broken
}

struct Suite {
    store: SharedStore,
    top: String,
}

impl Suite {
    fn checks(&self) -> Vec<(&'static str, BoxFuture<'_, Verdict>)> {
        vec![
            ("one racer wins", self.race().boxed()),
            ("racers with the same bytes all win", self.race_same().boxed()),
            ("the same bytes again are fine", self.put_again().boxed()),
            ("an empty object", self.empty().boxed()),
            ("a big object", self.big().boxed()),
            ("ranges", self.ranges().boxed()),
            ("what is absent", self.absent().boxed()),
            ("list order and prefix", self.list_order().boxed()),
            ("list after a name", self.list_after().boxed()),
            ("a long list", self.list_long().boxed()),
            ("list after put and delete", self.list_follows().boxed()),
            ("delete", self.delete().boxed()),
            ("odd names", self.odd_names().boxed()),
            ("impossible names", self.impossible_names().boxed()),
        ]
    }

    fn name(&self, rest: &str) -> String {
        format!("{}/{rest}", self.top)
    }

    async fn put(&self, rest: &str, bytes: impl Into<Bytes>) -> Verdict {
        self.store.put_new(&self.name(rest), bytes.into()).await.map_err(|error| told(&format!("put {rest}"), &error))
    }

    async fn race(&self) -> Verdict {
        for round in 0..4 {
            let name = self.name(&format!("race/{round}"));
            let writers = (0..RACERS).map(|racer| self.store.put_new(&name, vec![racer; 1000].into()));
            let results = future::join_all(writers).await;
            let winners: Vec<_> = (0..RACERS).filter(|racer| results[usize::from(*racer)].is_ok()).collect();
            let [winner] = winners[..] else { return Err(format!("{winners:?} all won")) };
            if let Some(other) = results.iter().find(|result| !matches!(result, Ok(()) | Err(Error::Exists(_)))) {
                return Err(format!("a loser got {other:?}"));
            }
            same("the winner's bytes", self.store.get(&name).await, vec![winner; 1000].into())?;
        }
        Ok(())
    }

    async fn race_same(&self) -> Verdict {
        let name = self.name("race-same");
        let writers = (0..RACERS).map(|_| self.store.put_new(&name, Bytes::from_static(b"same")));
        match future::join_all(writers).await.into_iter().find(Result::is_err) {
            Some(result) => Err(format!("one got {result:?}")),
            None => same("the bytes", self.store.get(&name).await, Bytes::from_static(b"same")),
        }
    }

    async fn put_again(&self) -> Verdict {
        self.put("again", "first").await?;
        self.put("again", "first").await?;
        for others in ["other", "fir", "", "first and more"] {
            match self.store.put_new(&self.name("again"), others.into()).await {
                Err(Error::Exists(_)) => {}
                result => return Err(format!("putting {others:?} over \"first\" gave {result:?}")),
            }
        }
        same("the bytes", self.store.get(&self.name("again")).await, "first".into())
    }

    async fn empty(&self) -> Verdict {
        self.put("empty", "").await?;
        let name = self.name("empty");
        same("get", self.store.get(&name).await, Bytes::new())?;
        same("size", self.store.size(&name).await, 0)?;
        same("get_range 0..0", self.store.get_range(&name, 0..0).await, Bytes::new())?;
        damaged("get_range 0..1", self.store.get_range(&name, 0..1).await)
    }

    async fn big(&self) -> Verdict {
        let bytes: Bytes = (0..BIG).map(|at| (at % 251) as u8).collect::<Vec<_>>().into();
        self.put("big", bytes.clone()).await?;
        let name = self.name("big");
        same("size", self.store.size(&name).await, BIG as u64)?;
        let at = BIG as u64 - 1000;
        same("its end", self.store.get_range(&name, at..BIG as u64).await, bytes.slice(BIG - 1000..))?;
        match self.store.get(&name).await {
            Ok(found) if found == bytes => Ok(()),
            Ok(found) => Err(format!("get gave {} other bytes", found.len())),
            Err(error) => Err(told("get", &error)),
        }
    }

    async fn ranges(&self) -> Verdict {
        self.put("ranges", "0123456789").await?;
        let name = self.name("ranges");
        for (from, to, expected) in
            [(0, 10, "0123456789"), (0, 1, "0"), (9, 10, "9"), (3, 7, "3456"), (4, 4, ""), (10, 10, "")]
        {
            let found = self.store.get_range(&name, from..to).await;
            same(&format!("get_range {from}..{to}"), found, Bytes::from_static(expected.as_bytes()))?;
        }
        for (from, to) in [(0, 11), (9, 11), (10, 11), (11, 11), (11, 20), (1 << 40, (1 << 40) + 1)] {
            damaged(&format!("get_range {from}..{to}"), self.store.get_range(&name, from..to).await)?;
        }
        same("size", self.store.size(&name).await, 10)
    }

    async fn absent(&self) -> Verdict {
        self.put("absent/below/here", "x").await?;
        for rest in ["absent/there", "absent/below", "absent/below/here/under", "nowhere/at/all"] {
            let name = self.name(rest);
            not_found(&format!("get {rest}"), self.store.get(&name).await)?;
            not_found(&format!("get_range {rest}"), self.store.get_range(&name, 0..1).await)?;
            not_found(&format!("empty get_range {rest}"), self.store.get_range(&name, 0..0).await)?;
            not_found(&format!("size {rest}"), self.store.size(&name).await)?;
        }
        Ok(())
    }

    async fn list_order(&self) -> Verdict {
        // In byte order, which is not the order of a folder walk: `-` and `.` come before `/`, `/` before `0`.
        let all = ["A", "a-b", "a.b", "a/b", "a/b.c", "a/c/d", "a0", "a_b", "aa", "ab/c", "b"];
        for rest in all.iter().rev() {
            self.put(&format!("order/{rest}"), rest.to_owned()).await?;
        }
        for prefix in ["", "a", "a/", "a/b", "ab", "a-", "a/c/", "A", "c", "a/b.c/"] {
            let expected: Vec<_> =
                all.iter().filter(|rest| rest.starts_with(prefix)).map(|rest| (*rest).into()).collect();
            same(&format!("list {prefix:?}"), self.names("order/", prefix, "").await, expected)?;
        }
        let infos = self.infos(&self.name("order/"), "").await.map_err(|error| told("list", &error))?;
        match infos.iter().find(|info| info.size != (info.name.len() - self.name("order/").len()) as u64) {
            Some(info) => Err(format!("list says {} has {} bytes", info.name, info.size)),
            None => Ok(()),
        }
    }

    async fn list_after(&self) -> Verdict {
        let all = ["a", "b-x", "b/1", "b/2", "b0", "c/1"];
        for rest in all {
            self.put(&format!("after/{rest}"), "x").await?;
        }
        for prefix in ["", "b", "b/"] {
            for after in ["a", "a0", "b", "b/", "b/1", "b/2", "b0", "c", "c/1", "d"] {
                let kept = all.iter().filter(|rest| rest.starts_with(prefix) && **rest > after);
                let expected: Vec<_> = kept.map(|rest| (*rest).to_owned()).collect();
                same(&format!("list {prefix:?} after {after:?}"), self.names("after/", prefix, after).await, expected)?;
            }
        }
        Ok(())
    }

    /// More than one page of any store.
    async fn list_long(&self) -> Verdict {
        let expected: Vec<_> = (0..1030).map(|number| format!("{number:04}")).collect();
        for some in expected.chunks(64) {
            let puts: Vec<String> = some.iter().map(|number| format!("long/{number}")).collect();
            future::try_join_all(puts.iter().map(|rest| self.put(rest, ""))).await?;
        }
        same("list", self.names("long/", "", "").await, expected.clone())?;
        same("list after 0007", self.names("long/", "", "0007").await, expected[8..].to_vec())
    }

    async fn list_follows(&self) -> Verdict {
        for round in 0..8 {
            let rest = format!("{round}");
            self.put(&format!("follows/{rest}"), "x").await?;
            same("list after put", self.names("follows/", "", "").await, vec![rest.clone()])?;
            let deleted = self.store.delete(&self.name(&format!("follows/{rest}"))).await;
            same("delete", deleted, ())?;
            same("list after delete", self.names("follows/", "", "").await, Vec::new())?;
        }
        Ok(())
    }

    async fn delete(&self) -> Verdict {
        self.put("delete/it", "x").await?;
        let name = self.name("delete/it");
        for time in ["first", "second"] {
            same(&format!("{time} delete"), self.store.delete(&name).await, ())?;
            not_found("get after delete", self.store.get(&name).await)?;
            not_found("size after delete", self.store.size(&name).await)?;
        }
        same("delete of what never was", self.store.delete(&self.name("no/such/thing")).await, ())?;
        same("delete below an object", self.store.delete(&self.name("again/below")).await, ())
    }

    async fn odd_names(&self) -> Verdict {
        let long = "x".repeat(200);
        let deep = "d/".repeat(40) + "end";
        let odd = ["A-Z_a-z.0-9=+@,", "a..b", "-dash", "+plus+", "41", "end.", &long, &deep];
        for rest in odd {
            self.put(&format!("odd/{rest}"), rest.to_owned()).await?;
            let found = self.store.get(&self.name(&format!("odd/{rest}"))).await;
            same(&format!("get {rest}"), found, rest.to_owned().into())?;
        }
        let mut expected: Vec<_> = odd.iter().map(|rest| (*rest).to_owned()).collect();
        expected.sort_unstable();
        same("list", self.names("odd/", "", "").await, expected)
    }

    async fn impossible_names(&self) -> Verdict {
        let long = "x".repeat(201);
        let names =
            ["", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", ".hidden", "a#1", "a b", "a\nb", "ä", &long];
        for name in names {
            match self.store.put_new(name, "x".into()).await {
                Err(Error::Invalid(_)) => {}
                result => return Err(format!("put {name:?} gave {result:?}")),
            }
            match self.store.get(name).await {
                Err(Error::Invalid(_)) => {}
                result => return Err(format!("get {name:?} gave {result:?}")),
            }
        }
        Ok(())
    }

    async fn infos(&self, prefix: &str, after: &str) -> Result<Vec<ObjectInfo>> {
        match after {
            "" => self.store.list(prefix).try_collect().await,
            _ => self.store.list_after(prefix, after).try_collect().await,
        }
    }

    /// What is listed under `within`, without it.
    async fn names(&self, within: &str, prefix: &str, after: &str) -> Result<Vec<String>> {
        let within = self.name(within);
        let after = if after.is_empty() { String::new() } else { format!("{within}{after}") };
        let infos = self.infos(&format!("{within}{prefix}"), &after).await?;
        Ok(infos.into_iter().map(|info| info.name.strip_prefix(&within).unwrap_or("outside").to_owned()).collect())
    }

    async fn remove_all(&self) -> Verdict {
        let infos = self.infos(&self.name(""), "").await.map_err(|error| told("list", &error))?;
        for some in infos.chunks(64) {
            let deletes = some.iter().map(|info| self.store.delete(&info.name));
            future::try_join_all(deletes).await.map_err(|error| told("delete", &error))?;
        }
        Ok(())
    }
}

#[allow(clippy::needless_pass_by_value, reason = "callers build what they expect on the spot")]
fn same<T: PartialEq + Debug>(what: &str, found: Result<T>, expected: T) -> Verdict {
    match found {
        Ok(found) if found == expected => Ok(()),
        other => Err(format!("{what} gave {other:?} instead of {expected:?}")),
    }
}

fn damaged<T: Debug>(what: &str, found: Result<T>) -> Verdict {
    match found {
        Err(Error::Damaged { .. }) => Ok(()),
        other => Err(format!("{what} beyond the end gave {other:?} instead of damaged")),
    }
}

fn not_found<T: Debug>(what: &str, found: Result<T>) -> Verdict {
    match found {
        Err(Error::NotFound(_)) => Ok(()),
        other => Err(format!("{what} gave {other:?} instead of not found")),
    }
}

fn told(what: &str, error: &Error) -> String {
    format!("{what} failed: {error} ({error:?})")
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
