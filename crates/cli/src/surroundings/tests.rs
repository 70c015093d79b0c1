//! Where things lie by default.

use super::*;

fn somebody(is_root: bool, variables: &[(&str, &str)]) -> Surroundings {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let global = GlobalArgs {
        json: false,
        config: None,
        socket: None,
        server: None,
        token: None,
        ca_file: None,
        quiet: true,
        utc: true,
    };
    let (user, home) = ("ada".to_owned(), PathBuf::from("/homes/ada"));
    Surroundings { variables, user, home, is_root, global, asks: false, draws: false }
}

#[test]
fn root_has_the_machines_places() {
    let root = somebody(true, &[("XDG_CONFIG_HOME", "/elsewhere")]);
    assert_eq!(root.config(), Path::new("/etc/rekindle/rekindle.toml"));
    assert_eq!(root.socket_default(), Path::new("/run/rekindle/rekindle.sock"));
    assert_eq!(root.state_folder(), Path::new("/var/lib/rekindle"));
}

#[test]
fn others_have_their_own_places() {
    let ada = somebody(false, &[]);
    assert_eq!(ada.config(), Path::new("/homes/ada/.config/rekindle/rekindle.toml"));
    assert_eq!(ada.socket_default(), Path::new("/homes/ada/.local/share/rekindle/rekindle.sock"));
    let ada = somebody(
        false,
        &[("XDG_CONFIG_HOME", "/c"), ("XDG_DATA_HOME", "relative"), ("XDG_RUNTIME_DIR", "/run/user/7")],
    );
    assert_eq!(ada.config(), Path::new("/c/rekindle/rekindle.toml"));
    assert_eq!(ada.state_folder(), Path::new("/homes/ada/.local/share/rekindle"));
    assert_eq!(ada.socket_default(), Path::new("/run/user/7/rekindle/rekindle.sock"));
}
