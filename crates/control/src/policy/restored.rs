//! What a stack was restored from. Pure: comparing what a file says with what is recorded.

use jiff::Timestamp;

/// Recorded whole; a file may leave out all but the operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Restored {
    pub(crate) operation: String,
    /// The backup that it began with.
    pub(crate) from: Option<String>,
    /// As it was asked for.
    pub(crate) moment: Option<String>,
    pub(crate) at: Option<Timestamp>,
}

impl Restored {
    /// What a file says otherwise, each by its name.
    pub(crate) fn differences(&self, asked: &Restored) -> Vec<String> {
        let at = |restored: &Restored| restored.at.map(|at| at.to_string());
        let pairs = [
            ("operation", Some(asked.operation.clone()), Some(self.operation.clone())),
            ("from", asked.from.clone(), self.from.clone()),
            ("moment", asked.moment.clone(), self.moment.clone()),
            ("at", at(asked), at(self)),
        ];
        let other = |(name, asked, recorded): (&str, Option<String>, Option<String>)| {
            let (asked, recorded) = (asked?, recorded.unwrap_or_default());
            let what = format!(
                "restored.{name}: the file says {asked:?}, and {recorded:?} is recorded; hint: leave [restored] out, or as \
                 `rekindle export` prints it: what a stack was restored from is not changed by its file"
            );
            (asked != recorded).then_some(what)
        };
        pairs.into_iter().filter_map(other).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_may_repeat_what_is_recorded_and_nothing_else() {
        let at: Timestamp = "2026-11-22T08:00:00Z".parse().unwrap();
        let (from, moment) = (Some("b1".to_owned()), Some("2026-11-22T06:00:00Z".to_owned()));
        let recorded = Restored { operation: "7f3".into(), from, moment, at: Some(at) };
        assert_eq!(recorded.differences(&recorded), [""; 0]);
        let less = Restored { operation: "7f3".into(), from: None, moment: None, at: None };
        assert_eq!(recorded.differences(&less), [""; 0]);
        let other = Restored { moment: Some("yesterday".into()), operation: "8a0".into(), ..less };
        let found = recorded.differences(&other);
        assert_eq!(found.len(), 2);
        assert!(
            found[0].starts_with("restored.operation: the file says \"8a0\", and \"7f3\" is recorded"),
            "{found:?}"
        );
        assert!(found[1].starts_with("restored.moment: the file says \"yesterday\""), "{found:?}");
    }
}
