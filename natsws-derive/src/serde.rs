//! What the user tells serde, as far as it matters here.

use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::{Attribute, Meta};

/// The keys of all `#[serde(…)]`: `with` of `with = "hex"`, `rename` of `rename(serialize = "x")`.
pub(crate) fn keys(attributes: &[Attribute]) -> impl Iterator<Item = Ident> {
    let serde = attributes.iter().filter(|attribute| attribute.path().is_ident("serde"));
    serde.flat_map(|attribute| match &attribute.meta {
        Meta::List(list) => first_of_each(list.tokens.clone()),
        Meta::Path(_) | Meta::NameValue(_) => Vec::new(),
    })
}

/// The first name between two commas.
fn first_of_each(tokens: TokenStream) -> Vec<Ident> {
    let mut names = Vec::new();
    let mut is_first = true;
    for token in tokens {
        match token {
            TokenTree::Ident(name) if is_first => {
                names.push(name);
                is_first = false;
            }
            TokenTree::Punct(punct) if punct.as_char() == ',' => is_first = true,
            _ => {}
        }
    }
    names
}
