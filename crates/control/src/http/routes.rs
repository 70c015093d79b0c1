//! The table of routes. The router, the role checks, the OpenAPI document and the roles in docs/people.md all come from it.

use api::{
    AlarmDetail, AlarmTestAsk, AlarmView, ApplyAnswer, ApplyAsk, AuditRecord, AuditVerdict, BackupAsk, ChannelTest,
    CheckAsk, CloneAsk, ConsentAsk, ConsumerView, DrillAsk, DrillReport, ExpireAsk, ExpiryView, ExtractAsk, FleetView,
    Health, HydrationAsk, InstanceView, LogLine, LoginAsk, MeView, MomentView, NewToken, Operation, OperationAsk,
    OutlookView, PasswordAsk, PeekAsk, PinAsk, ProtectAnswer, ProtectAsk, ReportLink, ReportLinkAsk, RestoreAsk,
    RestorePlan, RetiredView, Role, RolesAsk, RunbookReport, SecretAnswer, SecretsView, SessionView, SettingsView,
    SourceView, SqlAnswer, SqlAsk, StackView, Status, TimelineView, TokenAsk, TokenView, UserAsk, UserView, VaultView,
    VolumeView,
};

use super::route::{Audited, Kind, Needs, Of, Route, delete, get, post, put};
use super::{
    alarms, audit, events, fleet, health, instances, links, login, openapi, operations, reports, sources, stacks,
    tokens, users, vault,
};

const SEEN: Needs = Needs::Role(Role::Viewer, Of::Something);
const ADMIN: Needs = Needs::Role(Role::Admin, Of::Everything);

const fn viewer(of: Of) -> Needs {
    Needs::Role(Role::Viewer, of)
}

const fn operator(of: Of) -> Needs {
    Needs::Role(Role::Operator, of)
}

const fn approver(of: Of) -> Needs {
    Needs::Role(Role::Approver, of)
}

const fn admin(of: Of) -> Needs {
    Needs::Role(Role::Admin, of)
}

pub(crate) fn table() -> Vec<Route> {
    [
        operations(),
        told(),
        fleet(),
        stacks(),
        sources(),
        retired(),
        opened_sources(),
        instances(),
        alarms(),
        people(),
        audit(),
        health(),
    ]
    .concat()
}

const EVENTS: &str = "text/event-stream";

fn operations() -> Vec<Route> {
    vec![
        get("/status", SEEN, "How everything stands").gives::<Status>().to(operations::status),
        post("/check", operator(Of::Everything), "Begins a check of the vault")
            .takes::<CheckAsk>()
            .gives::<Operation>()
            .to(operations::check),
        get("/operations", SEEN, "What runs and what ran, the newest first")
            .asks(&[
                ("kind", Kind::Text, "only of this kind: backup, restore, …"),
                ("source", Kind::Text, "only of this source"),
                ("unfinished", Kind::Flag, "only those that are not over"),
                ("before", Kind::Text, "older than this operation"),
                ("limit", Kind::Number, "how many; 200 when not said"),
            ])
            .gives_list::<Operation>()
            .to(operations::list),
        get("/operations/{id}", viewer(Of::Operation), "One operation with its steps")
            .gives::<Operation>()
            .to(operations::show),
        get(
            "/operations/{id}/plan",
            viewer(Of::Operation),
            "What a restore in the place of the live one was planned as",
        )
        .gives::<RestorePlan>()
        .to(operations::plan),
        get("/operations/{id}/log", viewer(Of::Operation), "What its steps said")
            .asks(&[("after", Kind::Number, "lines behind this one")])
            .gives_list::<LogLine>()
            .to(operations::log),
        get("/operations/events", SEEN, "Every operation that changes, as Server-Sent Events")
            .gives_text(EVENTS)
            .to(events::operations),
        get("/operations/{id}/events", viewer(Of::Operation), "One operation as it goes, as Server-Sent Events")
            .gives_text(EVENTS)
            .to(events::operation),
    ]
}

fn fleet() -> Vec<Route> {
    vec![
        get("/fleet", SEEN, "Every stack in a row").gives::<FleetView>().to(fleet::list),
        get("/fleet/events", SEEN, "All rows, then those that change, as Server-Sent Events")
            .gives_text(EVENTS)
            .to(fleet::events),
        get("/vault", viewer(Of::Everything), "The vault, its growth and its keys")
            .gives::<VaultView>()
            .to(vault::show),
        get("/settings", operator(Of::Everything), "What the configuration says, without anything secret")
            .gives::<SettingsView>()
            .to(vault::settings),
    ]
}

