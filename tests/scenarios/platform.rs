//! J5: a platform that sells managed databases, and talks to Rekindle through its API alone. Backups go to S3.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use testkit::postgres::wait_until;
use testkit::s3;

use super::rounds::{self, Part, Scene};
use crate::house::{House, PATIENCE, server, text};
use crate::shop::{Harm, Shop};

struct Platform {
    shop: Shop,
    harm: Harm,
    _s3: s3::Server,
}

impl Platform {
    fn new() -> Platform {
        let s3 = tokio::runtime::Runtime::new().unwrap().block_on(s3::Server::start());
        let shop = Shop::in_bucket(&s3);
        Platform { shop, harm: Harm::default(), _s3: s3 }
    }

    /// What the API answers: the status and the body.
    fn api(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let answer = self.shop.house.ask_with(method, &format!("/api/v1{path}"), "", &text);
        let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        (status, serde_json::from_str(body).unwrap_or_else(|_| json!(body)))
    }

    fn get(&self, path: &str) -> Value {
        let (status, body) = self.api("GET", path, &Value::Null);
        assert_eq!(status, 200, "{path}: {body:#}");
        body
    }

    fn begin(&self, path: &str, ask: &Value) -> String {
        let (status, body) = self.api("POST", path, ask);
        assert!((200..300).contains(&status), "{path}: {status} {body:#}");
        body["id"].as_str().unwrap_or_else(|| panic!("{body:#}")).to_owned()
    }

    fn refused(&self, method: &str, path: &str, ask: &Value) -> Value {
        let (status, body) = self.api(method, path, ask);
        assert!((400..500).contains(&status), "{path}: {status} {body:#}");
        for field in ["code", "kind", "message", "hint", "request_id"] {
            assert!(body[field].as_str().is_some_and(|text| !text.is_empty()), "{field}: {body:#}");
        }
        body
    }

    /// Looks at it until it is over, or waits for a person. All that was seen; each is true.
    fn followed(&self, id: &str) -> Vec<Value> {
        let (mut seen, path) = (Vec::new(), format!("/operations/{id}"));
        let is_over = || {
            let one = self.get(&path);
            is_true(&one);
            let at_rest = ["succeeded", "failed", "cancelled", "paused"].contains(&one["status"].as_str().unwrap());
            seen.push(one);
            at_rest
        };
        assert!(wait_until(2 * PATIENCE, is_over), "{:#}\n{}", self.get(&path), self.shop.house.log());
        for pair in seen.windows(2) {
            let [before, after] = [&pair[0], &pair[1]].map(done);
            assert!(after >= before || pair[1]["status"] == "unwinding", "{pair:#?}");
        }
        seen
    }

    fn succeeds(&self, id: &str) -> Vec<Value> {
        let seen = self.followed(id);
        let last = seen.last().unwrap();
        assert_eq!(last["status"], "succeeded", "{last:#}\n{}", self.shop.house.log());
        seen
    }

    fn apply(&self, more: &str) -> (u16, Value) {
        let file = std::fs::read_to_string(self.shop.house.path("stack.toml")).unwrap();
        self.api("PUT", "/stacks", &json!({ "file": format!("{file}{more}") }))
    }
}

fn done(operation: &Value) -> usize {
    operation["steps"].as_array().unwrap().iter().filter(|step| step["status"] == "done").count()
}

/// Every field of an operation is there, and none says what another denies.
fn is_true(one: &Value) {
    let told = format!("{one:#}");
    let fields = "id kind source status step progress asked_by why steps back retryable next_try approvals approvals_needed refused \
                  waived started ended error result";
    for field in fields.split_whitespace() {
        assert!(one.get(field).is_some(), "{field}: {told}");
    }
    let (status, steps) = (one["status"].as_str().unwrap(), one["steps"].as_array().unwrap());
    let is_over = ["succeeded", "failed", "cancelled"].contains(&status);
    assert_eq!(one["ended"].is_string(), is_over, "{told}");
    assert_eq!(one["result"].is_null(), status != "succeeded", "{told}");
    assert!(one["error"].is_object() || !["failed", "paused", "retrying", "stuck"].contains(&status), "{told}");
    let states: Vec<&str> = steps.iter().map(|step| step["status"].as_str().unwrap()).collect();
    assert!(states.iter().filter(|state| **state == "in-flight").count() <= 1, "{told}");
    if status == "succeeded" {
        assert!(states.iter().all(|state| *state == "done"), "{told}");
    }
    if status == "running" {
        let left = states.iter().skip_while(|state| **state == "done");
        let waiting = left.skip_while(|state| ["in-flight", "unknown"].contains(state));
        assert!(waiting.clone().all(|state| *state == "waiting"), "{told}");
        assert!(!one["step"].as_str().unwrap().is_empty(), "{told}");
    }
    for step in steps {
        let begun = step["status"] != "waiting";
        assert!(step["attempt"].as_u64() <= step["attempts"].as_u64(), "{told}");
        assert!(!begun || step["attempt"].as_u64() > Some(0), "{told}");
        assert!(step["status"] != "done" || (step["began"].is_string() && step["ended"].is_string()), "{told}");
    }
    let back = |facet: &str| one["back"][facet]["state"].as_str().unwrap_or_default().to_owned();
    for (facet, name) in [("data", "cut-over"), ("connectivity", "connect")] {
        let by_step = steps.iter().find(|step| step["name"] == name).map(|step| step["status"] == "done");
        assert!(by_step.is_none_or(|is_done| is_done == (back(facet) == "well")), "{facet}: {told}");
    }
}

