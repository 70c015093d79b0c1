//! Hours of a fleet's life in minutes, with faults from a seed: `hours CONFIG SEED HOURS`, for `bench/control.py`, which judges what came of
//! it. Prints, as JSON, what was asked by hand and how the daemon stood at the end.
//!
//! The daemon is the real one, on a real catalog and vault; its servers are simulated, and its time is tokio's, put forward by hand. It
//! is killed at any moment, its vault goes away, answers late or loses answers, its servers lose connections, its clock jumps, its
//! catalog is locked by somebody. The last hour is calm.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for the bench"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use control::{Config, Host, StoreWrap, serve};
use engine::postgres::simulated;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use vault::env::{Clock, Env};
use vault::store::fault::{Fault, FaultStore, Operation, Rule};

/// So much time passes at once, and for so long real disks and threads may work meanwhile.
const STEP: Duration = Duration::from_millis(200);
const REAL: Duration = Duration::from_millis(2);
const CALM: Duration = Duration::from_secs(3600);
const MINUTE: Duration = Duration::from_secs(60);

/// Time that is put forward by hand. Its wall clock may be wrong.
#[derive(Debug)]
struct SimClock {
    base: Timestamp,
    passed_ms: AtomicU64,
    wrong_ms: AtomicI64,
}

impl SimClock {
    fn passed(&self) -> Duration {
        Duration::from_millis(self.passed_ms.load(Ordering::Relaxed))
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        let passed = self.passed_ms.load(Ordering::Relaxed).cast_signed() + self.wrong_ms.load(Ordering::Relaxed);
        self.base + SignedDuration::from_millis(passed)
    }

    fn monotonic(&self) -> Duration {
        self.passed()
    }
}

/// Splitmix64: the same faults for the same seed.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, most: u64) -> u64 {
        self.next() % most
    }

    /// About so long, half of it at least.
    fn about(&mut self, span: Duration) -> Duration {
        let ms = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(ms / 2 + self.below(ms))
    }
}

/// What goes from one life to the next.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
struct Known {
    passed_ms: u64,
    keys: u64,
    /// Asked for by hand and not heard yet: by key, of which source.
    unheard: BTreeMap<String, String>,
    /// By key, the operation that was acknowledged, or that it was refused.
    asked: BTreeMap<String, Option<String>>,
    happened: BTreeMap<String, u64>,
    stands: Value,
}

struct World {
    config: PathBuf,
    settings: Config,
    clock: Arc<SimClock>,
    draw: Draw,
    sources: Vec<String>,
    known: Arc<Mutex<Known>>,
}

fn main() {
    let words: Vec<String> = std::env::args().collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [_, config, seed, hours] => lives(config, seed.parse().unwrap(), 3600 * hours.parse::<u64>().unwrap()),
        [_, "life", config, seed, base, until, calm] => {
            life(config, seed.parse().unwrap(), base, Duration::from_millis(until.parse().unwrap()), *calm == "calm");
        }
        _ => eprintln!("hours CONFIG SEED HOURS"),
    }
}

/// One life after the other, each a process of its own; all but the last are cut off in the middle of whatever they are at.
fn lives(config: &str, seed: u64, seconds: u64) {
    let (mut draw, mut known, base) = (Draw(seed), Known::default(), Timestamp::now());
    let (end, troubled) = (Duration::from_secs(seconds), Duration::from_secs(seconds).saturating_sub(CALM));
    loop {
        let passed = Duration::from_millis(known.passed_ms);
        let calm = passed >= troubled;
        let until = if calm { end } else { troubled.min(passed + draw.about(25 * MINUTE)) };
        let (seed, base, until) = (draw.next().to_string(), base.to_string(), until.as_millis().to_string());
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["life", config, &seed, &base, &until, if calm { "calm" } else { "troubled" }]);
        let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        serde_json::to_writer(child.stdin.take().unwrap(), &known).unwrap();
        let told = child.wait_with_output().unwrap();
        known = serde_json::from_slice(&told.stdout).expect("a life tells what it knows");
        if calm {
            let now = base.parse::<Timestamp>().unwrap() + SignedDuration::try_from(end).unwrap();
            println!(
                "{}",
                json!({ "asked": known.asked, "stands": known.stands, "happened": known.happened, "now": now.to_string() })
            );
            return;
        }
    }
}