/// What people say to an operation.
fn told() -> Vec<Route> {
    let told = |path, needs, summary| post(path, needs, summary).takes::<OperationAsk>().gives::<Operation>();
    vec![
        told("/operations/{id}/approve", approver(Of::Operation), "Agrees to it; never by who asked for it")
            .to(operations::approve),
        told("/operations/{id}/refuse", approver(Of::Operation), "Refuses it while it waits to be approved")
            .to(operations::refuse),
        told("/operations/{id}/pause", operator(Of::Operation), "Stops it before its next step").to(operations::pause),
        told("/operations/{id}/resume", operator(Of::Operation), "Goes on after a pause").to(operations::resume),
        told("/operations/{id}/cancel", operator(Of::Operation), "Stops it and takes back what it did")
            .to(operations::cancel),
        told("/operations/{id}/retry", operator(Of::Operation), "Tries again now").to(operations::retry),
        told("/operations/{id}/abandon", operator(Of::Operation), "Gives up one that is stuck").to(operations::abandon),
    ]
}

fn stacks() -> Vec<Route> {
    vec![
        get("/stacks", SEEN, "Stacks as they were applied, by name")
            .asks(&[("after", Kind::Text, "behind this name"), ("limit", Kind::Number, "how many; all when not said")])
            .gives_list::<StackView>()
            .to(stacks::list),
        put("/stacks", ADMIN, "Makes a stack as a file says, or says what would change")
            .takes::<ApplyAsk>()
            .gives::<ApplyAnswer>()
            .slow()
            .to(stacks::apply),
        get("/stacks/{name}", viewer(Of::Stack), "One stack").gives::<StackView>().to(stacks::show),
        get(
            "/stacks/{name}/secrets",
            ADMIN,
            "Which secrets and settings of a stack the vault keeps, also when it is gone",
        )
        .gives::<SecretsView>()
        .to(stacks::secrets),
        post("/stacks/{name}/secrets/{secret}/read", ADMIN, "What one of them is")
            .gives::<SecretAnswer>()
            .to(stacks::secret),
    ]
}

fn sources() -> Vec<Route> {
    vec![
        post("/sources", ADMIN, "Looks at a server and protects it")
            .takes::<ProtectAsk>()
            .gives::<ProtectAnswer>()
            .slow()
            .to(sources::protect),
        get("/sources/{name}", viewer(Of::Source), "One source and how it stands")
            .gives::<SourceView>()
            .to(sources::show),
        delete("/sources/{name}", admin(Of::Source), "Stops protecting it; its backups stay")
            .slow()
            .to(sources::unprotect),
        get("/sources/{name}/timeline", viewer(Of::Source), "Which moments can be restored")
            .gives::<TimelineView>()
            .to(sources::timeline),
        get("/sources/{name}/moment", viewer(Of::Source), "Whether a moment can be restored, and what lies around it")
            .asks(&[("at", Kind::Text, "the moment, RFC 3339")])
            .gives::<MomentView>()
            .to(sources::moment),
        get("/sources/{name}/volume", viewer(Of::Source), "How much log there is, over time")
            .gives_list::<VolumeView>()
            .slow()
            .to(sources::volume),
        get("/sources/{name}/expiry", viewer(Of::Source), "What the policy would remove now; nothing is removed")
            .gives::<ExpiryView>()
            .slow()
            .to(sources::expiry),
        get("/sources/{name}/outlook", viewer(Of::Source), "What keeping it will take when all goes on as it did")
            .gives::<OutlookView>()
            .slow()
            .to(sources::outlook),
        get("/sources/{name}/consumers", viewer(Of::Source), "Who used it in the last 30 days, the last seen first")
            .gives_list::<ConsumerView>()
            .to(sources::consumers),
        post("/sources/{name}/backups", operator(Of::Source), "Begins a backup")
            .takes::<BackupAsk>()
            .gives::<Operation>()
            .to(sources::backup),
        post("/sources/{name}/backups/{backup}/pin", operator(Of::Source), "Keeps a backup whatever the rules say")
            .takes::<PinAsk>()
            .to(sources::pin),
        delete("/sources/{name}/backups/{backup}/pin", operator(Of::Source), "Takes all pins off a backup")
            .to(sources::unpin),
        post("/sources/{name}/expire", admin(Of::Source), "Removes backups that no rule keeps, or plans it")
            .takes::<ExpireAsk>()
            .gives::<Operation>()
            .to(sources::expire),
        post("/sources/{name}/restores", operator(Of::Source), "Begins a restore into a new directory")
            .takes::<RestoreAsk>()
            .gives::<Operation>()
            .slow()
            .to(sources::restore),
        post("/sources/{name}/restores/plan", operator(Of::Source), "What a restore would do; nothing is touched")
            .takes::<RestoreAsk>()
            .gives::<RestorePlan>()
            .audited(Audited::No)
            .slow()
            .to(sources::plan),
    ]
}

