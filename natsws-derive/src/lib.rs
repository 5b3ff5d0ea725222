//! The derive macro of `natsws`.

/// Derives `Subject`.
#[proc_macro_derive(Subject, attributes(subject))]
pub fn derive(_input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    proc_macro::TokenStream::new()
}
