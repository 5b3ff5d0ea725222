//! Whether the tables in `tests` name tests that are there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A row may say one of these, and why, where it has no test.
const REASONS: [&str; 2] = ["not applicable: ", "later: "];

/// Or this, and another part of the table that has the same name.
const AS_IN: &str = "as in ";

/// A row of a table: where it stands, and its columns.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    place: String,
    columns: Vec<String>,
}

fn repository() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the tests are in the repository").to_owned()
}

/// The rows of all tables in a text, without their heads.
fn rows(name: &str, text: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut in_table = false;
    for (at, line) in text.lines().enumerate() {
        let row = line.strip_prefix('|').and_then(|line| line.strip_suffix('|'));
        let Some(row) = row else {
            in_table = false;
            continue;
        };
        let is_rule = row.chars().all(|c| matches!(c, '-' | '|' | ' '));
        if in_table && !is_rule {
            let columns = row.split('|').map(|column| column.trim().to_owned()).collect();
            rows.push(Row { place: format!("{name}:{}: {line}", at + 1), columns });
        }
        in_table = true;
    }
    rows
}

/// The names in the part of a table that begins with this heading.
fn names(text: &str, heading: &str) -> BTreeSet<String> {
    let mut parts = text.split("\n### ");
    let part = parts.find(|part| part.lines().next() == Some(heading)).unwrap_or_default();
    rows(heading, part).into_iter().filter_map(|row| row.columns.into_iter().next()).collect()
}

/// What stands between backticks and is a file with a function in it.
fn tests_in(column: &str) -> impl Iterator<Item = (&str, &str)> {
    column.split('`').skip(1).step_by(2).filter_map(|code| code.split_once(".rs::"))
}

/// What is wrong with a row; `read` gives the text of a file that is there, and `names` those that a
/// part of the table has.
fn fault(
    row: &Row,
    mut read: impl FnMut(&str) -> Option<String>,
    mut names: impl FnMut(&str) -> BTreeSet<String>,
) -> Option<String> {
    let Some(column) = row.columns.last().filter(|_| row.columns.len() >= 2) else {
        return Some("it has no column for tests".to_owned());
    };
    if row.columns.iter().any(String::is_empty) {
        return Some("it has an empty column".to_owned());
    }
    if let Some(part) = column.strip_prefix(AS_IN) {
        let is_there = names(part).contains(&row.columns[0]);
        return (!is_there).then(|| format!("{part} has no such name"));
    }
    for (path, function) in tests_in(column) {
        let path = format!("{path}.rs");
        let Some(text) = read(&path) else { return Some(format!("there is no file {path}")) };
        if !text.contains(&format!("fn {function}(")) {
            return Some(format!("there is no function {function} in {path}"));
        }
    }
    let has_reason = REASONS.iter().any(|reason| column.starts_with(reason));
    if !has_reason && tests_in(column).next().is_none() {
        return Some("it has neither a test nor a reason".to_owned());
    }
    None
}

/// The faults of a table in the repository, each with its row.
fn faults(table: &str) -> Vec<String> {
    let text = fs::read_to_string(repository().join(table)).expect("the table is there");
    let rows = rows(table, &text);
    assert!(!rows.is_empty(), "{table} has no rows");
    let mut files: BTreeMap<String, Option<String>> = BTreeMap::new();
    let mut read = |path: &str| {
        let read = || fs::read_to_string(repository().join(path)).ok();
        files.entry(path.to_owned()).or_insert_with(read).clone()
    };
    let mut parts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut names =
        |part: &str| parts.entry(part.to_owned()).or_insert_with(|| names(&text, part)).clone();
    let all = rows.iter().filter_map(|row| Some((fault(row, &mut read, &mut names)?, &row.place)));
    all.map(|(fault, place)| format!("{fault}: {place}")).collect()
}

#[test]
fn every_test_that_the_table_of_parity_names_is_there() {
    let faults = faults("tests/PARITY.md");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_test_that_the_table_of_reliability_names_is_there() {
    let faults = faults("tests/RELIABILITY.md");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_table_of_reliability_has_every_number_once() {
    let table = repository().join("tests/RELIABILITY.md");
    let text = fs::read_to_string(table).expect("the table is there");
    let mut numbers = Vec::new();
    for row in rows("RELIABILITY.md", &text) {
        let ends = row.columns[0].split('–').map(|end| end.strip_prefix('R')?.parse::<u32>().ok());
        let ends: Option<Vec<u32>> = ends.collect();
        let Some([first, .., last] | [first @ last]) = ends.as_deref() else {
            panic!("no number: {}", row.place)
        };
        numbers.extend(*first..=*last);
    }
    assert_eq!(numbers, (1..=70).collect::<Vec<_>>());
}

#[test]
fn no_name_stands_twice_in_one_part_of_the_table_of_parity() {
    let table = repository().join("tests/PARITY.md");
    let text = fs::read_to_string(table).expect("the table is there");
    for part in text.split("\n### ").skip(1) {
        let mut names = BTreeSet::new();
        for row in rows("PARITY.md", part) {
            assert!(names.insert(row.columns[0].clone()), "it stands twice: {}", row.place);
        }
    }
}

#[test]
fn the_check_catches_what_it_is_for() {
    let text = "### `one`\n\n| name | test |\n|---|---|\n\
        | a | `x.rs::is_there` |\n\
        | b | `x.rs::is_not_there` |\n\
        | c | `y.rs::is_there` |\n\
        | d | not applicable: another language, see `x.rs::is_there` |\n\
        | e | not applicable: see `x.rs::is_gone` |\n\
        | f | later |\n\
        | g | |\n\
        | h | `x.rs::is` |\n\
        \n\
        ### two, `one`\n\n| name | test |\n|---|---|\n\
        | i | nobody knows |\n\
        | a | as in `one` |\n\
        | z | as in `one` |\n\
        | b | as in `three` |\n";
    let read = |path: &str| (path == "x.rs").then(|| "async fn is_there() {}".to_owned());
    let whole = format!("\n{text}");
    let part = |part: &str| names(&whole, part);
    let faults: Vec<_> = rows("table", text)
        .iter()
        .map(|row| (row.columns[0].clone(), fault(row, read, part).unwrap_or_default()))
        .collect();
    let expected = [
        ("a", ""),
        ("b", "there is no function is_not_there in x.rs"),
        ("c", "there is no file y.rs"),
        ("d", ""),
        ("e", "there is no function is_gone in x.rs"),
        ("f", "it has neither a test nor a reason"),
        ("g", "it has an empty column"),
        ("h", "there is no function is in x.rs"),
        ("i", "it has neither a test nor a reason"),
        ("a", ""),
        ("z", "`one` has no such name"),
        ("b", "`three` has no such name"),
    ];
    let expected = expected.map(|(name, fault)| (name.to_owned(), fault.to_owned()));
    assert_eq!(faults, expected);
    assert_eq!(rows("table", text)[1].place, "table:6: | b | `x.rs::is_not_there` |");
}
