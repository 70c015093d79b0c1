//! Certificates for a server that speaks TLS, made by openssl.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::postgres::Server;

fn openssl(dir: &Path, args: &str) {
    let output = Command::new("openssl").args(args.split(' ')).current_dir(dir).output().unwrap();
    assert!(output.status.success(), "openssl {args}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Makes a root, another root (`other.crt`), a server certificate for `localhost` only, and a client certificate for the role
/// `app`, all in the server's home, and turns TLS on for its next start.
pub fn give(server: &Server) {
    let dir = server.home();
    make(dir);
    server.hand_over(&dir.join("server.key"));
    for (name, file) in [("ssl_cert_file", "server.crt"), ("ssl_key_file", "server.key"), ("ssl_ca_file", "ca.crt")] {
        server.set(name, &dir.join(file).display().to_string());
    }
    server.set("ssl", "on");
}

/// The same certificates, in any folder.
pub fn make(dir: &Path) {
    openssl(dir, "req -x509 -newkey rsa:2048 -nodes -subj /CN=root -keyout ca.key -out ca.crt -days 2");
    openssl(dir, "req -x509 -newkey rsa:2048 -nodes -subj /CN=other -keyout other.key -out other.crt -days 2");
    for (name, subject, san) in
        [("server", "/CN=localhost", "subjectAltName=DNS:localhost"), ("app", "/CN=app", "subjectAltName=DNS:app")]
    {
        openssl(dir, &format!("req -newkey rsa:2048 -nodes -subj {subject} -keyout {name}.key -out {name}.csr"));
        fs::write(dir.join("ext"), san).unwrap();
        let sign = format!(
            "x509 -req -in {name}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out {name}.crt -days 2 -sha384 -extfile ext"
        );
        openssl(dir, &sign);
    }
}
