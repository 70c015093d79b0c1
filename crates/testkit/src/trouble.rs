//! A proxy before an HTTP server that loses answers or gives its own, for as many requests as planned. Must not know what the
//! server is for. It speaks just enough HTTP/1.1: bodies with a length, one request per connection.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What happens to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The server does it, and the connection breaks before the answer.
    LostAnswer,
    /// The connection breaks before the server hears of it.
    LostRequest,
    /// The server does not hear of it; the proxy answers with this status.
    Status(u16),
}

/// Troubles the next requests of one method, in order; all others pass. Ends when dropped.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    planned: Arc<Mutex<VecDeque<Trouble>>>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// `target` is `http://host:port`; `method` is `PUT` or the like.
    pub async fn start(target: &str, method: &'static str) -> Proxy {
        let target = target.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let planned = Arc::new(Mutex::new(VecDeque::new()));
        let plan = Arc::clone(&planned);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (target, plan) = (target.clone(), Arc::clone(&plan));
                tokio::spawn(async move {
                    let _ = serve(client, &target, method, &plan).await;
                });
            }
        });
        Proxy { port, planned, task }
    }

    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn plan(&self, troubles: &[Trouble]) {
        self.planned.lock().expect("the plan").extend(troubles);
    }

    /// Troubles that have not happened yet.
    pub fn left(&self) -> usize {
        self.planned.lock().expect("the plan").len()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut client: TcpStream, target: &str, method: &str, plan: &Mutex<VecDeque<Trouble>>) -> io::Result<()> {
    let request = read_request(&mut client).await?;
    let meant = request.starts_with(format!("{method} ").as_bytes());
    let trouble = if meant { plan.lock().expect("the plan").pop_front() } else { None };
    match trouble {
        Some(Trouble::LostRequest) => Ok(()),
        Some(Trouble::Status(status)) => {
            let answer = format!("HTTP/1.1 {status} Trouble\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            client.write_all(answer.as_bytes()).await
        }
        Some(Trouble::LostAnswer) => forward(&request, target).await.map(drop),
        None => client.write_all(&forward(&request, target).await?).await,
    }
}

async fn forward(request: &[u8], target: &str) -> io::Result<Vec<u8>> {
    let mut server = TcpStream::connect(target).await?;
    server.write_all(request).await?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).await?;
    Ok(answer)
}

/// The whole request, with the wish added that the connection end after it.
async fn read_request(client: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut request = Vec::new();
    let head = loop {
        if let Some(at) = request.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        if client.read_buf(&mut request).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    };
    let length = body_length(&request[..head]);
    while request.len() < head + 4 + length {
        if client.read_buf(&mut request).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    request.splice(head..head, *b"\r\nconnection: close");
    Ok(request)
}

fn body_length(head: &[u8]) -> usize {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    length.and_then(|length| length.trim().parse().ok()).unwrap_or(0)
}
