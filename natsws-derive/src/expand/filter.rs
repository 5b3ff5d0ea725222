//! The typed filter of a type: a method for each placeholder.

use proc_macro2::{Group, Punct, Spacing, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote};
use syn::Ident;

use super::subject::placeholders;
use crate::fields::{Placeholder, Way};
use crate::model::Model;

/// A filter where there is something to fix.
pub(super) fn expand(model: &Model<'_>) -> Option<TokenStream> {
    let fields = fields(model);
    let filter = model.filter.as_ref().filter(|_| !fields.is_empty())?;
    let Model { name, vis, krate, generics, .. } = model;
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    // Within the filter's own code `Self` is the filter.
    let filter_generics = meant(generics.to_token_stream(), model);
    let filter_clause = where_clause.map(|clause| meant(clause.to_token_stream(), model));
    let filter_parameters = meant(impl_generics.to_token_stream(), model);
    let doc =
        format!(" Which subjects of [`{name}`] are meant: all, until their tokens are fixed.");
    let methods = fields.iter().map(|field| method(model, field));
    // Not everyone narrows by everything, and a field may have a type that others do not see.
    Some(quote! {
        #[doc = #doc]
        #[must_use = "a filter does nothing until it is given to a subscription"]
        #vis struct #filter #filter_generics (#krate::Filter<#name #type_generics>) #filter_clause;

        #[automatically_derived]
        #[allow(dead_code, private_interfaces, private_bounds)]
        impl #filter_parameters #filter #type_generics #filter_clause {
            #(#methods)*
        }

        #[automatically_derived]
        #[allow(dead_code)]
        impl #impl_generics #name #type_generics #where_clause {
            /// A filter of all subjects, to fix some of their tokens.
            #vis fn filter() -> #filter #type_generics {
                #filter(#krate::Filter::all())
            }
        }

        #[automatically_derived]
        impl #filter_parameters ::core::convert::From<#filter #type_generics>
            for #krate::Filter<#name #type_generics> #filter_clause
        {
            fn from(filter: #filter #type_generics) -> Self {
                filter.0
            }
        }

        #[automatically_derived]
        impl #filter_parameters ::core::fmt::Debug for #filter #type_generics #filter_clause {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                ::core::fmt::Debug::fmt(&self.0, f)
            }
        }
    })
}

/// The fields that can be fixed: of variants that have one by the same name it is one method, and
/// none where its types differ.
fn fields<'m>(model: &'m Model<'_>) -> Vec<&'m Placeholder<'m>> {
    let mut fields: Vec<&Placeholder<'_>> = Vec::new();
    let mut differing = Vec::new();
    for address in model.body.addresses() {
        for field in placeholders(&address.parts) {
            match fields.iter().find(|known| method_name(known) == method_name(field)) {
                None => fields.push(field),
                Some(known) if kind(known) == kind(field) => {}
                Some(_) => differing.push(method_name(field)),
            }
        }
    }
    fields.retain(|field| !differing.contains(&method_name(field)));
    fields
}

fn kind(field: &Placeholder<'_>) -> String {
    let with = match &field.way {
        Way::With(module) => module.to_token_stream().to_string(),
        Way::Tail => "..".to_owned(),
        Way::Token | Way::Text | Way::Cow | Way::OwnedCow => String::new(),
    };
    format!("{} {} {with}", field.name, field.ty.to_token_stream())
}

fn method(model: &Model<'_>, field: &Placeholder<'_>) -> TokenStream {
    let Model { vis, krate, .. } = model;
    let Placeholder { name, ty, way, .. } = field;
    let method = method_name(field);
    let ty = meant(ty.to_token_stream(), model);
    let doc = format!(" Only those with this `{name}`.");
    let (parameter, fixed) = match way {
        Way::Tail => (quote!(impl #krate::ToTail), quote!(tail(#name, value))),
        Way::With(module) => (quote!(&#ty), quote!(token(#name, &#module::to_token(value)))),
        Way::Token | Way::Text | Way::Cow | Way::OwnedCow => {
            (quote!(impl #krate::TokenOf<#ty>), quote!(token(#name, value.as_token())))
        }
    };
    quote! {
        #[doc = #doc]
        #vis fn #method(self, value: #parameter) -> Self {
            Self(self.0.#fixed)
        }
    }
}

/// The tokens with the message's type in place of `Self`.
fn meant(tokens: TokenStream, model: &Model<'_>) -> TokenStream {
    let name = model.name;
    let (_, type_generics, _) = model.generics.split_for_impl();
    let mut tokens = tokens.into_iter().peekable();
    let replaced =
        std::iter::from_fn(|| tokens.next().map(|token| (token, tokens.peek().cloned())));
    let replaced = replaced.map(|(token, next)| match token {
        TokenTree::Ident(word) if word == "Self" => match next {
            // `Self::Id` is a path, and a type with parameters needs brackets there.
            Some(TokenTree::Punct(colon)) if is_joint_colon(&colon) => {
                quote!(<#name #type_generics>)
            }
            _ => quote!(#name #type_generics),
        },
        TokenTree::Group(group) => {
            let mut inside = Group::new(group.delimiter(), meant(group.stream(), model));
            inside.set_span(group.span());
            inside.into_token_stream()
        }
        other => other.into_token_stream(),
    });
    replaced.collect()
}

/// Whether it is the first half of `::`.
fn is_joint_colon(punct: &Punct) -> bool {
    punct.as_char() == ':' && punct.spacing() == Spacing::Joint
}

/// What the template calls the field, where that is an identifier.
fn method_name(field: &Placeholder<'_>) -> Ident {
    if field.name.starts_with(|first: char| first.is_ascii_digit()) {
        return field.variable();
    }
    let raw = syn::parse_str::<Ident>(&field.name).is_err();
    if raw { format_ident!("r#{}", field.name) } else { format_ident!("{}", field.name) }
}