fn states(seen: &[Value]) -> BTreeSet<String> {
    let state = |one: &Value, facet: &str| one["back"][facet]["state"].as_str().unwrap_or_default().to_owned();
    let told = |one: &Value| ["data", "connectivity", "behaviour"].map(|facet| state(one, facet)).join(" ");
    seen.iter().map(told).collect()
}

impl Scene for Platform {
    const KIND: &'static str = "restore";

    fn house(&mut self) -> &mut House {
        &mut self.shop.house
    }

    fn harm(&mut self, _: &str) -> Vec<String> {
        self.harm = self.shop.harm();
        // Copied; other jobs open it on a mount.
        ["restore", "shop", "--time", &self.harm.time, "--swap", "--copy", "--yes"].map(str::to_owned).to_vec()
    }

    fn has_gone_back(&mut self, step: &str) {
        self.shop.is_without(&self.harm, step);
        assert!(self.get("/sources/shop")["restoring"].is_null(), "{step}");
        self.shop.retire_newest();
    }

    fn is_as_it_was(&mut self, step: &str) {
        self.shop.is_with(&self.harm, step);
        assert!(self.get("/sources/shop")["restoring"].is_null(), "{step}");
        self.shop.retire_all();
        self.shop.mend();
    }
}

#[test]
fn a_restore_through_the_api_alone_is_visible_at_every_moment() {
    let mut platform = Platform::new();
    let slow = "[[hook]]\nname = \"shows\"\nwhen = \"smoke\"\ndriver = \"command\"\ncommand = [\"sleep\", \"2\"]\n";
    assert_eq!(platform.apply(slow).0, 200);
    let first = platform.begin("/sources/shop/backups", &json!({ "label": "first" }));
    platform.succeeds(&first);
    let drill = platform.begin("/sources/shop/drills", &json!({ "target": "latest" }));
    platform.succeeds(&drill);
    platform.harm("");
    let ask = json!({ "target": { "time": platform.harm.time }, "mode": "swap" });
    let (status, plan) = platform.api("POST", "/sources/shop/restores/plan", &ask);
    assert!(status == 200 && plan["steps"].as_array().unwrap().len() > 10, "{plan:#}");
    assert!(plan["findings"].to_string().contains("was proven by a drill"), "{plan:#}");

    let id = platform.begin("/sources/shop/restores", &ask);
    let restoring = || platform.get("/sources/shop")["restoring"]["operation"] == id.as_str();
    assert!(wait_until(PATIENCE, restoring), "{:#}", platform.get("/sources/shop"));
    let seen = platform.succeeds(&id);
    let states = states(&seen);
    assert!(states.contains("well well checking") && states.contains("well well well"), "{states:?}");
    assert!(states.iter().any(|told| told.starts_with("waiting waiting")), "{states:?}");
    let log = platform.get(&format!("/operations/{id}/log"));
    assert!(log.to_string().contains("the old cluster is kept as"), "{log:#}");
    let report = platform.get(&format!("/operations/{id}/report"));
    assert_eq!(report["operation"], id.as_str());
    platform.has_gone_back("all of it");
}

