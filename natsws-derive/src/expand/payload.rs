//! Encoding and decoding: the whole struct, or the contents of an enum's variant.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Ident, Member, Type, WherePredicate, parse_quote};

use super::subject::{placeholders, reads, token_bounds};
use super::{Bounds, ours, outlived, with_bounds, with_message_lifetime};
use crate::fields::{Placeholder, variable};
use crate::model::{Address, Body, Model, Variant};

pub(super) fn expand(model: &Model<'_>) -> TokenStream {
    let encode = encode_impl(model);
    let decode = match &model.body {
        Body::Struct(address) => decode_struct(model, address),
        Body::Enum(variants) => decode_enum(model, variants),
    };
    quote!(#encode #decode)
}

fn encode_impl(model: &Model<'_>) -> TokenStream {
    let Model { name, krate, codec, .. } = model;
    let out = ours("out");
    let (bounds, body) = match &model.body {
        Body::Struct(_) => (
            vec![parse_quote!(for<'natsws> #codec: #krate::codec::Encoder<Self>)],
            quote!(<#codec as #krate::codec::Encoder<Self>>::encode(self, #out)),
        ),
        Body::Enum(variants) => encode_variants(model, variants, &out),
    };
    let generics = with_bounds(model.generics, bounds);
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    quote! {
        #[automatically_derived]
        impl #impl_generics #krate::EncodeMessage for #name #type_generics #where_clause {
            const PAYLOAD_CONTENT_TYPE: ::core::option::Option<&'static str> =
                ::core::option::Option::Some(<#codec as #krate::codec::ContentType>::CONTENT_TYPE);

            fn content_type(&self) -> &'static str {
                <#codec as #krate::codec::ContentType>::CONTENT_TYPE
            }

            fn content_encoding(&self) -> ::core::option::Option<&'static str> {
                <#codec as #krate::codec::ContentType>::CONTENT_ENCODING
            }

            fn encode(
                &self,
                #out: &mut #krate::bytes::BytesMut,
            ) -> ::core::result::Result<(), #krate::CodecError> {
                #body
            }
        }
    }
}

/// A variant of one value is that value; of others the contents are written by serde.
fn encode_variants(
    model: &Model<'_>,
    variants: &[Variant<'_>],
    out: &Ident,
) -> (Vec<WherePredicate>, TokenStream) {
    let Model { krate, codec, .. } = model;
    let mut bounds = Bounds::default();
    let mut arms = Vec::new();
    let mut by_serde = false;
    for variant in variants {
        let Some(field) = variant.newtype else {
            by_serde = true;
            continue;
        };
        let (name, ty, value) = (variant.name, &field.ty, only());
        bounds.add(parse_quote!(for<'natsws> #codec: #krate::codec::Encoder<#ty>));
        arms.push(quote! {
            Self::#name(#value) => <#codec as #krate::codec::Encoder<#ty>>::encode(#value, #out),
        });
    }
    if by_serde {
        let contents: Type = parse_quote!(#krate::private::Contents<'_, Self>);
        bounds.add(parse_quote!(
            for<'natsws> #codec: #krate::codec::Encoder<#krate::private::Contents<'natsws, Self>>
        ));
        let encode = quote! {
            <#codec as #krate::codec::Encoder<#contents>>::encode(
                &#krate::private::Contents(self),
                #out,
            )
        };
        if arms.is_empty() {
            return (bounds.0, encode);
        }
        arms.push(quote!(_ => #encode,));
    }
    (bounds.0, quote!(match self { #(#arms)* }))
}

fn decode_struct(model: &Model<'_>, address: &Address<'_>) -> TokenStream {
    let Model { krate, codec, .. } = model;
    let mut bounds = vec![parse_quote!(#codec: #krate::codec::Decoder<'natsws, Self>)];
    bounds.extend(token_bounds(&address.parts, krate));
    let (message, value) = (ours("message"), ours("value"));
    let variables: Vec<_> = placeholders(&address.parts).map(Placeholder::variable).collect();
    let members = placeholders(&address.parts).map(|placeholder| &placeholder.member);
    let mutable = (!variables.is_empty()).then(|| quote!(mut));
    decode_impl(
        model,
        bounds,
        &quote! {
            let (#(#variables,)*) = Self::capture(#message.subject())?;
            let #mutable #value: Self = #message.decode_as::<#codec, Self>()?;
            #(#value.#members = #variables;)*
            ::core::result::Result::Ok(#value)
        },
    )
}

/// The subject says which variant it is: at most one fits.
fn decode_enum(model: &Model<'_>, variants: &[Variant<'_>]) -> TokenStream {
    let krate = &model.krate;
    let mut bounds = Bounds::default();
    let message = ours("message");
    let mut tries = Vec::new();
    for (index, variant) in (0_u32..).zip(variants) {
        let template = &variant.address.template;
        let decode = decode_variant(model, index, variant, &mut bounds);
        tries.push(quote! {
            if #krate::template_matches(#template, #message.subject()) {
                #decode
            }
        });
    }
    decode_impl(
        model,
        bounds.0,
        &quote! {
            #(#tries)*
            ::core::result::Result::Err(#krate::private::no_variant::<Self>(#message))
        },
    )
}

fn decode_variant(
    model: &Model<'_>,
    index: u32,
    variant: &Variant<'_>,
    bounds: &mut Bounds,
) -> TokenStream {
    let Model { krate, codec, .. } = model;
    let Variant { name, address, .. } = variant;
    let (message, value, reader) = (ours("message"), ours("value"), ours("reader"));
    let template = &address.template;
    for bound in token_bounds(&address.parts, krate) {
        bounds.add(bound);
    }
    let reads = reads(&address.parts, &reader);
    let read = (placeholders(&address.parts).next().is_some()).then(|| {
        quote! {
            let #reader = &mut #krate::SubjectReader::new(#message.subject(), #template);
            #(#reads)*
            #reader.end()?;
        }
    });
    if let Some(field) = variant.newtype {
        let (ty, variable) = (&field.ty, only());
        bounds.add(parse_quote!(#codec: #krate::codec::Decoder<'natsws, #ty>));
        // A placeholder for the whole value leaves nothing of the payload to be kept.
        let decoded = if read.is_some() {
            quote!(let _: #ty = #message.decode_as::<#codec, #ty>()?;)
        } else {
            quote!(let #variable: #ty = #message.decode_as::<#codec, #ty>()?;)
        };
        return quote! {
            #read
            #decoded
            return ::core::result::Result::Ok(Self::#name(#variable));
        };
    }
    let as_variant: Type = parse_quote!(#krate::private::Variant<Self, #index>);
    bounds.add(parse_quote!(#codec: #krate::codec::Decoder<'natsws, #as_variant>));
    let variables: Vec<_> = placeholders(&address.parts).map(Placeholder::variable).collect();
    // By other names than those of the variables, which hold what was read.
    let places: Vec<_> = (0..variables.len()).map(|at| ours(&format!("value_{at}"))).collect();
    let members = placeholders(&address.parts).map(|placeholder| &placeholder.member);
    quote! {
        #read
        let #krate::private::Variant(mut #value) = #message.decode_as::<#codec, #as_variant>()?;
        let Self::#name { #(#members: #places,)* .. } = &mut #value else {
            return ::core::result::Result::Err(#krate::private::other_variant(#message));
        };
        #(*#places = #variables;)*
        return ::core::result::Result::Ok(#value);
    }
}

fn decode_impl(model: &Model<'_>, bounds: Vec<WherePredicate>, body: &TokenStream) -> TokenStream {
    let Model { name, krate, .. } = model;
    let generics = with_bounds(&with_message_lifetime(model.generics, &outlived(model)), bounds);
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    let (_, type_generics, _) = model.generics.split_for_impl();
    let message = ours("message");
    // A field may have any name; an enum may have one variant, or one without placeholders.
    let allow = match model.body {
        Body::Struct(_) => quote!(#[allow(non_snake_case)]),
        Body::Enum(_) => quote!(#[allow(irrefutable_let_patterns, non_snake_case, unused_mut)]),
    };
    quote! {
        #[automatically_derived]
        #allow
        impl #impl_generics #krate::DecodeMessage<'natsws> for #name #type_generics #where_clause {
            fn decode(
                #message: #krate::codec::Encoded<'natsws>,
            ) -> ::core::result::Result<Self, #krate::DecodeError> {
                #body
            }
        }
    }
}

/// The variable for the only field of a variant.
fn only() -> Ident {
    variable(&Member::Unnamed(0.into()))
}