fn life(config: &str, seed: u64, base: &str, until: Duration, calm: bool) {
    let known: Known = serde_json::from_reader(std::io::stdin()).unwrap();
    let (passed_ms, wrong_ms) = (AtomicU64::new(known.passed_ms), AtomicI64::new(0));
    let mut world = World {
        config: config.into(),
        settings: Config::load(Path::new(config)).unwrap(),
        clock: Arc::new(SimClock { base: base.parse().unwrap(), passed_ms, wrong_ms }),
        draw: Draw(seed),
        sources: std::env::var("SOURCES").unwrap().split(' ').map(str::to_owned).collect(),
        known: Arc::new(Mutex::new(known)),
    };
    world.live(until, calm);
    let mut known = world.known.lock().unwrap().clone();
    known.passed_ms = u64::try_from(world.clock.passed().as_millis()).unwrap();
    println!("{}", serde_json::to_string(&known).unwrap());
    // Whatever it was at.
    std::process::abort();
}

impl World {
    fn happens(&self, what: &str) {
        *self.known.lock().unwrap().happened.entry(what.to_owned()).or_default() += 1;
    }

    /// From a daemon's start to its death. A calm one says how it stands.
    fn live(&mut self, until: Duration, calm: bool) {
        let host = self.host(calm);
        simulated::fail_per_mille(if calm { 0 } else { 60 });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            // As long as somebody works beside, tokio does not put its clock forward by itself.
            tokio::task::spawn_blocking(|| std::thread::sleep(Duration::from_secs(3600)));
            let config = self.config.clone();
            let mut daemon = tokio::spawn(async move { serve(&config, host, std::future::pending()).await });
            tokio::select! {
                ended = &mut daemon => {
                    eprintln!("ended by itself: {ended:?}");
                    self.happens("ended by itself");
                    if self.away().exists() {
                        self.vault_comes_back();
                    }
                    self.clock.passed_ms.fetch_add(2000, Ordering::Relaxed);
                }
                () = self.pass(until, calm) => self.happens(if calm { "calm" } else { "killed" }),
            }
        });
        // What it works at beside is not waited for.
        std::mem::forget(runtime);
    }

    fn host(&mut self, calm: bool) -> Host {
        let mut host = Host::system("root".into(), "/root".into(), std::env::current_exe().unwrap(), BTreeMap::new());
        host.env = Env { clock: self.clock.clone(), random: host.env.random };
        let (seed, slow) = (self.draw.next(), Fault::Slow(Duration::from_secs(3)));
        let rules = vec![
            Rule::always(Fault::ErrorBefore, "*").per_mille(15),
            Rule::always(Fault::TimeoutAfter, "*").on(Operation::Put).per_mille(30),
            Rule::always(Fault::TimeoutAfter, "*").on(Operation::Delete).per_mille(30),
            Rule::always(slow, "*").per_mille(10),
        ];
        if !calm {
            host.store_wrap = Some(StoreWrap::new(move |store| Arc::new(FaultStore::new(store, seed, rules.clone()))));
        }
        host
    }

    /// Lets time pass, and trouble come.
    async fn pass(&mut self, until: Duration, calm: bool) {
        let mut trouble = Trouble::default();
        for (key, source) in self.known.lock().unwrap().unheard.clone() {
            self.say(key, source);
        }
        let (mut next_trouble, mut next_ask) = (self.after(9 * MINUTE), self.after(2 * MINUTE));
        while self.clock.passed() < until {
            let now = self.clock.passed();
            if now >= next_ask {
                self.ask();
                next_ask = self.after(3 * MINUTE);
            }
            if !calm && now >= next_trouble {
                self.come(&mut trouble);
                next_trouble = self.after(9 * MINUTE);
            }
            trouble.go(self, now);
            self.step().await;
        }
        trouble.go(self, Duration::MAX);
        if calm {
            let stands = self.look().await;
            self.known.lock().unwrap().stands = stands;
        }
    }

    fn after(&mut self, span: Duration) -> Duration {
        self.clock.passed() + self.draw.about(span)
    }

    async fn step(&self) {
        tokio::time::advance(STEP).await;
        self.clock.passed_ms.fetch_add(u64::try_from(STEP.as_millis()).unwrap(), Ordering::Relaxed);
        let begun = Instant::now();
        while begun.elapsed() < REAL {
            tokio::task::yield_now().await;
        }
    }

    /// One of the things that happen to a daemon beside its death.
    fn come(&mut self, trouble: &mut Trouble) {
        match self.draw.below(4) {
            0 => {
                self.happens("vault away");
                std::fs::rename(self.vault(), self.away()).unwrap();
                trouble.vault_back = Some(self.after(4 * MINUTE));
            }
            1 => {
                self.happens("clock ahead");
                self.clock.wrong_ms.store(600_000, Ordering::Relaxed);
                trouble.clock_right = Some(self.after(6 * MINUTE));
            }
            2 => {
                self.happens("clock behind");
                self.clock.wrong_ms.store(-90_000, Ordering::Relaxed);
                trouble.clock_right = Some(self.after(6 * MINUTE));
            }
            _ => {
                self.happens("catalog locked");
                trouble.catalog = Some(Lock::take(&self.settings.data_folder.join("catalog.db")));
                trouble.catalog_free = Some(self.after(MINUTE));
            }
        }
    }

    fn vault(&self) -> PathBuf {
        self.settings.vault.strip_prefix("file:").unwrap().into()
    }

    fn away(&self) -> PathBuf {
        PathBuf::from(format!("{}.away", self.vault().display()))
    }

    /// What was made meanwhile in a folder of that name is nobody's.
    fn vault_comes_back(&self) {
        let _ = std::fs::remove_dir_all(self.vault());
        std::fs::rename(self.away(), self.vault()).unwrap();
    }

    /// Somebody wants a backup.
    fn ask(&mut self) {
        let which = usize::try_from(self.draw.below(self.sources.len() as u64)).unwrap();
        let source = self.sources[which].clone();
        let key = {
            let mut known = self.known.lock().unwrap();
            known.keys += 1;
            let key = format!("by-hand-{}", known.keys);
            known.unheard.insert(key.clone(), source.clone());
            key
        };
        self.say(key, source);
    }

    /// And says so until he is heard.
    fn say(&self, key: String, source: String) {
        let (socket, known) = (self.settings.socket.clone(), self.known.clone());
        tokio::spawn(async move {
            let path = format!("/api/v1/sources/{source}/backups");
            let body = json!({ "full": false, "label": key }).to_string();
            loop {
                let heard = http(&socket, "POST", &path, &format!("Idempotency-Key: {key}\r\n"), &body).await;
                let answer = match heard {
                    Some((200, answer)) => Some(answer["id"].as_str().unwrap().to_owned()),
                    Some((400..500, _)) => None,
                    _ => {
                        tokio::time::sleep(Duration::from_secs(5)).await;
                        continue;
                    }
                };
                let mut known = known.lock().unwrap();
                known.unheard.remove(&key);
                known.asked.insert(key, answer);
                return;
            }
        });
    }

    /// How it stands, in the daemon's own words.
    async fn look(&mut self) -> Value {
        let mut stands = serde_json::Map::new();
        for (name, path) in
            [("audit", "/api/v1/audit/verify"), ("alarms", "/api/v1/alarms"), ("status", "/api/v1/status")]
        {
            let (socket, path) = (self.settings.socket.clone(), path.to_owned());
            let mut asking = tokio::spawn(async move { http(&socket, "GET", &path, "", "").await });
            let answer = loop {
                tokio::select! {
                    answer = &mut asking => break answer.unwrap(),
                    () = self.step() => {}
                }
            };
            stands.insert(name.to_owned(), answer.map_or(Value::Null, |(_, answer)| answer));
        }
        Value::Object(stands)
    }
}

