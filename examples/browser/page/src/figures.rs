//! Numbers as people read them.

use std::time::Duration;

/// A count with its thousands apart: `12 345`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            // It does not break a line, and is narrower than a blank.
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// So many in a second.
pub(crate) fn rate(number: f64) -> String {
    match number {
        n if n >= 1000.0 => format!("{:.1} k", n / 1000.0),
        n if n >= 100.0 => format!("{n:.0}"),
        n => format!("{n:.1}"),
    }
}

/// A time, in the unit that suits it.
pub(crate) fn time(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    let (number, unit) = match seconds {
        s if s >= 1.0 => (s, "s"),
        s if s >= 0.001 => (s * 1e3, "ms"),
        s => (s * 1e6, "µs"),
    };
    let digits = usize::from(number < 100.0);
    format!("{number:.digits$}\u{202f}{unit}")
}

/// One thing, or several of them.
pub(crate) fn several(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_their_thousands_apart() {
        let counts = [0, 999, 1000, 1_234_567].map(count);
        assert_eq!(counts, ["0", "999", "1\u{202f}000", "1\u{202f}234\u{202f}567"]);
    }

    #[test]
    fn rates_have_the_digits_that_matter() {
        assert_eq!([0.0, 9.96, 123.4, 1500.0].map(rate), ["0.0", "10.0", "123", "1.5 k"]);
    }

    #[test]
    fn times_have_a_unit_that_suits_them() {
        let times = [950, 12_340, 503_000, 2_500_000].map(|us| time(Duration::from_micros(us)));
        let expected = ["950\u{202f}µs", "12.3\u{202f}ms", "503\u{202f}ms", "2.5\u{202f}s"];
        assert_eq!(times, expected);
    }

    #[test]
    fn one_is_not_several() {
        assert_eq!([0, 1, 2].map(|n| several(n, "key", "keys")), ["0 keys", "1 key", "2 keys"]);
    }
}
