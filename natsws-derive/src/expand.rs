//! The generated code.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{DeriveInput, Generics, WherePredicate, parse_quote};

use crate::model::{self, Model, Part, Placeholder, Rejected, Request};

/// The implementations for one type; where it has mistakes, the errors and stubs.
pub(crate) fn derive(input: &DeriveInput) -> TokenStream {
    match model::check(input) {
        Ok(model) => {
            let request = model.request.as_ref().map(|request| request_impl(&model, request));
            let (subject, encode, decode) =
                (subject_impl(&model), encode_impl(&model), decode_impl(&model));
            quote!(#subject #encode #decode #request)
        }
        Err(rejected) => {
            let errors = rejected.errors.to_compile_error();
            let stubs = stubs(&rejected);
            quote!(#errors #stubs)
        }
    }
}

fn subject_impl(model: &Model<'_>) -> TokenStream {
    let Model { name, krate, template, filter, .. } = model;
    let (impl_generics, type_generics, where_clause) = model.generics.split_for_impl();
    let queue = model.queue.as_ref().map(|queue| {
        quote! {
            const QUEUE: ::core::option::Option<&'static str> = ::core::option::Option::Some(#queue);
        }
    });
    let writes = writes(&model.parts);
    quote! {
        #[automatically_derived]
        impl #impl_generics #krate::Subject for #name #type_generics #where_clause {
            const TEMPLATES: &'static [&'static str] = &[#template];
            const FILTERS: &'static [&'static str] = &[#filter];
            #queue

            fn write_subject(
                &self,
                out: &mut #krate::SubjectWriter<'_>,
            ) -> ::core::result::Result<(), #krate::SubjectError> {
                #(#writes)*
                ::core::result::Result::Ok(())
            }
        }
    }
}

