//! The whole way from the tokens of a type to its errors or its code.

mod attribute_errors;
mod expansion;
mod template_errors;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::DeriveInput;

use crate::{expand, model};

fn input(tokens: TokenStream) -> DeriveInput {
    syn::parse2(tokens).expect("the test writes a type")
}

/// The texts of all errors, in the order of the report.
fn errors(tokens: TokenStream) -> Vec<String> {
    match model::check(&input(tokens)) {
        Ok(_) => Vec::new(),
        Err(rejected) => rejected.errors.into_iter().map(|error| error.to_string()).collect(),
    }
}

/// The errors of a struct with a few fields and this attribute.
fn attribute(contents: impl ToTokens) -> Vec<String> {
    errors(quote! {
        #[subject(#contents)]
        struct Order { region: String, id: u64, r#type: Kind }
    })
}

/// The generated code, laid out to be read.
fn expanded(tokens: TokenStream) -> String {
    let code = expand::derive(&input(tokens));
    prettyplease::unparse(&syn::parse2(code).expect("the code is Rust"))
}
