//! The last numbers of one kind, and the line that they make.

use std::collections::VecDeque;
use std::fmt::Write;

/// How many numbers a line has: a minute, with one in a second.
const LENGTH: usize = 60;

/// Where lines are drawn. They are stretched to what the page has for them.
pub(crate) const WIDTH: f64 = 118.0;
pub(crate) const HEIGHT: f64 = 40.0;

/// So much of the height stays free above the highest number.
const HEADROOM: f64 = 3.0;

/// The last numbers, the newest last. `None` is a time of which nothing is known.
#[derive(Debug, Default)]
pub(crate) struct Series(VecDeque<Option<f64>>);

impl Series {
    pub(crate) fn push(&mut self, number: Option<f64>) {
        if self.0.len() == LENGTH {
            self.0.pop_front();
        }
        self.0.push_back(number.filter(|number| number.is_finite()));
    }

    /// The line, and the area below it, as data of SVG paths. The newest number is on the right, and
    /// what is not known is left out.
    pub(crate) fn paths(&self) -> (String, String) {
        let highest = self.0.iter().flatten().copied().fold(0.0, f64::max);
        let scale = if highest > 0.0 { (HEIGHT - HEADROOM - 1.0) / highest } else { 0.0 };
        let (mut line, mut area) = (String::new(), String::new());
        let mut drawn: Option<f64> = None;
        let mut x = WIDTH - step() * f64::from(u16::try_from(self.0.len()).unwrap_or(0)) + step();
        for number in &self.0 {
            match (number, drawn) {
                (Some(number), before) => {
                    let y = HEIGHT - 1.0 - number * scale;
                    // Writing to a text does not fail. One number alone is a dot.
                    let _ = match before {
                        Some(_) => write!(line, "L{x:.1} {y:.1}"),
                        None => write!(line, "M{x:.1} {y:.1}h0"),
                    };
                    let start = if before.is_some() { "" } else { &format!("M{x:.1} {HEIGHT}") };
                    let _ = write!(area, "{start}L{x:.1} {y:.1}");
                    drawn = Some(x);
                }
                (None, Some(last)) => {
                    let _ = write!(area, "L{last:.1} {HEIGHT}Z");
                    drawn = None;
                }
                (None, None) => {}
            }
            x += step();
        }
        if let Some(last) = drawn {
            let _ = write!(area, "L{last:.1} {HEIGHT}Z");
        }
        (line, area)
    }
}

fn step() -> f64 {
    WIDTH / f64::from(u16::try_from(LENGTH - 1).unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(numbers: &[Option<f64>]) -> (String, String) {
        let mut series = Series::default();
        for number in numbers {
            series.push(*number);
        }
        series.paths()
    }

    #[test]
    fn the_newest_number_is_on_the_right_and_the_highest_below_the_top() {
        let (line, area) = paths(&[Some(0.0), Some(4.0)]);
        assert_eq!(line, "M116.0 39.0h0L118.0 3.0");
        assert_eq!(area, "M116.0 40L116.0 39.0L118.0 3.0L118.0 40Z");
    }

    #[test]
    fn what_is_not_known_is_a_gap() {
        let (line, area) = paths(&[Some(1.0), None, Some(1.0), Some(f64::NAN)]);
        assert_eq!(line, "M112.0 3.0h0M116.0 3.0h0");
        assert_eq!(area, "M112.0 40L112.0 3.0L112.0 40ZM116.0 40L116.0 3.0L116.0 40Z");
    }

    #[test]
    fn old_numbers_leave_on_the_left() {
        let (line, _) = paths(&[Some(1.0); 200]);
        assert!(line.starts_with("M0.0 3.0h0L2.0 3.0"), "{line}");
        assert!(line.ends_with("L118.0 3.0"), "{line}");
    }

    #[test]
    fn nothing_but_zeros_is_a_line_at_the_bottom() {
        assert_eq!(paths(&[Some(0.0), Some(0.0)]).0, "M116.0 39.0h0L118.0 39.0");
        assert_eq!(paths(&[]), (String::new(), String::new()));
    }
}
