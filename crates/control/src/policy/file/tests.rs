//! The file: read, printed, read again; and every finding of a file at once.

use jiff::SignedDuration;
use proptest::prelude::*;

use super::{export, parse};
use crate::policy::{
    Allowance, Approvals, BackupRule, DrillRule, Entitlements, LogRule, Objectives, Policy, SourceUrl, Stack,
    StackSource, Zone,
};

const WHOLE: &str = include_str!("whole.toml");

#[test]
fn a_file_is_read_and_printed_in_one_shape() {
    let stack = parse(WHOLE).expect("a good file");
    let daily = &stack.policy.backups[1];
    assert_eq!((daily.name.as_str(), daily.jitter), ("daily", SignedDuration::from_mins(10)));
    assert_eq!(stack.policy.entitlements.clones, Allowance::Unlimited);
    assert_eq!(stack.sources[1].url, SourceUrl::Env("SEARCH_URL".into()));
    let printed = export(&stack).expect("printable");
    assert_eq!(printed, include_str!("whole.printed.toml"));
    assert_eq!(parse(&printed), Ok(stack));
}

#[test]
fn what_is_left_out_is_as_usual() {
    let small = "[stack]\nname = \"shop\"\n[[source]]\nname = \"orders\"\nurl = \"postgres://backup@db/orders\"\n";
    let stack = parse(small).expect("a good file");
    assert_eq!(stack.policy, Policy::default());
    let with_log = parse(&format!("{small}[policy.log]\n[policy.approvals]\nrestore = 2\n")).expect("a good file");
    assert_eq!(with_log.policy.log, LogRule::default());
    assert_eq!(with_log.policy.approvals, Approvals { restore: 2, ..Approvals::default() });
    assert_eq!(parse(&export(&stack).expect("printable")), Ok(stack));
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let found = parse(include_str!("wrong.toml")).expect_err("a bad file");
    let said: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(said.join("\n") + "\n", include_str!("wrong.txt"));
}

#[test]
fn what_is_no_table_at_all_is_said_too() {
    let said = |text: &str| {
        let found = parse(text).expect_err(text);
        found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    assert!(said("[stack]\nname = \n").starts_with("line 2: not TOML: "), "{}", said("[stack]\nname = \n"));
    let empty = "stack.name: is missing\nsource: is missing; hint: at least one `[[source]]` is needed";
    assert_eq!(said(""), empty);
    let flat = "stack = 1\nsource = \"x\"\npolicy = []\n";
    let expected = "stack: 1 is not a table `[stack]`\nstack.name: is missing\n\
        source: \"x\" is not a list of tables `[[source]]`\npolicy: a list is not a table `[policy]`";
    assert_eq!(said(flat), expected);
}

#[test]
fn an_address_with_a_password_is_refused_and_not_repeated() {
    for url in [
        "postgres://app:hunter2@db/orders",
        "postgresql://app@db/orders?password=hunter2",
        "host=db user=app password=hunter2",
        "host=db user=app password = hunter2",
        "host=db sslpassword=hunter2",
    ] {
        let error = url.parse::<SourceUrl>().expect_err(url);
        assert_eq!(error.what, "the address holds a password, and this file is no place for one");
        assert!(!format!("{error:?}").contains("hunter2"));
    }
    for url in [
        "postgres://app@db:5433/orders",
        "host=db user=app passfile=/etc/pg.pass",
        "env:ORDERS_URL",
        "file:/etc/orders.url",
        "command:secret get orders --field url",
        "postgres:///orders?host=/run/postgresql",
    ] {
        assert_eq!(url.parse::<SourceUrl>().map(|url| url.to_string()), Ok(url.to_owned()));
    }
    for url in ["", "orders", "http://db", "env:", "env:1X", "env:A B", "file:orders", "command: ", "postgres://"] {
        assert!(url.parse::<SourceUrl>().is_err(), "{url}");
    }
}

fn lengths() -> impl Strategy<Value = SignedDuration> {
    (1..100_000_i64, prop::sample::select(vec![1_i64, 60, 3_600]))
        .prop_map(|(n, unit)| SignedDuration::from_secs(n * unit))
}

fn read<T>(texts: &'static [&'static str]) -> impl Strategy<Value = T>
where
    T: std::str::FromStr<Err = crate::policy::invalid::Invalid> + std::fmt::Debug,
{
    prop::sample::select(texts).prop_map(|text| text.parse().expect(text))
}

