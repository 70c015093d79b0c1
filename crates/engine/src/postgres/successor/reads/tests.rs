//! What is found of a server that says nothing, or something, of itself.

use tempfile::TempDir;

use super::*;

fn directory(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text.replace("HERE", &folder.path().display().to_string())).unwrap();
    }
    folder
}

fn names(paths: &BTreeSet<PathBuf>) -> Vec<String> {
    paths.iter().map(|path| path.display().to_string()).collect()
}

#[test]
fn files_of_any_name_are_found_by_who_includes_them() {
    let folder = directory(&[
        (
            "postgresql.conf",
            "# include 'never.conf'\nINCLUDE 'tuning.conf'   # why\ninclude_dir = 'parts'\ninclude_if_exists 'absent.conf'\n\
             hba_file = 'HERE/access'\nssl_ca_file = 'it''s.ca'\nssl_cert_file=certificate\n",
        ),
        ("never.conf", ""),
        ("tuning.conf", "work_mem = '9MB'\ninclude deeper/more.conf\n"),
        ("deeper/more.conf", "include 'beside.conf'\n"),
        ("deeper/beside.conf", "# nothing but a comment\n"),
        ("parts/one.conf", ""),
        ("parts/.hidden.conf", ""),
        ("parts/other.txt", ""),
        ("postgresql.auto.conf", "krb_server_keyfile = 'keytab'\n"),
        ("keytab", ""),
        ("it's.ca", ""),
        ("certificate", ""),
        ("server.crt", "the default, which is not asked for"),
        ("server.key", ""),
        ("access", "local all @people,\"@quoted\" trust # @commented\ninclude rules/more\n"),
        ("people", "anna, @others\n"),
        ("others", ""),
        ("rules/more", "include_dir ../parts\n"),
        ("pg_ident.conf", ""),
        ("base/1/1259", ""),
    ]);
    let found = reads(folder.path(), &Told::default());
    let expected = [
        "access",
        "certificate",
        "deeper/beside.conf",
        "deeper/more.conf",
        "it's.ca",
        "keytab",
        "others",
        "parts/one.conf",
        "people",
        "pg_ident.conf",
        "postgresql.auto.conf",
        "postgresql.conf",
        "rules/more",
        "server.key",
        "tuning.conf",
    ];
    assert_eq!(names(&found.files), expected);
    assert_eq!(names(&found.folders), ["parts"]);
    assert_eq!((found.unreadable.len(), found.outside.len(), found.config_file), (0, 0, None));
}

#[test]
fn what_is_elsewhere_is_named_and_leads_back_inside() {
    let etc = directory(&[("main.conf", "include 'here.conf'\n"), ("here.conf", "")]);
    let folder = directory(&[("inside.conf", ""), ("set/by/nobody.crt", ""), ("base/1/1", "")]);
    let main = etc.path().join("main.conf");
    fs::write(etc.path().join("here.conf"), format!("include '{}/inside.conf'\n", folder.path().display())).unwrap();
    let settings = [("config_file", main.display().to_string()), ("some.file", "set/by/nobody.crt".into())];
    let more = [("cluster_name", "base/1/1".to_owned()), ("log_directory", "set".into())];
    let settings = settings.into_iter().chain(more).map(|(name, value)| (name.to_owned(), value)).collect();
    let told = Told { settings, ..Told::default() };
    let found = reads(folder.path(), &told);
    assert_eq!(names(&found.files), ["inside.conf", "set/by/nobody.crt"]);
    assert_eq!(found.outside, [main.clone(), etc.path().join("here.conf")].into());
    assert_eq!(found.config_file, Some(main));
}

#[test]
fn what_is_named_and_not_there_is_told() {
    let folder = directory(&[
        ("postgresql.conf", "include 'gone.conf'\ninclude_dir 'nowhere'\n"),
        ("pg_hba.conf", "local @lost all trust\n"),
    ]);
    let told = reads(folder.path(), &Told::default()).unreadable.join(" ");
    for name in ["gone.conf", "nowhere", "lost"] {
        assert!(told.contains(name), "{name}: {told}");
    }
}