fn retired() -> Vec<Route> {
    vec![
        get("/retired", SEEN, "What restores replaced and keep").gives_list::<RetiredView>().to(sources::retired),
        get(
            "/operations/{id}/report",
            viewer(Of::Operation),
            "The account of a restore in the place of a live cluster",
        )
        .asks(&[("format", Kind::Text, "json, markdown or html; json when not said")])
        .gives::<RunbookReport>()
        .to(reports::show),
        post("/operations/{id}/report/links", viewer(Of::Operation), "Makes a link to its report that expires")
            .takes::<ReportLinkAsk>()
            .gives::<ReportLink>()
            .to(links::make),
        get("/shared/reports/{link}", Needs::Nothing, "The report behind such a link")
            .gives_text("text/html")
            .at_root()
            .to(links::show),
        post("/operations/{id}/retire", admin(Of::Operation), "Removes what an operation replaced, for good")
            .slow()
            .to(sources::retire),
        post("/operations/{id}/rollback", operator(Of::Operation), "Brings back what an operation replaced")
            .takes::<ConsentAsk>()
            .gives::<Operation>()
            .slow()
            .to(sources::rollback),
        post("/operations/{id}/rollback/plan", operator(Of::Operation), "What that would do; nothing is touched")
            .takes::<ConsentAsk>()
            .gives::<RestorePlan>()
            .audited(Audited::No)
            .slow()
            .to(sources::rollback_plan),
    ]
}

fn opened_sources() -> Vec<Route> {
    vec![
        post("/sources/{name}/clones", operator(Of::Source), "Opens a moment as a server of its own")
            .takes::<CloneAsk>()
            .gives::<Operation>()
            .slow()
            .to(instances::clone),
        post("/sources/{name}/peeks", operator(Of::Source), "Opens a moment for a look")
            .takes::<PeekAsk>()
            .gives::<Operation>()
            .slow()
            .to(instances::peek),
        post("/sources/{name}/drills", operator(Of::Source), "Proves a moment")
            .takes::<DrillAsk>()
            .gives::<Operation>()
            .slow()
            .to(instances::drill),
        get("/sources/{name}/drills/{id}", viewer(Of::Source), "The evidence of a drill")
            .gives::<DrillReport>()
            .to(instances::evidence),
        post("/sources/{name}/extracts", operator(Of::Source), "Brings one database or some tables back")
            .takes::<ExtractAsk>()
            .gives::<Operation>()
            .slow()
            .to(instances::extract),
        post("/sources/{name}/extracts/plan", operator(Of::Source), "What that would do; nothing is touched")
            .takes::<ExtractAsk>()
            .gives::<RestorePlan>()
            .audited(Audited::No)
            .slow()
            .to(instances::extract_plan),
    ]
}

fn instances() -> Vec<Route> {
    const OPERATOR: Needs = operator(Of::Instance);
    vec![
        get("/instances", SEEN, "What was opened and is looked after").gives_list::<InstanceView>().to(instances::list),
        get("/instances/{name}", viewer(Of::Instance), "One instance").gives::<InstanceView>().to(instances::show),
        delete("/instances/{name}", OPERATOR, "Removes it and all it has written").slow().to(instances::remove),
        post("/instances/{name}/start", OPERATOR, "Starts its server")
            .gives::<InstanceView>()
            .slow()
            .to(instances::start),
        post("/instances/{name}/stop", OPERATOR, "Stops its server").gives::<InstanceView>().slow().to(instances::stop),
        post("/instances/{name}/reset", OPERATOR, "Opens a clone anew at its moment")
            .gives::<Operation>()
            .to(instances::reset),
        post("/instances/{name}/detach", OPERATOR, "Turns it into a plain directory").slow().to(instances::detach),
        post("/instances/{name}/keep", OPERATOR, "Keeps a peek for a while longer")
            .audited(Audited::No)
            .to(instances::keep),
        post("/instances/{name}/hydration", OPERATOR, "Pauses or limits the fetching behind it")
            .takes::<HydrationAsk>()
            .gives::<InstanceView>()
            .to(instances::hydration),
        post("/instances/{name}/sql", OPERATOR, "Runs SQL on it")
            .takes::<SqlAsk>()
            .gives_list::<SqlAnswer>()
            .slow()
            .to(instances::sql),
    ]
}