fn rules() -> impl Strategy<Value = BackupRule> {
    let schedules = read(&[
        "hourly",
        "every 90 min",
        "daily at 02:00 Europe/Berlin",
        "cron 0 2 * * MON-FRI",
        "monthly on last at 01:00",
    ]);
    let keeps = read(&["60 h", "5 d", "last 7", "gfs 24 hourly 7 daily", "gfs 3 yearly"]);
    let jitters = prop_oneof![Just(SignedDuration::ZERO), lengths()];
    ("[a-z][a-z0-9_-]{0,20}", schedules, jitters, keeps, any::<bool>())
        .prop_map(|(name, schedule, jitter, keep, catch_up)| BackupRule { name, schedule, jitter, keep, catch_up })
        .prop_filter("not reserved", |rule| rule.name != "manual")
}

fn allowances() -> impl Strategy<Value = Allowance> {
    prop_oneof![Just(Allowance::No), Just(Allowance::Unlimited), (1..u32::MAX).prop_map(Allowance::UpTo)]
}

fn policies() -> impl Strategy<Value = Policy> {
    let optional = || prop::option::of(lengths());
    let drills = (read(&["daily at 04:00", "weekly on Sun at 05:00"]), prop::option::of("\\PC{0,20}"));
    let drills = prop::option::of(drills.prop_map(|(schedule, checks)| DrillRule { schedule, checks }));
    let windows = prop::collection::vec(read(&["daily 23:00-05:00", "Sat,Sun 00:00-24:00 Europe/Berlin"]), 0..3);
    let first = (prop::collection::vec(rules(), 0..4), lengths(), drills, optional(), optional());
    let second =
        (0..9_u32, lengths(), allowances(), allowances(), windows, prop::option::of(read(&["30 d", "last 9"])));
    let second = (second, any::<bool>());
    let zones = read::<Zone>(&["UTC", "Europe/Berlin", "America/New_York"]);
    (first, second, zones).prop_map(|(first, second, zone)| {
        let (mut backups, keep, drills, rpo, rto) = first;
        let ((restore, expires_after, manual_backups, clones, windows, manual), safety_snapshot) = second;
        backups.sort_by(|a, b| a.name.cmp(&b.name));
        backups.dedup_by(|a, b| a.name == b.name);
        let entitlements = Entitlements { manual_backups, clones };
        let approvals = Approvals { restore, expires_after };
        let objectives = Objectives { rpo, rto };
        let log = LogRule { keep };
        Policy { backups, log, drills, objectives, approvals, entitlements, windows, safety_snapshot, manual, zone }
    })
}

#[test]
fn what_is_kept_and_what_it_was_restored_from_are_read_and_printed() {
    let file = "[stack]\nname = \"hub\"\n[[source]]\nname = \"hub\"\nurl = \"postgres:///hub\"\n\
                [restored]\noperation = \"7f3\"\nfrom = \"b1\"\nmoment = \"the latest moment\"\nat = \"2026-11-22T08:00:00Z\"\n\
                [[secret]]\nname = \"key\"\nfrom = \"file:/etc/hub/key\"\n[[file]]\nname = \"settings\"\npath = \"/etc/hub/app.toml\"\n";
    let stack = parse(file).expect("a good file");
    assert_eq!(stack.restored.as_ref().map(|restored| restored.operation.as_str()), Some("7f3"));
    assert_eq!((stack.outside.secrets.len(), stack.outside.files.len()), (1, 1));
    assert_eq!(parse(&export(&stack).expect("printable")), Ok(stack));
    let wrong = file
        .replace("file:/etc/hub/key", "correct horse")
        .replace("\"/etc/hub/app.toml", "\"app.toml")
        .replace("\"settings\"", "\"key\"");
    let found: Vec<String> = parse(&wrong).expect_err("all of it is wrong").iter().map(ToString::to_string).collect();
    let found = found.join("\n");
    assert!(found.contains("secret[0]") && found.contains("\"app.toml\" is not an absolute path"), "{found}");
    assert!(!found.contains("correct horse"), "it may be the secret: {found}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_exported_is_read_as_the_same(policy in policies(), command in "\\PC{1,30}") {
        prop_assume!(!command.trim().is_empty());
        let source = StackSource { name: "orders".into(), url: SourceUrl::Command(command) };
        let stack = Stack { name: "shop".into(), sources: vec![source], policy, outside: Default::default(), restored: None };
        let text = export(&stack).expect("printable");
        prop_assert_eq!(parse(&text), Ok(stack.clone()), "{}", text);
        prop_assert_eq!(export(&parse(&text).expect("readable")), Ok(text));
    }
}

