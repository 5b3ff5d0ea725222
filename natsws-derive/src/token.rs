//! `#[derive(Token)]`: values with a name each, or a newtype, as one token of a subject.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::spanned::Spanned;
use syn::{
    Attribute, Data, DataEnum, DeriveInput, Fields, Ident, LitStr, Path, Token, Type, Variant,
    WherePredicate, parse_quote,
};

use crate::errors::Errors;
use crate::expand::with_bounds;
use crate::template;

/// The implementations for one type, or what is wrong with it.
pub(crate) fn derive(input: &DeriveInput) -> TokenStream {
    let mut errors = Errors::default();
    let krate = krate(input, &mut errors);
    let code = match &input.data {
        Data::Enum(data) => expand_enum(input, data, &krate, &mut errors),
        Data::Struct(data) => match &data.fields {
            Fields::Unnamed(fields) if fields.unnamed.len() == 1 => {
                expand_newtype(input, &fields.unnamed[0].ty, &krate)
            }
            _ => refused(input, &mut errors),
        },
        Data::Union(_) => refused(input, &mut errors),
    };
    match errors.into_first() {
        None => code,
        Some(error) => error.to_compile_error(),
    }
}

fn refused(input: &DeriveInput, errors: &mut Errors) -> TokenStream {
    errors.push(
        input.ident.span(),
        format!("`{}` cannot be a token: write an enum without fields, or a struct of one field, as in `struct Region(String);`", input.ident),
    );
    TokenStream::new()
}

fn expand_enum(
    input: &DeriveInput,
    data: &DataEnum,
    krate: &Path,
    errors: &mut Errors,
) -> TokenStream {
    let name = &input.ident;
    if data.variants.is_empty() {
        errors.push(name.span(), format!("`{name}` has no variants, so it has no tokens"));
    }
    let mut known: Vec<(String, &Ident)> = Vec::new();
    for variant in &data.variants {
        let token = token_of(variant, errors);
        if let Some((_, earlier)) = known.iter().find(|(other, _)| *other == token) {
            errors.push(
                variant.ident.span(),
                format!("`{earlier}` and `{}` are both the token `{token}`: rename one of them with `#[token(\"…\")]`", variant.ident),
            );
        }
        known.push((token, &variant.ident));
    }
    let tokens: Vec<&String> = known.iter().map(|(token, _)| token).collect();
    let variants: Vec<&Ident> = known.iter().map(|(_, variant)| *variant).collect();
    let expected = tokens.iter().map(|token| format!("`{token}`")).collect::<Vec<_>>().join(", ");
    let expected = format!("expected one of {expected}");
    let write = quote! {
        out.push_str(match self {
            #(Self::#variants => #tokens,)*
        });
        ::core::result::Result::Ok(())
    };
    let read = quote! {
        match token {
            #(#tokens => ::core::result::Result::Ok(Self::#variants),)*
            _ => ::core::result::Result::Err(::core::convert::From::from(#expected)),
        }
    };
    impls(input, krate, [None, None], &write, &read)
}

fn expand_newtype(input: &DeriveInput, ty: &Type, krate: &Path) -> TokenStream {
    let bounds = [parse_quote!(#ty: #krate::ToToken), parse_quote!(#ty: #krate::FromToken)];
    let write = quote!(#krate::ToToken::write_token(&self.0, out));
    let read = quote!(#krate::FromToken::from_token(token).map(Self));
    impls(input, krate, bounds.map(Some), &write, &read)
}

/// Both halves, each with what it needs and with what it does.
fn impls(
    input: &DeriveInput,
    krate: &Path,
    bounds: [Option<WherePredicate>; 2],
    write: &TokenStream,
    read: &TokenStream,
) -> TokenStream {
    let name = &input.ident;
    let [to, from] = bounds.map(|bound| with_bounds(&input.generics, bound));
    let (impl_generics, type_generics, to_clause) = to.split_for_impl();
    let (_, _, from_clause) = from.split_for_impl();
    quote! {
        #[automatically_derived]
        impl #impl_generics #krate::ToToken for #name #type_generics #to_clause {
            fn write_token(&self, out: &mut ::std::string::String) -> ::core::fmt::Result {
                #write
            }
        }

        #[automatically_derived]
        impl #impl_generics #krate::FromToken for #name #type_generics #from_clause {
            fn from_token(
                token: &str,
            ) -> ::core::result::Result<
                Self,
                ::std::boxed::Box<dyn ::core::error::Error + ::core::marker::Send + ::core::marker::Sync>,
            > {
                #read
            }
        }
    }
}

/// The path to `natsws`: what `#[token(crate = …)]` on the type says.
fn krate(input: &DeriveInput, errors: &mut Errors) -> Path {
    let mut krate = None;
    for attribute in tokens(&input.attrs) {
        let read = attribute.parse_args_with(|input: ParseStream<'_>| {
            input.parse::<Token![crate]>()?;
            input.parse::<Token![=]>()?;
            input.parse::<Path>()
        });
        match read {
            Ok(path) if krate.is_none() => krate = Some(path),
            Ok(_) | Err(_) => errors.push(
                attribute.span(),
                "`#[token(…)]` on a type says once where natsws is, as in `#[token(crate = ::natsws)]`",
            ),
        }
    }
    krate.unwrap_or_else(|| parse_quote!(::natsws))
}

fn tokens(attributes: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attributes.iter().filter(|attribute| attribute.path().is_ident("token"))
}

/// The token of a variant: what its attribute says, else its name in `snake_case`.
fn token_of(variant: &Variant, errors: &mut Errors) -> String {
    if !matches!(variant.fields, Fields::Unit) {
        errors.push(
            variant.ident.span(),
            format!(
                "variant `{}` has fields, and a token is one word: leave them out",
                variant.ident
            ),
        );
    }
    let mut token = None;
    for attribute in tokens(&variant.attrs) {
        match read(attribute) {
            Some(_) if token.is_some() => errors.push(
                attribute.span(),
                format!("variant `{}` has two tokens: keep one of them", variant.ident),
            ),
            Some(text) => {
                if let Some(fault) = template::token_fault(&text.value()) {
                    errors.push(text.span(), fault);
                }
                token = Some(text.value());
            }
            None => errors.push(
                attribute.span(),
                "`#[token(…)]` needs the text of the token, as in `#[token(\"eu\")]`",
            ),
        }
    }
    token.unwrap_or_else(|| snake_case(&variant.ident.unraw().to_string()))
}

fn read(attribute: &Attribute) -> Option<LitStr> {
    attribute.parse_args().ok()
}

/// `InTransit` as `in_transit`.
fn snake_case(name: &str) -> String {
    let mut out = String::new();
    let mut before = '_';
    for character in name.chars() {
        if character.is_uppercase() && !before.is_uppercase() && before != '_' {
            out.push('_');
        }
        out.extend(character.to_lowercase());
        before = character;
    }
    out
}
