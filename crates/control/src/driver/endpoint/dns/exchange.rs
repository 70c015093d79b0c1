//! One question to a server of DNS and its answer, over a TCP connection of its own (RFC 7766): two bytes of length before each message. UDP
//! would lose updates, and answer some twice.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, ResponseCode};
use hickory_proto::rr::TSigner;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::driver::{Outcome, Trouble};

const PORT: u16 = 53;

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Server {
    host: String,
    port: u16,
    /// As it was written.
    text: String,
}

impl Server {
    /// `ns1.example`, `10.0.0.53`, `ns1.example:5353`, `[::1]:53`.
    pub(super) fn parse(text: &str) -> Option<Server> {
        let of = |host: &str, port| Server { host: host.to_owned(), port, text: text.to_owned() };
        if let Ok(address) = text.parse::<SocketAddr>() {
            return (address.port() != 0).then(|| of(&address.ip().to_string(), address.port()));
        }
        if text.parse::<IpAddr>().is_ok() {
            return Some(of(text, PORT));
        }
        let (host, port) = text.split_once(':').map_or((text, Some(PORT)), |(host, port)| (host, port.parse().ok()));
        let fine = !host.is_empty() && host.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_'));
        port.filter(|port| fine && *port != 0).map(|port| of(host, port))
    }

    pub(super) fn of(text: &str) -> Outcome<Server> {
        Server::parse(text).ok_or_else(|| Trouble::refused(format!("server {text:?} is no name or address")))
    }

    pub(super) async fn ask(&self, question: &Message, limit: Duration) -> Outcome<Message> {
        let bytes = question.to_vec().map_err(|e| Trouble::refused(e.to_string()))?;
        let answer = self.exchanged(&bytes, limit).await?;
        self.read(&answer, question.metadata.id)
    }

    /// The answer must be signed with the same key: otherwise anybody may have said it. One that says no is told, signed or not.
    pub(super) async fn update(
        &self,
        mut message: Message,
        signer: &TSigner,
        now: u64,
        limit: Duration,
    ) -> Outcome<ResponseCode> {
        let unsigned = |e: &dyn std::fmt::Display| Trouble::refused(format!("the update cannot be signed: {e}"));
        let verifier = message.finalize(signer, now).map_err(|e| unsigned(&e))?;
        let mut verifier = verifier.ok_or_else(|| unsigned(&"no way to check the answer"))?;
        let bytes = message.to_vec().map_err(|e| Trouble::refused(e.to_string()))?;
        let answer = self.exchanged(&bytes, limit).await?;
        let code = self.read(&answer, message.metadata.id)?.metadata.response_code;
        match verifier.verify(&answer) {
            Ok(_) => Ok(code),
            Err(_) if !matches!(code, ResponseCode::NoError | ResponseCode::NXRRSet) => Ok(code),
            Err(error) => {
                Err(Trouble::refused(format!("the answer of {} is not signed as it must be: {error}", self.text))
                    .hint("are the clocks of both right, and the key the same?"))
            }
        }
    }

    async fn exchanged(&self, question: &[u8], limit: Duration) -> Outcome<Vec<u8>> {
        let lost = |e: std::io::Error| {
            Trouble::away(format!("{} does not answer: {e}", self.text))
                .hint("does it run, does it listen for TCP there, is a firewall between?")
        };
        let exchange = async {
            let mut stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
            let length = u16::try_from(question.len()).map_err(std::io::Error::other)?;
            stream.write_all(&[&length.to_be_bytes(), question].concat()).await?;
            let mut answer = vec![0; usize::from(stream.read_u16().await?)];
            stream.read_exact(&mut answer).await.map(|_| answer)
        };
        match tokio::time::timeout(limit, exchange).await {
            Ok(exchanged) => exchanged.map_err(lost),
            Err(_) => Err(Trouble::away(format!("{} did not answer within {} s", self.text, limit.as_secs()))),
        }
    }

    fn read(&self, answer: &[u8], id: u16) -> Outcome<Message> {
        let message = Message::from_vec(answer)
            .map_err(|e| Trouble::refused(format!("{} answers something that is no DNS: {e}", self.text)))?;
        let mine = message.metadata.id == id && message.metadata.message_type == MessageType::Response;
        mine.then_some(message)
            .ok_or_else(|| Trouble::away(format!("{} answers a question that was not asked", self.text)))
    }
}