/// One statement a placeholder and one for each text between two of them.
fn writes(parts: &[Part<'_>]) -> Vec<TokenStream> {
    let mut writes = Vec::new();
    let mut text = String::new();
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            text.push('.');
        }
        match part {
            Part::Literal(literal) => text.push_str(literal),
            Part::Field(Placeholder { name, member, ty }) => {
                flush(&mut text, &mut writes);
                let at = located_at(ty);
                writes.push(quote_spanned!(at=> out.token(#name, &self.#member)?;));
            }
        }
    }
    flush(&mut text, &mut writes);
    writes
}

fn flush(text: &mut String, writes: &mut Vec<TokenStream>) {
    if !text.is_empty() {
        let text = std::mem::take(text);
        writes.push(quote!(out.literal(#text);));
    }
}

fn encode_impl(model: &Model<'_>) -> TokenStream {
    let Model { name, krate, codec, .. } = model;
    let generics = with_bounds(model.generics, [can_encode(model)]);
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    quote! {
        #[automatically_derived]
        impl #impl_generics #krate::EncodeMessage for #name #type_generics #where_clause {
            fn content_type(&self) -> &'static str {
                <#codec as #krate::codec::Encoder<Self>>::CONTENT_TYPE
            }

            fn encode(
                &self,
                out: &mut #krate::bytes::BytesMut,
            ) -> ::core::result::Result<(), #krate::CodecError> {
                <#codec as #krate::codec::Encoder<Self>>::encode(self, out)
            }
        }
    }
}

fn decode_impl(model: &Model<'_>) -> TokenStream {
    let Model { name, krate, template, codec, .. } = model;
    let mut bounds: Vec<WherePredicate> =
        vec![parse_quote!(for<'natsws> #codec: #krate::codec::Decoder<Self>)];
    let mut reads = Vec::new();
    let mut overwrites = Vec::new();
    // One bound a type, or a type that is not a token would be reported once for each field.
    let mut bound_types: Vec<String> = Vec::new();
    for part in &model.parts {
        let Placeholder { name, member, ty } = match part {
            Part::Literal(text) => {
                reads.push(quote!(reader.literal(#text)?;));
                continue;
            }
            Part::Field(placeholder) => placeholder,
        };
        // Not the field's own name, which may be one of those used here.
        let value = format_ident!("value_{}", overwrites.len());
        let at = located_at(ty);
        reads.push(quote_spanned!(at=> let #value: #ty = reader.token(#name)?;));
        overwrites.push(quote!(message.#member = #value;));
        let printed = ty.to_token_stream().to_string();
        if !bound_types.contains(&printed) {
            bounds.push(parse_quote!(for<'natsws> #ty: #krate::FromToken));
            bound_types.push(printed);
        }
    }
    let generics = with_bounds(model.generics, bounds);
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    let mutable = (!overwrites.is_empty()).then(|| quote!(mut));
    quote! {
        #[automatically_derived]
        impl #impl_generics #krate::DecodeMessage for #name #type_generics #where_clause {
            fn decode(
                subject: &str,
                payload: #krate::bytes::Bytes,
            ) -> ::core::result::Result<Self, #krate::DecodeError> {
                let mut reader = #krate::SubjectReader::new(subject, #template);
                #(#reads)*
                reader.end()?;
                let #mutable message: Self =
                    <#codec as #krate::codec::Decoder<Self>>::decode(payload)?;
                #(#overwrites)*
                ::core::result::Result::Ok(message)
            }
        }
    }
}

fn request_impl(model: &Model<'_>, request: &Request) -> TokenStream {
    let Model { name, krate, .. } = model;
    let Request { reply, error, reply_codec, error_codec } = request;
    // Without type parameters everything is known here, so what is missing is reported here and
    // not at the first call.
    let bounds = model.generics.type_params().next().map(|_| -> [WherePredicate; 3] {
        [
            can_encode(model),
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
        }
    }
}

/// Bounds like this one name a lifetime that they do not use. The compiler checks a bound without
/// parameters on the spot and refuses the implementation; one with `for<'_>` it leaves to the
/// caller, so that a type whose codec can do one half gets that half.
fn can_encode(model: &Model<'_>) -> WherePredicate {
    let Model { krate, codec, .. } = model;
    parse_quote!(for<'natsws> #codec: #krate::codec::Encoder<Self>)
}

fn with_bounds(generics: &Generics, bounds: impl IntoIterator<Item = WherePredicate>) -> Generics {
    let mut generics = generics.clone();
    generics.make_where_clause().predicates.extend(bounds);
    generics
}

/// Underlines the field's type while names are looked up as in all other generated code.
fn located_at(ty: &syn::Type) -> Span {
    Span::call_site().located_at(ty.span())
}

/// Implementations without contents: the user sees what is wrong with the type, and nothing about
/// the places that use it.
fn stubs(rejected: &Rejected<'_>) -> TokenStream {
    let Rejected { name, krate, .. } = rejected;
    let (impl_generics, type_generics, where_clause) = rejected.generics.split_for_impl();
    let request = rejected.request.as_ref().map(|(reply, error)| {
        quote! {
            #[derive(Clone, Copy)]
            pub struct Stub;

            impl<T: ?Sized> #krate::codec::Encoder<T> for Stub {
                const CONTENT_TYPE: &'static str = "";

                fn encode(
                    _: &T,
                    _: &mut #krate::bytes::BytesMut,
                ) -> ::core::result::Result<(), #krate::CodecError> {
                    ::core::unreachable!()
                }
            }

            impl<T> #krate::codec::Decoder<T> for Stub {
                fn decode(
                    _: #krate::bytes::Bytes,
                ) -> ::core::result::Result<T, #krate::CodecError> {
                    ::core::unreachable!()
                }
            }

            #[automatically_derived]
            impl #impl_generics #krate::Request for #name #type_generics #where_clause {
                type Reply = #reply;
                type Error = #error;
                type ReplyCodec = Stub;
                type ErrorCodec = Stub;
            }
        }
    });
    quote! {
        const _: () = {
            #[automatically_derived]
            impl #impl_generics #krate::Subject for #name #type_generics #where_clause {
                const TEMPLATES: &'static [&'static str] = &[];
                const FILTERS: &'static [&'static str] = &[];

                fn write_subject(
                    &self,
                    _: &mut #krate::SubjectWriter<'_>,
                ) -> ::core::result::Result<(), #krate::SubjectError> {
                    ::core::unreachable!()
                }
            }

            #[automatically_derived]
            impl #impl_generics #krate::EncodeMessage for #name #type_generics #where_clause {
                fn content_type(&self) -> &'static str {
                    ::core::unreachable!()
                }

                fn encode(
                    &self,
                    _: &mut #krate::bytes::BytesMut,
                ) -> ::core::result::Result<(), #krate::CodecError> {
                    ::core::unreachable!()
                }
            }

            #[automatically_derived]
            impl #impl_generics #krate::DecodeMessage for #name #type_generics #where_clause {
                fn decode(
                    _: &str,
                    _: #krate::bytes::Bytes,
                ) -> ::core::result::Result<Self, #krate::DecodeError> {
                    ::core::unreachable!()
                }
            }

            #request
        };
    }
}
