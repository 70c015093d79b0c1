//! What rights allow, and how people show who they are: against a real catalog.

use super::*;
use crate::house::House;
use api::{LoginAsk, Password, TokenAsk, UserAsk};

fn grant(role: Role, stack: Option<&str>) -> Grant {
    Grant { role, stack: stack.map(str::to_owned) }
}

fn who(grants: &[Grant]) -> Identity {
    Identity::new("ada".into(), Via::Token, grants.to_vec())
}

#[test]
fn roles_include_what_they_should_and_no_more() {
    let table: Vec<String> = ROLES
        .iter()
        .map(|has| {
            let may = ROLES.iter().filter(|needed| includes(*has, **needed)).map(|role| role_name(*role));
            format!("{}: {}", role_name(*has), may.collect::<Vec<_>>().join(" "))
        })
        .collect();
    let expected = [
        "viewer: viewer",
        "operator: viewer operator",
        "approver: viewer approver",
        "admin: viewer operator approver admin",
    ];
    assert_eq!(table, expected);
}

#[test]
fn a_right_for_a_stack_is_none_for_another_or_for_everything() {
    let ada = who(&[grant(Role::Operator, Some("shop"))]);
    assert!(ada.may(Role::Operator, Some("shop")) && ada.may(Role::Viewer, Some("shop")));
    assert!(!ada.may(Role::Operator, Some("other")) && !ada.may(Role::Operator, None));
    assert!(!ada.may(Role::Approver, Some("shop")));
    assert!(ada.may_somewhere(Role::Operator) && !ada.may_somewhere(Role::Admin));
    assert!(!who(&[]).may_somewhere(Role::Viewer));
}

#[test]
fn who_is_within_something_may_only_what_both_allow() {
    let token = who(&[grant(Role::Viewer, None)]).within(vec![grant(Role::Admin, Some("shop"))]);
    assert!(token.may(Role::Viewer, Some("shop")));
    assert!(!token.may(Role::Operator, Some("shop")) && !token.may(Role::Viewer, None));
    assert!(token.may_somewhere(Role::Viewer) && !token.may_somewhere(Role::Operator));
}

const PASSWORD: &str = "correct horse battery";

async fn with_ada(house: &House) {
    let ask = UserAsk {
        name: "ada".into(),
        grants: vec![grant(Role::Operator, None)],
        password: Some(Password(PASSWORD.into())),
    };
    users::add(&house.daemon, &ask).await.unwrap();
}

fn login(name: &str, password: &str) -> LoginAsk {
    LoginAsk { name: name.into(), password: Password(password.into()) }
}

#[tokio::test]
async fn a_session_begins_with_the_password_and_ends_with_it() {
    let house = House::new().await;
    with_ada(&house).await;
    let wrong = sessions::log_in(&house.daemon, &login("ada", "wrong password"), None).await.err().unwrap();
    let nobody = sessions::log_in(&house.daemon, &login("bob", PASSWORD), None).await.err().unwrap();
    assert_eq!((wrong.code(), wrong.to_string()), (nobody.code(), nobody.to_string()));
    let begun = sessions::log_in(&house.daemon, &login("ada", PASSWORD), None).await.unwrap();
    let known = sessions::identity(&house.daemon, &begun.secret).await.unwrap().unwrap();
    assert!(known.name == "ada" && known.may(Role::Operator, None) && !known.may(Role::Admin, None));
    users::set_password(&house.daemon, "ada", "another long one").await.unwrap();
    assert_eq!(sessions::identity(&house.daemon, &begun.secret).await.unwrap(), None);
    assert_eq!(users::set_password(&house.daemon, "ada", "short").await.unwrap_err().code(), "RK-3013");
}

#[tokio::test]
async fn who_guesses_is_stopped_whether_the_user_is_there_or_not() {
    let house = House::new().await;
    with_ada(&house).await;
    for name in ["ada", "bob"] {
        let mut codes = Vec::new();
        for _ in 0..6 {
            codes
                .push(sessions::log_in(&house.daemon, &login(name, "a wrong guess"), None).await.err().unwrap().code());
        }
        assert_eq!(codes, ["RK-3073", "RK-3073", "RK-3073", "RK-3073", "RK-3073", "RK-3072"], "{name}");
    }
    // Also who knows the password waits then.
    assert_eq!(sessions::log_in(&house.daemon, &login("ada", PASSWORD), None).await.err().unwrap().code(), "RK-3072");
}

#[tokio::test]
async fn a_token_may_at_most_what_its_owner_may_and_ends_with_him() {
    let house = House::new().await;
    with_ada(&house).await;
    let daemon = &house.daemon;
    let begun = sessions::log_in(daemon, &login("ada", PASSWORD), None).await.unwrap();
    let ada = sessions::identity(daemon, &begun.secret).await.unwrap().unwrap();
    let ask = |role| TokenAsk { name: "ci".into(), grants: vec![grant(role, None)], ttl_seconds: None };
    assert_eq!(tokens::add(daemon, &ada, &ask(Role::Admin)).await.unwrap_err().code(), "RK-3071");
    let made = tokens::add(daemon, &ada, &ask(Role::Operator)).await.unwrap();
    let token = made.token.0;
    let known = tokens::identity(daemon, &token).await.unwrap().unwrap();
    assert!(known.name == "ada" && known.may(Role::Operator, None));
    assert_eq!(tokens::add(daemon, &known, &ask(Role::Viewer)).await.unwrap_err().code(), "RK-3071");
    users::set_roles(daemon, "ada", &[grant(Role::Viewer, None)]).await.unwrap();
    let known = tokens::identity(daemon, &token).await.unwrap().unwrap();
    assert!(known.may(Role::Viewer, None) && !known.may(Role::Operator, None));
    assert!(tokens::list(daemon, &known).await.unwrap()[0].last_used.is_some());
    users::remove(daemon, "ada").await.unwrap();
    assert_eq!(tokens::identity(daemon, &token).await.unwrap(), None);
    assert_eq!(tokens::identity(daemon, "rk_not-one").await.unwrap(), None);
}

#[tokio::test]
async fn a_token_ends_by_itself() {
    let house = House::new().await;
    let root = Identity::new("root".into(), Via::Socket { uid: 0 }, vec![grant(Role::Admin, None)]);
    let ask = TokenAsk { name: "ci".into(), grants: vec![grant(Role::Viewer, None)], ttl_seconds: Some(1) };
    let made = tokens::add(&house.daemon, &root, &ask).await.unwrap();
    assert!(tokens::identity(&house.daemon, &made.token.0).await.unwrap().is_some());
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    assert_eq!(tokens::identity(&house.daemon, &made.token.0).await.unwrap(), None);
}
