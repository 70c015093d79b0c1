//! From a bare socket to a session: startup message, authentication, the server's parameters.

use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{self, ChannelBinding, ScramSha256};
use postgres_protocol::message::backend::{AuthenticationSaslBody, Message};
use postgres_protocol::message::frontend;
use zeroize::Zeroizing;

use fallible_iterator::FallibleIterator as _;

use super::connection::{CancelKey, Connection, Mode};
use super::conninfo::Conninfo;
use super::{passfile, settings};
use crate::error::{Error, Result};

fn encoding(error: &std::io::Error) -> Error {
    Error::Conninfo(error.to_string())
}

fn handshake(error: &std::io::Error) -> Error {
    Error::protocol(error.to_string())
}

/// Says who we are and answers what the server asks, up to its first ReadyForQuery.
pub(super) async fn log_in(conn: &mut Connection, info: &Conninfo, mode: Mode, binding: Option<Vec<u8>>) -> Result<()> {
    send_startup(conn, info, mode)?;
    conn.flush().await?;
    loop {
        match conn.receive_raw().await? {
            Message::AuthenticationOk => {}
            Message::AuthenticationCleartextPassword => {
                let password = password(info, mode)?;
                frontend::password_message(password.as_bytes(), conn.outbox()).map_err(|error| encoding(&error))?;
            }
            Message::AuthenticationMd5Password(body) => {
                let hash = md5_hash(info.user.as_bytes(), password(info, mode)?.as_bytes(), body.salt());
                frontend::password_message(hash.as_bytes(), conn.outbox()).map_err(|error| encoding(&error))?;
            }
            Message::AuthenticationSasl(body) => scram(conn, info, mode, &body, binding.clone()).await?,
            Message::BackendKeyData(body) => {
                conn.cancel_key = Some(CancelKey { process_id: body.process_id(), secret: body.secret_key() });
            }
            Message::ReadyForQuery(_) => return Ok(()),
            other => return Err(unknown_method(&other, info)),
        }
        conn.flush().await?;
    }
}

fn send_startup(conn: &mut Connection, info: &Conninfo, mode: Mode) -> Result<()> {
    let mut parameters = vec![("user", info.user.as_str()), ("client_encoding", "UTF8"), ("DateStyle", "ISO")];
    if mode == Mode::Replication {
        parameters.push(("replication", "true"));
    } else {
        parameters.push(("database", info.database()));
    }
    parameters.extend(info.application_name.as_deref().map(|name| ("application_name", name)));
    parameters.extend(info.options.as_deref().map(|options| ("options", options)));
    let lock_timeout = settings::milliseconds(info.lock_timeout);
    parameters.extend(settings::at_startup(mode, &lock_timeout));
    frontend::startup_message(parameters, conn.outbox()).map_err(|error| encoding(&error))
}

fn password(info: &Conninfo, mode: Mode) -> Result<Zeroizing<String>> {
    if let Some(password) = &info.password {
        return Ok(password.clone());
    }
    let found = passfile::password_for(info, mode == Mode::Replication)?;
    found.ok_or_else(|| Error::NoPassword { target: info.target(), user: info.user.clone() })
}

/// SCRAM-SHA-256, bound to the TLS certificate where both sides can. Its nonce comes from postgres-protocol, which takes
/// the operating system's randomness itself.
async fn scram(
    conn: &mut Connection,
    info: &Conninfo,
    mode: Mode,
    offer: &AuthenticationSaslBody,
    binding: Option<Vec<u8>>,
) -> Result<()> {
    let offered: Vec<String> =
        offer.mechanisms().map(|name| Ok(name.to_string())).collect().map_err(|error| handshake(&error))?;
    let offers = |name: &str| offered.iter().any(|mechanism| mechanism == name);
    let (mechanism, binding) = match (offers(sasl::SCRAM_SHA_256_PLUS), binding) {
        (true, Some(hash)) => (sasl::SCRAM_SHA_256_PLUS, ChannelBinding::tls_server_end_point(hash)),
        (false, Some(_)) => (sasl::SCRAM_SHA_256, ChannelBinding::unrequested()),
        (_, None) => (sasl::SCRAM_SHA_256, ChannelBinding::unsupported()),
    };
    if !offers(mechanism) {
        return Err(Error::AuthMethod { target: info.target(), method: offered.join(", ") });
    }
    let mut exchange = ScramSha256::new(password(info, mode)?.as_bytes(), binding);
    frontend::sasl_initial_response(mechanism, exchange.message(), conn.outbox()).map_err(|error| handshake(&error))?;
    conn.flush().await?;
    let Message::AuthenticationSaslContinue(body) = conn.receive_raw().await? else { return Err(out_of_step()) };
    exchange.update(body.data()).map_err(|error| handshake(&error))?;
    frontend::sasl_response(exchange.message(), conn.outbox()).map_err(|error| handshake(&error))?;
    conn.flush().await?;
    let Message::AuthenticationSaslFinal(body) = conn.receive_raw().await? else { return Err(out_of_step()) };
    exchange.finish(body.data()).map_err(|error| handshake(&error))
}

fn out_of_step() -> Error {
    Error::protocol("the SCRAM exchange was left in the middle")
}

fn unknown_method(message: &Message, info: &Conninfo) -> Error {
    let method = match message {
        Message::AuthenticationGss | Message::AuthenticationGssContinue(_) => "gss",
        Message::AuthenticationSspi => "sspi",
        Message::AuthenticationKerberosV5 => "kerberos",
        Message::AuthenticationScmCredential => "scm credential",
        _ => return Error::protocol("a message that does not belong into the login"),
    };
    Error::AuthMethod { target: info.target(), method: method.into() }
}
