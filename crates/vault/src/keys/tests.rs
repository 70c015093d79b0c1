//! Every kind of slot: round trips, wrong keys, damage, and slots that strayed.

use age::secrecy::ExposeSecret;
use zeroize::Zeroizing;

use super::*;

const CHEAP: Argon2Cost = Argon2Cost { memory_kib: 64, passes: 1, lanes: 1 };
const VAULT: &str = "vault-one";

fn text(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.to_owned())
}

fn new_identity() -> (String, Unlock) {
    let identity = age::x25519::Identity::generate();
    (identity.to_public().to_string(), Unlock::Identity(text(identity.to_string().expose_secret())))
}

/// One slot of each kind with the key that opens it and one of the same kind that does not.
fn one_of_each(data_key: &DataKey, env: &Env) -> Vec<(Slot, Unlock, Unlock)> {
    let seal = |lock| Slot::seal(lock, data_key, VAULT, "mine", env).unwrap();
    let (file, other_file) = (new_key_file(env), new_key_file(env));
    let ((recipient, identity), (_, other_identity)) = (new_identity(), new_identity());
    vec![
        (seal(Lock::KeyFile(&file)), Unlock::KeyFile(file.clone()), Unlock::KeyFile(other_file)),
        (seal(Lock::Passphrase("open", CHEAP)), Unlock::Passphrase(text("open")), Unlock::Passphrase(text("Open"))),
        (seal(Lock::Recipient(&recipient)), identity, other_identity),
    ]
}

#[test]
fn every_kind_round_trips_through_json() {
    let env = Env::system();
    let data_key = DataKey::generate(&env);
    for (slot, unlock, _) in one_of_each(&data_key, &env) {
        let read = Slot::from_json("keys/x.json", &slot.to_json()).unwrap();
        assert_eq!(read, slot);
        assert_eq!(read.open(&unlock, VAULT).unwrap().as_bytes(), data_key.as_bytes());
    }
}

#[test]
fn another_key_is_wrong_and_nothing_is_damaged() {
    let env = Env::system();
    let data_key = DataKey::generate(&env);
    let all = one_of_each(&data_key, &env);
    for (at, (slot, _, other)) in all.iter().enumerate() {
        assert!(matches!(slot.open(other, VAULT), Err(Error::WrongKey { .. })));
        for (_, unlock, _) in all.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, one)| one) {
            assert!(matches!(slot.open(unlock, VAULT), Err(Error::WrongKey { .. })));
        }
    }
}

#[test]
fn every_changed_byte_is_damage_and_never_a_wrong_key() {
    let env = Env::system();
    for (slot, ..) in one_of_each(&DataKey::generate(&env), &env) {
        let good = slot.to_json();
        for at in 0..good.len() {
            for mask in [1, 2, 4, 8, 16, 32, 64, 128, 255] {
                let mut bad = good.clone();
                bad[at] ^= mask;
                let result = Slot::from_json("keys/x.json", &bad);
                assert!(matches!(result, Err(Error::Damaged { .. })), "byte {at} mask {mask}: {result:?}");
            }
            assert!(matches!(Slot::from_json("keys/x.json", &good[..at]), Err(Error::Damaged { .. })), "cut at {at}");
        }
    }
}

#[test]
fn a_slot_of_another_vault_does_not_open() {
    let env = Env::system();
    let data_key = DataKey::generate(&env);
    for (slot, unlock, _) in one_of_each(&data_key, &env) {
        assert!(matches!(slot.open(&unlock, "vault-two"), Err(Error::Malformed { .. })));
        let moved = Slot { vault_id: "vault-two".into(), ..slot.clone() };
        assert!(matches!(moved.open(&unlock, "vault-two"), Err(Error::WrongKey { .. })));
        let renamed = Slot { id: "0".repeat(32), ..slot };
        assert!(matches!(renamed.open(&unlock, VAULT), Err(Error::WrongKey { .. })));
    }
}

#[test]
fn open_any_finds_the_slot_or_says_what_it_tried() {
    let env = Env::system();
    let data_key = DataKey::generate(&env);
    let all = one_of_each(&data_key, &env);
    let slots: Vec<_> = all.iter().map(|(slot, ..)| slot.clone()).collect();
    for (slot, unlock, other) in &all {
        assert_eq!(open_any(&slots, unlock, VAULT).unwrap().as_bytes(), data_key.as_bytes());
        let Err(Error::WrongKey { tried }) = open_any(&slots, other, VAULT) else { panic!("it opened") };
        assert!(tried.contains(slot.id()), "{tried}");
    }
    let Err(Error::WrongKey { tried }) = open_any(&slots[1..], &all[0].1, VAULT) else { panic!("it opened") };
    assert_eq!(tried, "the vault has no key-file slot");
}

#[test]
fn what_cannot_be_a_key_is_said_to_be_none() {
    let env = Env::system();
    let data_key = DataKey::generate(&env);
    let good = new_key_file(&env);
    let upper = good.to_uppercase();
    for lock in [
        Lock::KeyFile(""),
        Lock::KeyFile(&good[1..]),
        Lock::KeyFile(&good[..good.len() - 2]),
        Lock::KeyFile(&upper),
        Lock::Passphrase("", CHEAP),
        Lock::Recipient("age1nonsense"),
        Lock::Passphrase("open", Argon2Cost { memory_kib: 1, ..CHEAP }),
    ] {
        assert!(matches!(Slot::seal(lock, &data_key, VAULT, "", &env), Err(Error::BadKey(_))), "{lock:?}");
    }
    let slots: Vec<_> = one_of_each(&data_key, &env).into_iter().map(|(slot, ..)| slot).collect();
    for unlock in [Unlock::KeyFile(text("nonsense")), Unlock::Identity(text("nonsense"))] {
        assert!(matches!(open_any(&slots, &unlock, VAULT), Err(Error::BadKey(_))));
    }
}

#[test]
fn a_key_file_is_one_line_of_known_shape() {
    let text = new_key_file(&Env::system());
    assert_eq!(text.len(), "rekindle-key-1 ".len() + 64 + 1);
    assert!(text.starts_with("rekindle-key-1 ") && text.ends_with('\n'));
}

#[test]
fn a_newer_format_is_named_as_such() {
    let env = Env::system();
    let (slot, ..) = one_of_each(&DataKey::generate(&env), &env).remove(0);
    let mut value: serde_json::Value = serde_json::from_slice(&slot.to_json()).unwrap();
    value.as_object_mut().unwrap().remove("checksum");
    value["format"] = 2.into();
    value["new-field"] = "x".into();
    value["checksum"] = json::to_hex(blake3::hash(value.to_string().as_bytes()).as_bytes()).into();
    let result = Slot::from_json("keys/x.json", format!("{value}\n").as_bytes());
    assert!(matches!(result, Err(Error::TooNew { found: 2, known: 1, .. })), "{result:?}");
}

#[test]
fn nothing_secret_is_shown() {
    let env = Env::system();
    let data_key = DataKey::from_bytes([0xab; 32]);
    for (slot, unlock, _) in one_of_each(&data_key, &env) {
        let shown = format!("{data_key:?} {unlock:?} {slot:?}");
        assert!(!shown.contains("abab") && !shown.contains("171, 171") && !shown.contains("open\""), "{shown}");
        assert!(!shown.contains("SECRET"), "{shown}");
    }
}

#[test]
fn default_cost_is_what_the_documents_say() {
    assert_eq!(Argon2Cost::default(), Argon2Cost { memory_kib: 65536, passes: 3, lanes: 1 });
}
