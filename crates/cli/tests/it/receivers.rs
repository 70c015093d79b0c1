//! Those who are told in the tests of alarms: the receiver of webhooks out of the documentation, a mail server, and a listener that counts
//! who calls. Real processes and sockets; killed when dropped.
#![allow(clippy::disallowed_methods, reason = "tests may ask the machine")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::house::text;

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A program that prints its port, and writes what it is told into a file, a line each.
pub(crate) struct Receiver {
    child: Option<Child>,
    command: Vec<String>,
    pub(crate) port: u16,
    out: PathBuf,
}

impl Receiver {
    /// `docs/webhook_receiver.py`: verifies every signature.
    pub(crate) fn webhook(folder: &Path, secret: &str) -> Receiver {
        let (secret_file, out) = (folder.join("hook.secret"), folder.join("hook.out"));
        std::fs::write(&secret_file, secret).unwrap();
        let program = top().join("docs/webhook_receiver.py");
        let words = ["python3", "-u", text(&program), "0", text(&secret_file), text(&out)];
        Receiver::start(words.map(str::to_owned).to_vec(), out)
    }

    /// Demands STARTTLS, with the certificate of `testkit::certificates`, and a password.
    pub(crate) fn mail(folder: &Path, user: &str, password: &str) -> Receiver {
        let out = folder.join("mail.out");
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/mail_server.py");
        let (python, certificate, key) =
            (top().join(".venv/bin/python"), folder.join("server.crt"), folder.join("server.key"));
        let words = [text(&python), text(&program), text(&certificate), text(&key), user, password, text(&out)];
        Receiver::start(words.map(str::to_owned).to_vec(), out)
    }

    fn start(command: Vec<String>, out: PathBuf) -> Receiver {
        let mut receiver = Receiver { child: None, command, port: 0, out };
        receiver.begin();
        receiver
    }

    /// Again at the same port, after `end`.
    pub(crate) fn begin(&mut self) {
        if self.port != 0 {
            self.command[3] = self.port.to_string();
        }
        let mut command = Command::new(&self.command[0]);
        let mut child = command.args(&self.command[1..]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        self.port = line.trim().parse().unwrap_or_else(|_| panic!("{:?} says {line:?}", self.command));
        self.child = Some(child);
    }

    pub(crate) fn end(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    pub(crate) fn told(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.out).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// What was told of a kind of alarm, in order: `raised`, `cleared`, …
    pub(crate) fn events(&self, kind: &str) -> Vec<String> {
        let told = self.told();
        let of_kind = told.iter().filter(|message| message["alarm"]["kind"] == kind);
        of_kind.filter_map(|message| message["event"].as_str().map(str::to_owned)).collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.end();
    }
}

/// Answers every request with one status, and keeps what was asked.
#[derive(Clone)]
pub(crate) struct Listener {
    pub(crate) port: u16,
    status: Arc<AtomicU16>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Listener {
    pub(crate) fn start() -> Listener {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let listener = Listener { port, status: Arc::new(AtomicU16::new(200)), asked: Arc::default() };
        let serving = listener.clone();
        std::thread::spawn(move || {
            for stream in socket.incoming().flatten() {
                serving.answer(stream);
            }
        });
        listener
    }

    fn answer(&self, stream: TcpStream) {
        let mut reader = BufReader::new(stream);
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 || line.trim().is_empty() {
                break;
            }
            if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            head.push_str(&line);
        }
        let mut body = vec![0; length];
        let _ = reader.read_exact(&mut body);
        self.asked.lock().unwrap().push(format!("{head}\n{}", String::from_utf8_lossy(&body)));
        let status = self.status.load(Ordering::Relaxed);
        let answer = format!("HTTP/1.1 {status} said\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        let _ = reader.into_inner().write_all(answer.as_bytes());
    }

    pub(crate) fn answers(&self, status: u16) {
        self.status.store(status, Ordering::Relaxed);
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}
