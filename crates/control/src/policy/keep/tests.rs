//! Texts of keeping, and lengths of time, which are most of them.

use jiff::SignedDuration;

use super::Keep;
use crate::policy::duration;

#[test]
fn texts_come_back_in_one_shape() {
    let shapes = [
        ("60 h", "60 h"),
        ("60h", "60 h"),
        ("5 d", "5 d"),
        ("120 hours", "5 d"),
        ("2 weeks", "14 d"),
        ("1h30m", "90 min"),
        ("last 7", "last 7"),
        ("gfs 24 hourly 7 daily 5 weekly 12 monthly 3 yearly", "gfs 24 hourly 7 daily 5 weekly 12 monthly 3 yearly"),
        ("gfs  3 yearly 7 daily", "gfs 7 daily 3 yearly"),
    ];
    for (written, printed) in shapes {
        let keep: Keep = written.parse().expect(written);
        assert_eq!(keep.to_string(), printed);
        assert_eq!(printed.parse(), Ok(keep));
    }
}

#[test]
fn what_cannot_be_understood_is_said_with_a_hint() {
    let texts = [
        "",
        "long",
        "0 d",
        "-5 d",
        "5 months",
        "1 y",
        "200 y",
        "40000 d",
        "1.5 s",
        "last",
        "last 0",
        "last 7 d",
        "gfs",
        "gfs 7",
        "gfs daily 7",
        "gfs 0 daily",
        "gfs 7 daily 5",
        "gfs 7 days",
        "gfs 7 daily 8 daily",
    ];
    let said = texts.map(|text| {
        let error = text.parse::<Keep>().expect_err(text);
        format!("{text:?}\n  {}\n  hint: {}\n", error.what, error.hint.unwrap_or("-".into()))
    });
    assert_eq!(said.concat(), include_str!("refused.txt"));
}

#[test]
fn a_day_is_24_hours_and_units_are_whole() {
    let lengths = [("0 s", 0), ("90 s", 90), ("15 m", 900), ("1 d", 86_400), ("1d 12h", 129_600), ("1 week", 604_800)];
    for (text, seconds) in lengths {
        let length = SignedDuration::from_secs(seconds);
        assert_eq!(duration::parse(text), Ok(length), "{text}");
        assert_eq!(duration::parse(&duration::print(length)), Ok(length));
    }
    let printed = [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3_599, "3599 s"), (3_600, "1 h"), (172_800, "2 d")];
    for (seconds, text) in printed {
        assert_eq!(duration::print(SignedDuration::from_secs(seconds)), text);
    }
}
