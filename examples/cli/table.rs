//! Aligned columns, for people.

use std::io;

use crate::output;

/// Prints what there is of a kind, a line each; columns of numbers are aligned to the right. Where
/// there is nothing, that is said on stderr.
pub(crate) fn list<const N: usize>(
    kind: &str,
    head: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> io::Result<()> {
    let rows: Vec<_> = rows.into_iter().collect();
    if rows.is_empty() {
        output::tell(&format!("no {kind}"));
        return Ok(());
    }
    let is_number = |at: usize| rows.iter().all(|row| row[at].parse::<u64>().is_ok());
    let right: [bool; N] = std::array::from_fn(is_number);
    let head = head.map(str::to_owned);
    output::bytes(lines(&std::iter::once(&head).chain(&rows), right).as_bytes())
}

/// Prints what is known of one thing, a line each.
pub(crate) fn facts<const N: usize>(facts: [(&str, String); N]) -> io::Result<()> {
    let rows: Vec<_> = facts.into_iter().map(|(name, value)| [name.to_owned(), value]).collect();
    output::bytes(lines(&rows.iter(), [false; 2]).as_bytes())
}

/// A text that may have several lines or none, on one.
pub(crate) fn cell(text: &str) -> String {
    text.escape_debug().to_string()
}

/// Texts as one cell, and where there are none a dash.
pub(crate) fn joined(texts: &[String]) -> String {
    if texts.is_empty() { "-".to_owned() } else { texts.join(", ") }
}

fn lines<'r, const N: usize>(
    rows: &(impl Iterator<Item = &'r [String; N]> + Clone),
    right: [bool; N],
) -> String {
    let width = |at: usize| rows.clone().map(|row| row[at].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(widths).zip(right).map(|((cell, width), right)| {
            if right { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        format!("{}\n", line.trim_end())
    };
    rows.clone().map(line).collect()
}
