//! What people say in so many words: phrases that are typed out in full, because what they allow is not to be allowed by a slip.

use ops::Head;

use crate::audit::{self, Said};
use crate::daemon::Daemon;
use crate::error::{Error, Result};

pub(crate) fn without_approval(name: &str) -> String {
    format!("restore {name} without approval")
}

pub(crate) fn without_snapshot(name: &str) -> String {
    format!("restore {name} without a snapshot")
}

/// Whether it was said. Any other phrase is refused.
pub(crate) fn is_said(given: Option<&str>, phrase: &str) -> Result<bool> {
    match given {
        None => Ok(false),
        Some(given) if given == phrase => Ok(true),
        Some(_) => Err(Error::Phrase(phrase.to_owned())),
    }
}

/// That nobody need approve an operation, before it is begun: what cannot be recorded is not begun.
pub(crate) async fn record(daemon: &Daemon, head: &Head) -> Result<()> {
    let source = head.subject.as_deref().unwrap_or_default();
    let said = Said {
        who: head.asked_by.clone(),
        via: "phrase".to_owned(),
        from: "daemon".to_owned(),
        action: format!("break-glass {}", head.kind),
        subject: format!("{source}/{}", head.id),
        outcome: "waived".to_owned(),
        request_id: crate::http::request_id().unwrap_or_default(),
    };
    tracing::warn!(operation = head.id, source, by = head.asked_by, "the glass was broken: nobody need approve it");
    audit::add(daemon, said).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_words_count() {
        let phrase = without_approval("shop");
        assert!(is_said(Some("restore shop without approval"), &phrase).unwrap());
        assert!(!is_said(None, &phrase).unwrap());
        for other in ["", "yes", "restore shop without approval ", "Restore shop without approval"] {
            assert_eq!(is_said(Some(other), &phrase).unwrap_err().code(), "RK-3057", "{other:?}");
        }
        assert!(is_said(Some(&without_snapshot("other")), &without_snapshot("shop")).is_err());
    }
}
