//! Writing a subject and reading it back.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::{Path, WherePredicate, parse_quote};

use super::{Bounds, located_at, ours, outlived, with_bounds};
use crate::fields::{Part, Placeholder, Way};
use crate::model::{Address, Body, Model, Variant};

pub(super) fn expand(model: &Model<'_>) -> TokenStream {
    let subject = subject_impl(model);
    let inherent = match &model.body {
        Body::Struct(address) => Some(inherent_impl(model, address)),
        Body::Enum(_) => None,
    };
    quote!(#inherent #subject)
}

/// What a struct has besides the traits: its one template, and how to read it.
fn inherent_impl(model: &Model<'_>, address: &Address<'_>) -> TokenStream {
    let Model { name, vis, krate, .. } = model;
    let Address { template, filter, parts } = address;
    let (impl_generics, type_generics, where_clause) = model.generics.split_for_impl();
    let generics = with_bounds(&syn::Generics::default(), token_bounds(parts, krate));
    let bounds = &generics.where_clause;
    let outlived = outlived(model);
    let (lifetime, bounds) = if outlived.is_empty() {
        (None, bounds.clone())
    } else {
        let mut generics = generics.clone();
        generics.make_where_clause().predicates.push(parse_quote!('natsws: #(#outlived)+*));
        (Some(quote!('natsws)), generics.where_clause)
    };
    let parameters = lifetime.as_ref().map(|lifetime| quote!(<#lifetime>));
    let reader = ours("reader");
    let reads = reads(parts, &reader);
    let types = placeholders(parts).map(|placeholder| placeholder.ty);
    let values = placeholders(parts).map(Placeholder::variable);
    // Not everyone uses all of it; a field may have any name, and a type that others do not see.
    quote! {
        #[automatically_derived]
        #[allow(dead_code, non_snake_case, private_interfaces, private_bounds)]
        impl #impl_generics #name #type_generics #where_clause {
            /// The subject with its placeholders, as declared.
            #vis const TEMPLATE: &'static str = #template;
            /// The template with a wildcard for each placeholder: what to subscribe to.
            #vis const FILTER: &'static str = #filter;

            /// Reads the values of the placeholders, in the order of the template.
            ///
            /// # Errors
            /// The subject does not fit the template.
            #vis fn capture #parameters (
                subject: &#lifetime str,
            ) -> ::core::result::Result<(#(#types,)*), #krate::SubjectError>
            #bounds
            {
                let #reader = &mut #krate::SubjectReader::new(subject, Self::TEMPLATE);
                #(#reads)*
                #reader.end()?;
                ::core::result::Result::Ok((#(#values,)*))
            }
        }
    }
}

fn subject_impl(model: &Model<'_>) -> TokenStream {
    let Model { name, krate, .. } = model;
    let (impl_generics, type_generics, where_clause) = model.generics.split_for_impl();
    let queue = model.queue.as_ref().map(|queue| {
        quote! {
            const QUEUE: ::core::option::Option<&'static str> = ::core::option::Option::Some(#queue);
        }
    });
    let templates = model.body.addresses().into_iter().map(|address| &address.template);
    let filters = model.body.addresses().into_iter().map(|address| &address.filter);
    let out = ours("out");
    let writes = match &model.body {
        Body::Struct(address) => {
            let writes = writes(&address.parts, &out, |placeholder| {
                let member = &placeholder.member;
                quote!(&self.#member)
            });
            quote!(#(#writes)*)
        }
        Body::Enum(variants) => {
            let arms = variants.iter().map(|variant| {
                let pattern = pattern(variant);
                let writes = writes(&variant.address.parts, &out, |placeholder| {
                    placeholder.variable().into_token_stream()
                });
                quote!(#pattern => { #(#writes)* })
            });
            quote!(match self { #(#arms)* })
        }
    };
    quote! {
        #[automatically_derived]
        impl #impl_generics #krate::Subject for #name #type_generics #where_clause {
            const TEMPLATES: &'static [&'static str] = &[#(#templates),*];
            const FILTERS: &'static [&'static str] = &[#(#filters),*];
            #queue

            fn write_subject(
                &self,
                #out: &mut #krate::SubjectWriter<'_>,
            ) -> ::core::result::Result<(), #krate::SubjectError> {
                #writes
                ::core::result::Result::Ok(())
            }
        }
    }
}

/// The variant with a variable for each field that its template names.
fn pattern(variant: &Variant<'_>) -> TokenStream {
    let name = variant.name;
    let fields = placeholders(&variant.address.parts).map(|placeholder| {
        let (member, variable) = (&placeholder.member, placeholder.variable());
        if matches!(member, syn::Member::Named(_)) {
            quote!(#variable)
        } else {
            quote!(#member: #variable)
        }
    });
    quote!(Self::#name { #(#fields,)* .. })
}

pub(super) fn placeholders<'p, 'a>(
    parts: &'p [Part<'a>],
) -> impl Iterator<Item = &'p Placeholder<'a>> {
    parts.iter().filter_map(|part| match part {
        Part::Literal(_) => None,
        Part::Field(placeholder) => Some(placeholder),
    })
}

/// One statement a placeholder and one for each text between two of them.
fn writes(
    parts: &[Part<'_>],
    out: &syn::Ident,
    value: impl Fn(&Placeholder<'_>) -> TokenStream,
) -> Vec<TokenStream> {
    let mut writes = Vec::new();
    let mut text = String::new();
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            text.push('.');
        }
        let placeholder = match part {
            Part::Literal(literal) => {
                text.push_str(literal);
                continue;
            }
            Part::Field(placeholder) => placeholder,
        };
        let Placeholder { name, ty, way, prefix, suffix, .. } = placeholder;
        text.push_str(prefix);
        flush(&mut text, out, &mut writes);
        let value = value(placeholder);
        let at = located_at(ty);
        writes.push(match way {
            Way::Tail => quote_spanned!(at=> #out.tail(#name, #value)?;),
            Way::With(module) => {
                quote_spanned!(at=> #out.token(#name, &#module::to_token(#value))?;)
            }
            Way::Token | Way::Text | Way::Cow | Way::OwnedCow => {
                quote_spanned!(at=> #out.token(#name, #value)?;)
            }
        });
        text.push_str(suffix);
    }
    flush(&mut text, out, &mut writes);
    writes
}

fn flush(text: &mut String, out: &syn::Ident, writes: &mut Vec<TokenStream>) {
    if !text.is_empty() {
        let text = std::mem::take(text);
        writes.push(quote!(#out.literal(#text);));
    }
}

/// One statement a token, each placeholder into the variable of its field.
pub(super) fn reads(parts: &[Part<'_>], reader: &syn::Ident) -> Vec<TokenStream> {
    let mut reads = Vec::new();
    for part in parts {
        let placeholder = match part {
            Part::Literal(text) => {
                reads.push(quote!(#reader.literal(#text)?;));
                continue;
            }
            Part::Field(placeholder) => placeholder,
        };
        let Placeholder { name, ty, way, prefix, suffix, .. } = placeholder;
        if !(prefix.is_empty() && suffix.is_empty()) {
            reads.push(quote!(#reader.affix(#prefix, #suffix);));
        }
        let variable = placeholder.variable();
        let at = located_at(ty);
        let read = match way {
            Way::Token => quote_spanned!(at=> #reader.token(#name)?),
            Way::Text => quote_spanned!(at=> #reader.text(#name)?),
            Way::Cow => quote_spanned!(at=> ::std::borrow::Cow::Borrowed(#reader.text(#name)?)),
            Way::OwnedCow => quote_spanned!(at=>
                ::std::borrow::Cow::Owned(::std::string::String::from(#reader.text(#name)?))
            ),
            Way::With(module) => {
                quote_spanned!(at=> #reader.token_with(#name, #module::from_token)?)
            }
            Way::Tail => quote_spanned!(at=> #reader.tail(#name)?),
        };
        reads.push(quote!(let #variable: #ty = #read;));
    }
    reads
}

/// What reading the placeholders needs of their types: one bound a type, or a type that is not a
/// token would be reported once for each field.
///
/// The bounds name a lifetime that they do not use. The compiler checks a bound without parameters
/// on the spot and refuses the implementation; one with `for<'_>` it leaves to the caller, so that
/// a type that can only be written gets that half.
pub(super) fn token_bounds(parts: &[Part<'_>], krate: &Path) -> Vec<WherePredicate> {
    let mut bounds = Bounds::default();
    for Placeholder { ty, way, .. } in placeholders(parts) {
        match way {
            Way::Token => bounds.add(parse_quote!(for<'natsws_token> #ty: #krate::FromToken)),
            Way::Tail => bounds.add(parse_quote!(for<'natsws_token> #ty: #krate::FromTail)),
            Way::Text | Way::Cow | Way::OwnedCow | Way::With(_) => {}
        }
    }
    bounds.0
}
