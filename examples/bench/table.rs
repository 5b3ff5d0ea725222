//! The table, as people paste it.

use std::time::Duration;

use crate::args::What;
use crate::measure::{Cost, median};
use crate::plan::Plan;
use crate::rounds::{Round, Rounds};

/// A sentence on what was done, and a table in Markdown.
pub(crate) fn render(plan: &Plan, place: &str, rounds: &Rounds<'_>) -> String {
    let mut head = vec!["client", "messages/s", "MB/s", "CPU ns/message"];
    if plan.what.asks() {
        head.extend(["p50 µs", "p99 µs"]);
    }
    if plan.compare {
        head.extend(["speed ratio", "CPU ratio"]);
    }
    let mut rows = vec![head.into_iter().map(str::to_owned).collect()];
    rows.push(row("natsws", plan, rounds, |round| Some(&round.ours)));
    if plan.compare {
        rows.push(row("async-nats", plan, rounds, |round| round.theirs.as_ref()));
    }
    format!("{}\n\n{}", sentence(plan, place, rounds.iter().count()), markdown(&rows))
}

fn sentence(plan: &Plan, place: &str, rounds: usize) -> String {
    let typed = plan.typed.map_or(String::new(), |format| format!(" as {}", format.name()));
    let layers: Vec<&str> = plan.layers.iter().map(|layer| layer.name()).collect();
    let layers =
        if layers.is_empty() { String::new() } else { format!(" in {}", layers.join(", ")) };
    let layers = match plan.what {
        What::Store | What::Consume => format!(", window {}", plan.window),
        _ => layers,
    };
    let (what, bytes) = (plan.what.name(), plan.size);
    let (messages, tasks) = (some(plan.count, "message"), some(plan.concurrency, "task"));
    let rounds = some(rounds, "round");
    format!(
        "`{what}`{layers}: {messages} of {bytes} bytes{typed}, {tasks}, {place}, median of {rounds}"
    )
}

fn some(number: impl TryInto<u64>, what: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

fn row(
    name: &str,
    plan: &Plan,
    rounds: &Rounds<'_>,
    cost: impl Fn(&Round) -> Option<&Cost>,
) -> Vec<String> {
    let messages = float(plan.count);
    let size = u64::try_from(plan.size).map_or(f64::INFINITY, float);
    let middle = |figure: &dyn Fn(&Cost) -> Option<f64>| {
        median(rounds.iter().map(|round| cost(round).and_then(figure)))
    };
    let speed = middle(&|cost| Some(messages / cost.wall.as_secs_f64()));
    let cpu = middle(&|cost| Some(nanos(cost.cpu?) / messages));
    let mut row = vec![
        name.to_owned(),
        shown(speed, 0),
        shown(speed.map(|speed| speed * size / 1e6), 1),
        shown(cpu, 0),
    ];
    if plan.what.asks() {
        for percent in [50, 99] {
            row.push(shown(middle(&|cost| Some(nanos(cost.percentile(percent)?) / 1e3)), 1));
        }
    }
    if plan.compare {
        let ratio = |of: &dyn Fn(&Cost, &Cost) -> Option<f64>| {
            median(rounds.iter().map(|round| of(cost(round)?, round.theirs.as_ref()?)))
        };
        let speed =
            |it: &Cost, other: &Cost| Some(other.wall.as_secs_f64() / it.wall.as_secs_f64());
        let cpu = |it: &Cost, other: &Cost| Some(nanos(it.cpu?) / nanos(other.cpu?));
        row.extend([shown(ratio(&speed), 2), shown(ratio(&cpu), 2)]);
    }
    row
}

#[expect(clippy::cast_precision_loss, reason = "figures are shown with a few digits")]
fn float(number: u64) -> f64 {
    number as f64
}

fn nanos(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e9
}

/// A number, or a dash where there is none.
fn shown(value: Option<f64>, digits: usize) -> String {
    value
        .filter(|value| value.is_finite())
        .map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
}

/// Names to the left, numbers to the right.
fn markdown(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |at: usize| {
        rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..columns).map(|at| width(at).unwrap_or(0)).collect();
    let mut text = String::new();
    for (number, row) in rows.iter().enumerate() {
        for (at, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let cell = if at == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") };
            text.extend(["| ", &cell, " "]);
        }
        text.push_str("|\n");
        if number == 0 {
            for (at, width) in widths.iter().enumerate() {
                text.extend(["|", &"-".repeat(width + 1), if at == 0 { "-" } else { ":" }]);
            }
            text.push_str("|\n");
        }
    }
    text
}
