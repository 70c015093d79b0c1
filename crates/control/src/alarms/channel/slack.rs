//! Slack, and what speaks like it (Mattermost, Rocket.Chat): an incoming webhook. Its address is the secret.

use api::AlarmMessage;

use super::{Undelivered, address, http_client, judged};
use crate::config::ChannelSettings;
use crate::host::Host;

pub(super) async fn send(host: &Host, channel: &ChannelSettings, message: &AlarmMessage) -> Result<(), Undelivered> {
    let url = address(host, channel.url.as_deref().unwrap_or_default(), channel.allow_http).await?;
    let body = serde_json::json!({ "text": text(message) });
    judged(http_client(channel.ca_file.as_deref())?.post(url).json(&body).send().await).await
}

/// The three characters that mean something to Slack are escaped, so that no text can address people or link elsewhere.
pub(super) fn text(message: &AlarmMessage) -> String {
    let plain = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let mut text = format!("*{}*\n{}", plain(&message.title), plain(&message.text));
    if !message.advice.is_empty() {
        text.push_str(&format!("\n_{}_", plain(&message.advice)));
    }
    text
}
