//! A webhook: the message as JSON, signed. The signature covers the time, so that a message that was seen on the way cannot be sent again
//! later; how a receiver verifies it stands in docs/alarms.md.
//!
//! ```text
//!   Rekindle-Signature: t=1795000000,v1=<hex of HMAC-SHA256(secret, "1795000000." + body)>
//! ```

use api::AlarmMessage;
use aws_lc_rs::hmac;

use super::{Undelivered, address, http_client, judged};
use crate::config::ChannelSettings;
use crate::host::Host;

const SIGNATURE: &str = "rekindle-signature";
const DELIVERY: &str = "rekindle-delivery";

pub(super) async fn send(host: &Host, channel: &ChannelSettings, message: &AlarmMessage) -> Result<(), Undelivered> {
    let body = serde_json::to_vec(message).map_err(|e| Undelivered::new(e.to_string()))?;
    let url = address(host, channel.url.as_deref().unwrap_or_default(), channel.allow_http).await?;
    let mut request = http_client(channel.ca_file.as_deref())?
        .post(url)
        .header("content-type", "application/json")
        .header("user-agent", concat!("rekindle/", env!("CARGO_PKG_VERSION")))
        .header(DELIVERY, &message.id);
    if let Some(secret) = &channel.secret {
        let secret = secret.read(host).await?;
        request = request.header(SIGNATURE, signature(secret.expose(), host.env.now().as_second(), &body));
    }
    judged(request.body(body).send().await).await
}

pub(super) fn signature(secret: &str, second: i64, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let mut signing = hmac::Context::with_key(&key);
    signing.update(format!("{second}.").as_bytes());
    signing.update(body);
    format!("t={second},v1={}", vault::names::hex(signing.sign().as_ref()))
}
