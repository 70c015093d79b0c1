//! Mail, by SMTP. Encrypted with a certificate that is verified, unless the configuration says `security = "none"`.

use std::path::Path;
use std::time::Duration;

use api::AlarmMessage;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

use super::{Undelivered, innermost};
use crate::config::{ChannelSettings, SmtpSecurity};
use crate::error::Error;
use crate::host::Host;

pub(super) async fn send(host: &Host, channel: &ChannelSettings, message: &AlarmMessage) -> Result<(), Undelivered> {
    let server = channel.host.as_deref().unwrap_or_default();
    let security = channel.security.unwrap_or_default();
    let tls = match security {
        SmtpSecurity::Starttls => Tls::Required(parameters(server, channel.ca_file.as_deref())?),
        SmtpSecurity::Tls => Tls::Wrapper(parameters(server, channel.ca_file.as_deref())?),
        SmtpSecurity::None => Tls::None,
    };
    let usual = match security {
        SmtpSecurity::Starttls => 587,
        SmtpSecurity::Tls => 465,
        SmtpSecurity::None => 25,
    };
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(server)
        .port(channel.port.unwrap_or(usual))
        .tls(tls)
        .timeout(Some(Duration::from_secs(channel.timeout_seconds)));
    if let (Some(user), Some(password)) = (&channel.username, &channel.password) {
        let password = password.read(host).await?;
        builder = builder.credentials(Credentials::new(user.clone(), password.expose().to_owned()));
    }
    let mail = mail(channel, message)?;
    match builder.build().send(mail).await {
        Ok(_) => Ok(()),
        Err(error) => {
            let refused = error.is_permanent();
            Err(Undelivered { refused, ..Undelivered::new(told(&error)) }
                .hint("host, port and security must fit the server; its certificate must be valid for the host's name"))
        }
    }
}

/// What it is, and why.
fn told(error: &lettre::transport::smtp::Error) -> String {
    let (what, why) = (error.to_string(), innermost(error));
    if what.contains(&why) { what } else { format!("{what}: {why}") }
}

fn parameters(server: &str, ca_file: Option<&Path>) -> Result<TlsParameters, Undelivered> {
    let mut builder = TlsParameters::builder(server.to_owned());
    if let Some(path) = ca_file {
        let pem = std::fs::read(path).map_err(|e| Error::file("read", path, e))?;
        let broken = |_| Undelivered::new(format!("{} holds no certificate", path.display()));
        builder = builder.add_root_certificate(Certificate::from_pem(&pem).map_err(broken)?);
    }
    builder.build_rustls().map_err(|e| Undelivered::new(format!("no TLS: {}", innermost(&e))))
}

fn mail(channel: &ChannelSettings, message: &AlarmMessage) -> Result<Message, Undelivered> {
    let broken = |e: &dyn std::error::Error| Undelivered::new(format!("no mail can be made of it: {e}"));
    let from = channel
        .from
        .as_deref()
        .unwrap_or_default()
        .parse()
        .map_err(|e| broken(&e as &lettre::address::AddressError))?;
    let mut builder = Message::builder()
        .from(from)
        .subject(&message.title)
        .message_id(Some(format!("<{}@rekindle>", message.id)))
        .header(ContentType::TEXT_PLAIN);
    for to in &channel.to {
        builder = builder.to(to.parse().map_err(|e| broken(&e as &lettre::address::AddressError))?);
    }
    builder.body(body(message)).map_err(|e| broken(&e))
}

pub(super) fn body(message: &AlarmMessage) -> String {
    let mut text = format!("{}\n", message.text);
    if !message.advice.is_empty() {
        text.push_str(&format!("\nWhat to do: {}\n", message.advice));
    }
    if let Some(alarm) = &message.alarm {
        text.push_str(&format!("\n{} of {}, since {}\n", alarm.kind, alarm.scope, alarm.since));
        text.push_str(&format!("rekindle alerts show {}\n", alarm.n));
    }
    text.push_str(&format!("\nVault {}\n", message.vault));
    text
}