/// What is amiss now, and until when.
#[derive(Default)]
struct Trouble {
    vault_back: Option<Duration>,
    clock_right: Option<Duration>,
    catalog_free: Option<Duration>,
    catalog: Option<Lock>,
}

impl Trouble {
    fn go(&mut self, world: &World, now: Duration) {
        if self.vault_back.take_if(|at| *at <= now).is_some() {
            world.vault_comes_back();
        }
        if self.clock_right.take_if(|at| *at <= now).is_some() {
            world.clock.wrong_ms.store(0, Ordering::Relaxed);
        }
        if self.catalog_free.take_if(|at| *at <= now).is_some() {
            self.catalog = None;
        }
    }
}

/// Somebody else's program that has the catalog open, and locked.
struct Lock(Child);

impl Lock {
    fn take(catalog: &Path) -> Lock {
        let hold = "import sqlite3,sys,time\nd=sqlite3.connect(sys.argv[1],timeout=30)\nd.execute('BEGIN IMMEDIATE')\ntime.sleep(600)";
        Lock(Command::new("python3").args(["-c", hold]).arg(catalog).spawn().unwrap())
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn http(socket: &Path, method: &str, path: &str, headers: &str, body: &str) -> Option<(u16, Value)> {
    let mut stream = UnixStream::connect(socket).await.ok()?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: rekindle\r\nConnection: close\r\nContent-Type: application/json\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    let status = answer.split(' ').nth(1)?.parse().ok()?;
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    Some((status, serde_json::from_str(body).unwrap_or(Value::Null)))
}
