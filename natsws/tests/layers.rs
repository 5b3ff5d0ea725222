//! Imports only point down: a module may use its own row's modules to its left and earlier rows.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The modules, lowest row first. `protocol` and the others with files of their own are one module
/// each; what is inside one may use each other.
const ROWS: &[(&str, &[&str])] = &[
    (
        "words",
        &[
            "subject",
            "status",
            "header",
            "stats",
            "server_addr",
            "escaped",
            "service_error",
            "end_of_replies",
            "delivery",
            "payload",
        ],
    ),
    ("grammar", &["protocol"]),
    ("platform", &["runtime", "deadline", "trace_context", "scope", "auth"]),
    ("session", &["session"]),
    ("transport", &["transport"]),
    ("life", &["options", "connect_error", "event", "drain", "driver"]),
    // These four are one thing to their users: a message answers over its connection, and a
    // connection hands out the builders that hold it.
    ("handles", &["connection", "publish", "msg", "request", "subscription"]),
    ("typed", &["codec", "typed"]),
    ("front door", &["client"]),
    ("upper", &["jetstream", "kv", "object_store", "embedded"]),
    ("edge", &["error", "private", "bench", "fuzz", "lib"]),
];

/// `session` and `transport` never import each other, though one of them stands below the other.
const STRANGERS: &[(&str, &str)] = &[("transport", "session"), ("session", "transport")];

fn place(module: &str) -> Option<(usize, usize)> {
    ROWS.iter().enumerate().find_map(|(row, (_, modules))| {
        modules.iter().position(|name| *name == module).map(|at| (row, at))
    })
}

fn may_import(module: &str, other: &str) -> bool {
    if module == other {
        return true;
    }
    let (Some(from), Some(to)) = (place(module), place(other)) else { return false };
    let is_handles = |row: usize| ROWS[row].0 == "handles";
    if STRANGERS.contains(&(module, other)) {
        return false;
    }
    to.0 < from.0 || (to.0 == from.0 && (to.1 < from.1 || is_handles(to.0)))
}

/// Every `crate::…` path of a file, with its line.
fn imports(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let name = |rest: &str| -> String {
        rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
    };
    for (line, text) in text.lines().enumerate() {
        let code = text.split("//").next().unwrap_or_default();
        for rest in code.split("crate::").skip(1) {
            match rest.strip_prefix('{') {
                Some(list) => {
                    let names = list.split([',', '}']).map(|part| name(part.trim()));
                    found.extend(names.filter(|name| !name.is_empty()).map(|n| (line + 1, n)));
                }
                None => found.push((line + 1, name(rest))),
            }
        }
    }
    found
}

fn files(folder: &Path, all: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the sources are there") {
        let path = entry.expect("the sources can be read").path();
        if path.is_dir() {
            files(&path, all);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            all.push(path);
        }
    }
}

#[test]
fn imports_only_point_down() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all = Vec::new();
    files(&sources, &mut all);
    assert!(all.len() > 40, "the sources were not found");
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for path in &all {
        let relative = path.strip_prefix(&sources).expect("it is below");
        let first = relative.iter().next().expect("it has a name").to_string_lossy();
        let module = first.trim_end_matches(".rs").to_owned();
        seen.insert(module.clone());
        if place(&module).is_none() {
            wrong.push(format!("{}: `{module}` has no place in the table", relative.display()));
            continue;
        }
        // Tests may use what they like.
        if relative.to_string_lossy().contains("tests") {
            continue;
        }
        let text = fs::read_to_string(path).expect("the sources can be read");
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        for (line, other) in imports(text) {
            if !may_import(&module, &other) {
                wrong.push(format!("{}:{line}: `{module}` imports `{other}`", relative.display()));
            }
        }
    }
    for (_, modules) in ROWS {
        for module in *modules {
            if !seen.contains(*module) {
                wrong.push(format!("`{module}` is in the table and not in the sources"));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn the_table_catches_what_it_is_for() {
    assert!(!may_import("session", "client"));
    assert!(!may_import("options", "client"));
    assert!(!may_import("options", "driver"));
    assert!(!may_import("transport", "session"));
    assert!(!may_import("session", "transport"));
    assert!(!may_import("nowhere", "subject"));
    assert!(may_import("driver", "session"));
    assert_eq!(
        imports("use crate::{a, b::c};\nlet x = crate::d::e(); // crate::f"),
        [(1, "a".to_owned()), (1, "b".to_owned()), (2, "d".to_owned())]
    );
}
