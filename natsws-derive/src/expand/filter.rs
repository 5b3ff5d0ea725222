//! The typed filter of a type: a method for each placeholder.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote};
use syn::Ident;

use super::subject::placeholders;
use crate::fields::{Placeholder, Way};
use crate::model::Model;

/// A filter where there is something to fix.
pub(super) fn expand(model: &Model<'_>) -> Option<TokenStream> {
    let fields = fields(model);
    if fields.is_empty() {
        return None;
    }
    let Model { name, vis, krate, generics, .. } = model;
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    let filter = format_ident!("{name}Filter");
    let doc =
        format!(" Which subjects of [`{name}`] are meant: all, until their tokens are fixed.");
    let methods = fields.iter().map(|field| method(model, field));
    Some(quote! {
        #[doc = #doc]
        #[must_use = "a filter does nothing until it is given to a subscription"]
        #vis struct #filter #generics (#krate::Filter<#name #type_generics>) #where_clause;

        #[automatically_derived]
        #[allow(dead_code, private_interfaces, private_bounds)]
        impl #impl_generics #filter #type_generics #where_clause {
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
        impl #impl_generics ::core::convert::From<#filter #type_generics>
            for #krate::Filter<#name #type_generics> #where_clause
        {
            fn from(filter: #filter #type_generics) -> Self {
                filter.0
            }
        }

        #[automatically_derived]
        impl #impl_generics ::core::fmt::Debug for #filter #type_generics #where_clause {
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
            match fields.iter().find(|known| known.name == field.name) {
                None => fields.push(field),
                Some(known) if kind(known) == kind(field) => {}
                Some(_) => differing.push(field.name.clone()),
            }
        }
    }
    fields.retain(|field| !differing.contains(&field.name));
    fields
}

fn kind(field: &Placeholder<'_>) -> String {
    let with = match &field.way {
        Way::With(module) => module.to_token_stream().to_string(),
        Way::Tail => "..".to_owned(),
        Way::Token | Way::Text | Way::Cow | Way::OwnedCow => String::new(),
    };
    format!("{} {with}", field.ty.to_token_stream())
}

fn method(model: &Model<'_>, field: &Placeholder<'_>) -> TokenStream {
    let Model { vis, krate, .. } = model;
    let Placeholder { name, ty, way, .. } = field;
    let method = method_name(field);
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

/// What the template calls the field, where that is an identifier.
fn method_name(field: &Placeholder<'_>) -> Ident {
    if field.name.starts_with(|first: char| first.is_ascii_digit()) {
        return field.variable();
    }
    let raw = syn::parse_str::<Ident>(&field.name).is_err();
    if raw { format_ident!("r#{}", field.name) } else { format_ident!("{}", field.name) }
}