fn people() -> Vec<Route> {
    vec![
        get("/openapi.json", Needs::Nothing, "This document").to(openapi::show),
        post("/login", Needs::Nothing, "Signs in with a password; the answer sets the session's cookie")
            .takes::<LoginAsk>()
            .gives::<SessionView>()
            .audited(Audited::After)
            .to(login::log_in),
        post("/logout", Needs::SignedIn, "Ends the session").to(login::log_out),
        get("/me", Needs::SignedIn, "Who asks, and what he may").gives::<MeView>().to(login::me),
        get("/users", ADMIN, "Who there is").gives_list::<UserView>().to(users::list),
        post("/users", ADMIN, "Adds a user").takes::<UserAsk>().gives::<UserView>().to(users::add),
        get("/users/{name}", ADMIN, "One user").gives::<UserView>().to(users::show),
        delete("/users/{name}", ADMIN, "Removes a user with sessions and tokens").to(users::remove),
        put("/users/{name}/roles", ADMIN, "Gives a user these roles and no others")
            .takes::<RolesAsk>()
            .gives::<UserView>()
            .to(users::roles),
        put("/users/{name}/password", ADMIN, "Sets a password and ends the user's sessions")
            .takes::<PasswordAsk>()
            .to(users::password),
        get("/tokens", Needs::SignedIn, "One's own tokens; all of them for an admin")
            .gives_list::<TokenView>()
            .to(tokens::list),
        post("/tokens", Needs::SignedIn, "Makes a token; it is shown this once")
            .takes::<TokenAsk>()
            .gives::<NewToken>()
            .to(tokens::add),
        delete("/tokens/{id}", Needs::SignedIn, "Revokes a token").to(tokens::revoke),
    ]
}

fn audit() -> Vec<Route> {
    vec![
        get("/audit", ADMIN, "What was asked to change, the newest first")
            .asks(&[
                ("before", Kind::Number, "records before this one"),
                ("limit", Kind::Number, "how many, at most 1000; 100 when not said"),
            ])
            .gives_list::<AuditRecord>()
            .to(audit::list),
        get("/audit/verify", ADMIN, "Whether the audit log is whole").gives::<AuditVerdict>().slow().to(audit::verify),
    ]
}

#[cfg(test)]
mod tests;

fn alarms() -> Vec<Route> {
    vec![
        get("/alarms", SEEN, "What is wrong, and what was")
            .asks(&[
                ("all", Kind::Flag, "also those that are over"),
                ("since", Kind::Text, "all that were raised at some time since then"),
                ("kind", Kind::Text, "only of this kind: log-gap, …"),
                ("source", Kind::Text, "only of this source"),
                ("severity", Kind::Text, "critical or warning"),
                ("before", Kind::Number, "older than this alarm"),
                ("limit", Kind::Number, "how many; 100 when not said"),
            ])
            .gives_list::<AlarmView>()
            .to(alarms::list),
        get("/alarms/{n}", SEEN, "One alarm, and whom it was told").gives::<AlarmDetail>().to(alarms::show),
        post("/alarms/test", operator(Of::Everything), "Sends a test message to the channels")
            .takes::<AlarmTestAsk>()
            .gives_list::<ChannelTest>()
            .to(alarms::test),
    ]
}

fn health() -> Vec<Route> {
    vec![
        get("/healthz", Needs::Nothing, "The process serves").gives::<Health>().at_root().to(health::healthz),
        get("/readyz", Needs::Nothing, "Catalog and vault answer").gives::<Health>().at_root().to(health::readyz),
        get("/metrics", viewer(Of::Everything), "For Prometheus")
            .gives_text("application/openmetrics-text")
            .at_root()
            .to(health::metrics),
    ]
}
