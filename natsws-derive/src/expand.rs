//! The generated code.

mod filter;
mod payload;
mod stubs;
mod subject;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::spanned::Spanned;
use syn::{DeriveInput, GenericParam, Generics, Ident, Lifetime, WherePredicate, parse_quote};

use crate::fields::is_static_str;
use crate::model::{self, Model, Request};

/// The implementations for one type; where it has mistakes, the errors and stubs.
pub(crate) fn derive(input: &DeriveInput) -> TokenStream {
    match model::check(input) {
        Ok(model) => {
            let request = model.request.as_ref().map(|request| request_impl(&model, request));
            let subject = subject::expand(&model);
            let filter = filter::expand(&model);
            let payload = payload::expand(&model);
            quote!(#subject #filter #payload #request)
        }
        Err(rejected) => {
            let errors = rejected.errors.to_compile_error();
            let stubs = stubs::expand(&rejected);
            quote!(#errors #stubs)
        }
    }
}

fn request_impl(model: &Model<'_>, request: &Request) -> TokenStream {
    let Model { name, krate, codec, .. } = model;
    let Request { reply, error, reply_codec, error_codec, error_code, idempotent } = request;
    let idempotent = idempotent.then(|| {
        quote!(
            const IDEMPOTENT: bool = true;
        )
    });
    let error_code = error_code.as_ref().map(|code| {
        let (function, value) = (ours("code"), ours("error"));
        // With its type written out, a function of another shape is one error, where it is named.
        quote! {
            fn error_code(#value: &#error) -> u16 {
                let #function: fn(&#error) -> u16 = #code;
                #function(#value)
            }
        }
    });
    // Without type parameters everything is known here, so what is missing is reported here and
    // not at the first call.
    let bounds = model.generics.type_params().next().map(|_| -> [WherePredicate; 3] {
        [
            parse_quote!(for<'natsws> #codec: #krate::codec::Encoder<Self>),
            parse_quote!(for<'natsws> #reply_codec: #krate::codec::Codec<#reply>),
            parse_quote!(for<'natsws> #error_codec: #krate::codec::ErrorCodec<#error>),
        ]
    });
    let generics = with_bounds(model.generics, bounds.into_iter().flatten());
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    quote! {
        #[automatically_derived]
        impl #impl_generics #krate::Request for #name #type_generics #where_clause {
            type Reply = #reply;
            type Error = #error;
            type ReplyCodec = #reply_codec;
            type ErrorCodec = #error_codec;
            #idempotent

            #error_code
        }
    }
}

/// Bounds, each once.
#[derive(Default)]
struct Bounds(Vec<WherePredicate>);

impl Bounds {
    fn add(&mut self, bound: WherePredicate) {
        let printed = bound.to_token_stream().to_string();
        if !self.0.iter().any(|known| known.to_token_stream().to_string() == printed) {
            self.0.push(bound);
        }
    }
}

pub(crate) fn with_bounds(
    generics: &Generics,
    bounds: impl IntoIterator<Item = WherePredicate>,
) -> Generics {
    let mut generics = generics.clone();
    generics.make_where_clause().predicates.extend(bounds);
    generics
}

/// What a message must outlive whose values borrow from it.
fn outlived(model: &Model<'_>) -> Vec<Lifetime> {
    let mut outlived = lifetimes(model.generics);
    let addresses = model.body.addresses();
    let mut fields = addresses.iter().flat_map(|address| subject::placeholders(&address.parts));
    if fields.any(|field| is_static_str(field.ty)) {
        outlived.push(parse_quote!('static));
    }
    outlived
}

fn lifetimes(generics: &Generics) -> Vec<Lifetime> {
    generics.lifetimes().map(|parameter| parameter.lifetime.clone()).collect()
}

/// The generics with the message's lifetime before them, which outlives whatever borrows from it.
fn with_message_lifetime(generics: &Generics, outlived: &[Lifetime]) -> Generics {
    let mut generics = generics.clone();
    let parameter: GenericParam = if outlived.is_empty() {
        parse_quote!('natsws)
    } else {
        parse_quote!('natsws: #(#outlived)+*)
    };
    generics.params.insert(0, parameter);
    generics
}

/// Underlines the field's type while names are looked up as in all other generated code.
fn located_at(ty: &syn::Type) -> Span {
    Span::call_site().located_at(ty.span())
}

/// A variable of ours, which is never mistaken for one that is named after a field.
fn ours(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}
