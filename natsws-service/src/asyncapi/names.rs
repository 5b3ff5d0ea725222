//! Names that a document may have.

use std::collections::BTreeSet;

/// Names of one kind, each of which is there once.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeSet<String>);

impl Names {
    /// A name like this one that nothing has yet: with `_` in place of what a name of AsyncAPI may
    /// not have, and a number behind where there is another.
    pub(super) fn take(&mut self, wanted: &str) -> String {
        let legal = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
        let plain: String = wanted.chars().map(legal).collect();
        let plain = if plain.is_empty() { "_".to_owned() } else { plain };
        let mut name = plain.clone();
        let mut number = 2_usize;
        while !self.0.insert(name.clone()) {
            name = format!("{plain}{number}");
            number += 1;
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_legal_and_there_once() {
        let mut names = Names::default();
        let taken = ["Order", "a-b_c", "Order", "Page<Order>", "größe", "", "", "Order", "Order2"]
            .map(|name| names.take(name));
        assert_eq!(
            taken,
            ["Order", "a-b_c", "Order2", "Page_Order_", "gr__e", "_", "_2", "Order3", "Order22"]
        );
    }
}