const OUTSIDE: &str = r#"
[stack]
name = "shop"

[[source]]
name = "orders"
url = "postgres://backup@db/orders"

[[service]]
name = "server"
server_of = "orders"
driver = "systemd"
unit = "postgresql@15-main"

[[service]]
name = "web"
driver = "command"
start = ["/opt/web", "start"]
stop = ["/opt/web", "stop"]
status = ["/opt/web", "status"]

[[hook]]
name = "index"
when = "re-sync"
driver = "command"
command = ["/opt/reindex", "{moment}"]

[[health]]
name = "front"
in_a_row = 3
driver = "tcp"
host = "localhost"
port = 8000

[[migration]]
source = "orders"
database = "shop"
expects = "20261118_add_vat"
"#;

#[test]
fn what_is_outside_is_read_and_printed_and_read_again() {
    let stack = parse(OUTSIDE).expect("a good file");
    assert_eq!(stack.outside.server_of("orders", "/d".as_ref()).map(|service| service.name.as_str()), Some("server"));
    assert_eq!(stack.outside.users().map(|service| service.name.as_str()).collect::<Vec<_>>(), ["web"]);
    assert_eq!((stack.outside.health[0].in_a_row, stack.outside.health[0].deadline_seconds), (3, 120));
    assert_eq!(stack.outside.migrations[0].expects, "20261118_add_vat");
    let printed = export(&stack).expect("printable");
    assert_eq!(parse(&printed), Ok(stack));
}

#[test]
fn all_that_is_wrong_outside_is_said_with_its_place() {
    let wrong = OUTSIDE
        .replace("server_of = \"orders\"", "server_of = \"order\"")
        .replace("status = [\"/opt/web\", \"status\"]", "status = []")
        .replace("when = \"re-sync\"", "when = \"afterwards\"")
        .replace("in_a_row = 3", "in_row = 3");
    let found = parse(&wrong).expect_err("a bad file");
    let said: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 4, "{said:#?}");
    assert!(said[0].starts_with("service[1]: "), "{said:#?}");
    assert!(said[1].starts_with("hook[0]: unknown variant `afterwards`, expected"), "{said:#?}");
    assert!(said[2].starts_with("health[0]: unknown field `in_row`"), "{said:#?}");
    assert_eq!(said[3], "service[0].server_of: there is no source \"order\" in this stack");
}

#[test]
fn all_that_is_wrong_with_an_expected_migration_is_said() {
    let twice = "[[migration]]\nsource = \"order\"\ndatabase = \"a\"\nexpects = \"1\"\n".repeat(2);
    let found =
        parse(&format!("{OUTSIDE}{twice}[[migration]]\nsource = 1\ntool = \"flyway\"\n")).expect_err("a bad file");
    let said: Vec<String> = found.iter().map(ToString::to_string).collect();
    let expected = [
        "migration[1].source: there is no source \"order\" in this stack",
        "migration[2].source: there is no source \"order\" in this stack",
        "migration[2].database: what \"a\" of \"order\" is expected to be at is said already",
        "migration[3].source: 1 is not a text in quotes",
        "migration[3].database: is missing",
        "migration[3].expects: is missing",
        "migration[3].tool: is not a setting; hint: known here: source, database, expects",
    ];
    let mut sorted = said.clone();
    sorted.sort();
    let mut wanted: Vec<String> = expected.iter().map(|text| (*text).to_owned()).collect();
    wanted.sort();
    assert_eq!(sorted, wanted, "{said:#?}");
}
