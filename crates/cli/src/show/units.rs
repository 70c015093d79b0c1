//! Numbers with units.

const SIZES: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];

/// Decimal, as disks are sold: `41 MB`, `3.0 GB`, `812 B`.
pub fn bytes(bytes: u64) -> String {
    let (number, unit) = scaled(bytes);
    format!("{number} {unit}")
}

/// `2.6 of 3.0 GB`, `812 MB of 3.0 GB`
pub fn bytes_of(done: u64, total: u64) -> String {
    let ((done, unit_done), (total, unit)) = (scaled(done), scaled(total));
    if unit_done == unit {
        format!("{done} of {total} {unit}")
    } else {
        format!("{done} {unit_done} of {total} {unit}")
    }
}

fn scaled(bytes: u64) -> (String, &'static str) {
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < SIZES.len() {
        value /= 1000.0;
        unit += 1;
    }
    let decimals = usize::from(unit > 0 && value < 9.95);
    (format!("{value:.decimals$}"), SIZES[unit])
}

/// `3.9 s`, `34 s`, `21 min 45 s`, `2 h 10 min`, `3 d 4 h`: two parts at most.
pub fn seconds(seconds: f64) -> String {
    let seconds = seconds.max(0.0);
    if seconds < 9.95 && seconds.fract() > 0.0 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round() as u64;
    let parts = |big: u64, name: &str, small: u64, small_name: &str| match small {
        0 => format!("{big} {name}"),
        _ => format!("{big} {name} {small} {small_name}"),
    };
    match whole {
        0..60 => format!("{whole} s"),
        60..3600 => parts(whole / 60, "min", whole % 60, "s"),
        3600..86_400 => parts(whole / 3600, "h", whole % 3600 / 60, "min"),
        _ => parts(whole / 86_400, "d", whole % 86_400 / 3600, "h"),
    }
}

/// `1,204`
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 commit`, `1,204 commits`
pub fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}
