//! What of it needs no cluster.

use super::*;

fn scale(json: Value) -> Outcome<Scaled> {
    Scaled::of(&serde_json::from_value(json).unwrap())
}

fn pod(json: &Value) -> Pod {
    serde_json::from_value(json!({ "metadata": {}, "status": json })).unwrap()
}

#[test]
fn settings_say_which_one() {
    let read = |text: &str| toml::from_str::<Kubernetes>(text).unwrap();
    let fine = read("namespace = \"shop\"\ndeployment = \"web\"");
    assert_eq!((fine.wrong(), fine.what()), (None, "deployment web in namespace shop".to_owned()));
    let neither = read("namespace = \"shop\"").wrong().unwrap();
    assert_eq!(neither, "exactly one of deployment and stateful_set says which");
    assert!(read("namespace = \"shop\"\ndeployment = \"web\"\nstateful_set = \"web\"").wrong().is_some());
    assert!(read("namespace = \"a/b\"\ndeployment = \"web\"").wrong().is_some());
}

#[test]
fn a_scale_without_a_selector_says_nothing() {
    let full = scale(json!({ "spec": { "replicas": 3 }, "status": { "replicas": 2, "selector": "app=web" } })).unwrap();
    assert_eq!(full, Scaled { wished: 3, there: 2, selector: "app=web".to_owned() });
    let bare = scale(json!({ "spec": { "replicas": 0 }, "status": { "replicas": 0 } })).unwrap_err();
    assert_eq!(bare.what, "the cluster does not say by what the pods are found");
}

#[test]
fn a_pod_that_is_ending_is_still_there() {
    let ready = json!({ "phase": "Running", "conditions": [{ "type": "Ready", "status": "True" }] });
    assert!(is_ready(&pod(&ready)) && !is_over(&pod(&ready)));
    let unready = json!({ "phase": "Running", "conditions": [{ "type": "Ready", "status": "False" }] });
    assert!(!is_ready(&pod(&unready)));
    assert!(!is_over(&pod(&json!({ "phase": "Unknown" }))), "what is not known may run");
    assert!(is_over(&pod(&json!({ "phase": "Succeeded" }))));
}

#[test]
fn as_many_come_back_as_ran() {
    assert_eq!(replicas(&json!(4), 0), Ok(4));
    assert_eq!(replicas(&Value::Null, 0), Ok(1));
    assert_eq!(replicas(&Value::Null, 5), Ok(5), "what runs already is not made less");
    assert_eq!(replicas(&json!("many"), 0).unwrap_err().what, "\"many\" is no number of replicas");
}
