//! Somebody who may approve, by a token.

use serde_json::json;

use crate::house::House;

pub(crate) const PASSWORD: &str = "correct horse battery";

pub(crate) struct Approver {
    pub(crate) token: String,
}

impl Approver {
    pub(crate) fn new(house: &House, name: &str) -> Approver {
        house.typed(&["users", "add", name, "--role", "approver"], &format!("{PASSWORD}\n"));
        let words = ["tokens", "add", "test", "--user", name, "--role", "approver"];
        let made = house.typed(&words, &format!("{PASSWORD}\n"));
        Approver { token: made["token"].as_str().unwrap().to_owned() }
    }

    /// `approve` or `refuse`; the answer as it comes over the wire.
    pub(crate) fn says(&self, house: &House, id: &str, word: &str, why: &str) -> String {
        let (path, header) =
            (format!("/api/v1/operations/{id}/{word}"), format!("Authorization: Bearer {}\r\n", self.token));
        house.ask_with("POST", &path, &header, &json!({ "why": why }).to_string())
    }
}