/// The data is back and one gets in, and it does not work: that is what is shown.
#[test]
fn an_application_that_does_not_work_is_shown_apart_from_its_data() {
    let mut platform = Platform::new();
    let fails = "[[hook]]\nname = \"orders\"\nwhen = \"smoke\"\ndriver = \"command\"\ncommand = [\"false\"]\n";
    assert_eq!(platform.apply(fails).0, 200);
    platform.harm("");
    let ask = json!({ "target": { "time": platform.harm.time }, "mode": "swap" });
    let id = platform.begin("/sources/shop/restores", &ask);
    let last = platform.followed(&id).pop().unwrap();
    assert_eq!((&last["status"], &last["step"]), (&json!("paused"), &json!("smoke")), "{last:#}");
    assert_eq!(states(std::slice::from_ref(&last)).first().unwrap(), "well well failed");
    assert!(last["error"]["message"].as_str().unwrap().contains("hook orders"), "{last:#}");
    assert_eq!(platform.get("/sources/shop")["restoring"]["status"], "paused");
    let (status, _) = platform.api("POST", &format!("/operations/{id}/cancel"), &json!({ "why": "it does not work" }));
    assert_eq!(status, 200);
    let path = format!("/operations/{id}");
    assert!(wait_until(PATIENCE, || platform.get(&path)["status"] == "cancelled"), "{:#}", platform.get(&path));
    assert_eq!(platform.get(&path)["back"]["data"]["state"], "taken-back");
    platform.is_as_it_was("smoke");
}

#[test]
fn what_is_not_complete_or_not_in_the_plan_is_refused() {
    let mut platform = Platform::new();
    let entitled = "[policy.entitlements]\nmanual_backups = 2\nclones = 1\n";
    assert_eq!(platform.apply(entitled).0, 200);
    // One that is not over yet is nothing to restore from.
    platform.shop.house.kill_daemon();
    platform.shop.house.variable("REKINDLE_TEST_FAULT", "backup/store/hangs");
    platform.shop.house.start_daemon();
    let half = platform.begin("/sources/shop/backups", &json!({ "label": "half" }));
    let into = platform.shop.house.path("into");
    let ask = json!({ "target": { "backup": "half" }, "into": text(&into) });
    let told = platform.refused("POST", "/sources/shop/restores", &ask);
    assert!(told["message"].as_str().unwrap().contains("it is not complete"), "{told:#}");
    assert!(!into.exists());
    assert_eq!(platform.api("POST", &format!("/operations/{half}/cancel"), &json!({})).0, 200);
    platform.followed(&half);
    let told = platform.refused("POST", "/sources/shop/restores", &ask);
    assert!(told["message"].as_str().unwrap().contains("it was cancelled"), "{told:#}");

    // The shop's own first backup counts, and this one.
    platform.succeeds(&platform.begin("/sources/shop/backups", &json!({ "label": "second" })));
    let told = platform.refused("POST", "/sources/shop/backups", &json!({ "label": "third" }));
    assert_eq!(told["code"], "RK-3018", "{told:#}");

    // A clone is another, and the original is not touched by it.
    let before = platform.shop.sql("SELECT pg_relation_filenode('orders')");
    let clone = platform.begin("/sources/shop/clones", &json!({ "target": "latest", "name": "copy" }));
    platform.succeeds(&clone);
    let asked = json!({ "database": "postgres", "sql": "DROP TABLE orders" });
    let (status, answer) = platform.api("POST", "/instances/copy/sql", &asked);
    assert_eq!(status, 200, "{answer:#}");
    assert_eq!(platform.shop.sql("SELECT pg_relation_filenode('orders')"), before);
    platform.shop.serves();
    let told = platform.refused("POST", "/sources/shop/clones", &json!({ "target": "latest" }));
    assert_eq!(told["code"], "RK-3018", "{told:#}");
}

/// Where backups would go is tried when it is said, not on the night on which one is needed.
#[test]
fn a_bucket_that_cannot_be_used_is_refused_when_it_is_configured() {
    let s3 = tokio::runtime::Runtime::new().unwrap().block_on(s3::Server::start());
    let mut house = House::bare(server(15));
    house.on_s3(&s3);
    let (key, data) = (house.path("key"), house.path("data"));
    let fixed = ["--key-file", text(&key), "--data-folder", text(&data)];
    let absent = [&["init", "--vault", "s3://absent/house"][..], &fixed, &house.s3_words()].concat();
    let (code, told) = house.run(&absent);
    assert_eq!((code, told["code"].as_str()), (5, Some("RK-1030")), "{told:#}");
    assert!(told["hint"].as_str().is_some_and(|hint| hint.contains("no such bucket")), "{told:#}");
    assert!(!house.path("rekindle.toml").exists(), "nothing is configured");
}

#[test]
fn killed_before_every_step_it_comes_to_its_end() {
    rounds::killed(&mut Platform::new(), "dies-before", Part::All);
}

#[test]
fn what_fails_at_any_step_leaves_the_old_state_serving() {
    rounds::broken(&mut Platform::new(), Part::All);
}
