//! A kind of operation whose effects can be counted: each step puts a thing into a world, and its undo takes it out.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use ops::{Failure, Found, Kind, Registry, Step, Work};
use serde_json::{Value, json};

#[derive(Debug, Default)]
pub(crate) struct World {
    /// By operation and step.
    there: Mutex<BTreeMap<(String, String), u32>>,
    /// What the next tries of a step meet, by step.
    trouble: Mutex<BTreeMap<String, Vec<Trouble>>>,
    /// Effects that were put where one was already.
    pub(crate) twice: Mutex<Vec<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It fails, and nothing happened.
    Clean,
    /// It fails clean, and again would not help.
    Final,
    /// It happens, and the answer is lost.
    LostAnswer,
    /// A part of it happens, and it fails.
    Half,
    /// Nothing happens, and nobody knows.
    LostAsk,
    Panics,
    /// An undo that fails.
    Undo,
    /// It hangs until it is told to stop.
    Hangs,
    /// It hangs and does not listen.
    Deaf,
}

impl World {
    pub(crate) fn new() -> Arc<World> {
        Arc::default()
    }

    pub(crate) fn meet(&self, step: &str, trouble: &[Trouble]) {
        self.trouble.lock().unwrap().insert(step.to_owned(), trouble.iter().rev().copied().collect());
    }

    fn trouble(&self, step: &str, undo: bool) -> Option<Trouble> {
        let mut trouble = self.trouble.lock().unwrap();
        let of_step = trouble.get_mut(step)?;
        let next = of_step.last().copied().filter(|next| (*next == Trouble::Undo) == undo)?;
        of_step.pop();
        Some(next)
    }

    fn has(&self, key: &(String, String)) -> bool {
        self.there.lock().unwrap().contains_key(key)
    }

    pub(crate) fn put(&self, run: &str, step: &str) {
        let key = (run.to_owned(), step.to_owned());
        let times = { *self.there.lock().unwrap().entry(key).and_modify(|times| *times += 1).or_insert(1) };
        if times > 1 {
            self.twice.lock().unwrap().push(format!("{run} {step}"));
        }
    }

    pub(crate) fn things(&self, run: &str) -> Vec<String> {
        let there = self.there.lock().unwrap();
        there.keys().filter(|(of, _)| of == run).map(|(_, step)| step.clone()).collect()
    }

    /// Any step of any name.
    pub(crate) fn registry(self: &Arc<World>, steps: &[&'static str]) -> Registry {
        let put = |name: &&'static str| {
            let step: Arc<dyn Step> = Arc::new(Put { world: self.clone(), name });
            (*name, step)
        };
        Registry::new([Kind { name: "build", steps: steps.iter().map(put).collect() }])
    }
}

/// Looks, then acts.
#[derive(Debug)]
pub(crate) struct Put {
    pub(crate) world: Arc<World>,
    pub(crate) name: &'static str,
}

impl Put {
    fn key(&self, at: &Work) -> (String, String) {
        (at.run.head.id.clone(), self.name.to_owned())
    }

    fn half(&self, at: &Work) -> (String, String) {
        (at.run.head.id.clone(), format!("half of {}", self.name))
    }
}

fn broken(what: &str) -> Failure {
    Failure::clean("RK-0000", what, "look at the test").retryable()
}

fn unknown(what: &str) -> Failure {
    broken(what).unknown()
}

#[async_trait]
impl Step for Put {
    async fn act(&self, at: &Work) -> Result<Value, Failure> {
        at.say(format!("{} begins", self.name));
        let trouble = self.world.trouble(self.name, false);
        match trouble {
            Some(Trouble::Clean) => return Err(broken("not today")),
            Some(Trouble::Final) => return Err(Failure { retryable: false, ..broken("never") }),
            Some(Trouble::LostAsk) => return Err(unknown("no answer")),
            Some(Trouble::Panics) => panic!("as the test wants it"),
            Some(Trouble::Hangs) => {
                at.stop.asked().await;
                return Err(Failure { retryable: false, ..broken("told to stop") });
            }
            Some(Trouble::Deaf) => std::future::pending::<()>().await,
            _ => {}
        }
        if trouble == Some(Trouble::Half) {
            self.world.there.lock().unwrap().insert(self.half(at), 1);
            return Err(unknown("half way"));
        }
        if !self.world.has(&self.key(at)) {
            self.world.put(&at.run.head.id, self.name);
        }
        self.world.there.lock().unwrap().remove(&self.half(at));
        match trouble {
            Some(Trouble::LostAnswer) => Err(unknown("no answer")),
            _ => Ok(json!({ "put": self.name })),
        }
    }

    async fn look(&self, at: &Work) -> Result<Found, Failure> {
        Ok(match (self.world.has(&self.key(at)), self.world.has(&self.half(at))) {
            (true, _) => Found::Done(json!({ "put": self.name })),
            (false, true) => Found::Unknown,
            (false, false) => Found::NotDone,
        })
    }

    async fn undo(&self, at: &Work) -> Result<(), Failure> {
        if self.world.trouble(self.name, true).is_some() {
            return Err(broken("it does not come off"));
        }
        let mut there = self.world.there.lock().unwrap();
        there.remove(&self.half(at));
        there.remove(&self.key(at));
        Ok(())
    }
}
