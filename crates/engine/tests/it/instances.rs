//! A server of the testkit seen as an instance that Rekindle opened.

use engine::postgres::binaries::Binaries;
use engine::postgres::instance::Instance;
use engine::postgres::owner;
use testkit::postgres::{Server, majors_with};

pub(crate) fn instance_of(server: &Server) -> Instance {
    let dir = server.bin_dir().to_owned();
    Instance {
        data_directory: server.data_dir(),
        binaries: Binaries { major: server.major(), dir, version: server.major().to_string() },
        port: server.port(),
        socket_folder: server.socket_dir(),
        run_as: owner::we_are_root().then(|| owner::by_name("postgres").expect("there is a user postgres")),
        superuser: "postgres".into(),
        databases: Vec::new(),
    }
}

/// The oldest that needs no download, and the newest, where they are here.
pub(crate) fn old_and_new() -> impl Iterator<Item = u32> {
    majors_with("pg_dump").into_iter().filter(|major| [15, 18].contains(major))
}
