//! What stands in for a type with mistakes.

use proc_macro2::TokenStream;
use quote::quote;

use super::{lifetimes, with_message_lifetime};
use crate::model::Rejected;

/// Implementations without contents: the user sees what is wrong with the type, and nothing about
/// the places that use it.
pub(super) fn expand(rejected: &Rejected<'_>) -> TokenStream {
    let Rejected { name, krate, .. } = rejected;
    let (impl_generics, type_generics, where_clause) = rejected.generics.split_for_impl();
    let with_lifetime = with_message_lifetime(rejected.generics, &lifetimes(rejected.generics));
    let (decode_generics, _, _) = with_lifetime.split_for_impl();
    let request = rejected.request.as_ref().map(|(reply, error)| {
        quote! {
            #[derive(Clone, Copy)]
            pub struct Stub;

            impl #krate::codec::ContentType for Stub {
                const CONTENT_TYPE: &'static str = "";
            }

            impl<T: ?Sized> #krate::codec::Encoder<T> for Stub {
                fn encode(
                    _: &T,
                    _: &mut #krate::bytes::BytesMut,
                ) -> ::core::result::Result<(), #krate::CodecError> {
                    ::core::unreachable!()
                }
            }

            impl<'m, T> #krate::codec::Decoder<'m, T> for Stub {
                fn decode(
                    _: #krate::codec::Encoded<'m>,
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
            impl #decode_generics #krate::DecodeMessage<'natsws> for #name #type_generics #where_clause {
                fn decode(
                    _: #krate::codec::Encoded<'natsws>,
                ) -> ::core::result::Result<Self, #krate::DecodeError> {
                    ::core::unreachable!()
                }
            }

            #request
        };
    }
}
