use insta::assert_snapshot;
use quote::quote;

use super::expanded;

#[test]
fn a_request_with_everything_declared() {
    assert_snapshot!(expanded(quote! {
        #[subject("orders.{region}.created", codec = MsgPack, reply = Order, error = OrderError, queue = "orders")]
        struct CreateOrder { region: String, id: u64 }
    }), @r#"
    #[automatically_derived]
    impl ::natsws::Subject for CreateOrder {
        const TEMPLATES: &'static [&'static str] = &["orders.{region}.created"];
        const FILTERS: &'static [&'static str] = &["orders.*.created"];
        const QUEUE: ::core::option::Option<&'static str> = ::core::option::Option::Some(
            "orders",
        );
        fn write_subject(
            &self,
            out: &mut ::natsws::SubjectWriter<'_>,
        ) -> ::core::result::Result<(), ::natsws::SubjectError> {
            out.literal("orders.");
            out.token("region", &self.region)?;
            out.literal(".created");
            ::core::result::Result::Ok(())
        }
    }
    #[automatically_derived]
    impl ::natsws::EncodeMessage for CreateOrder
    where
        for<'natsws> ::natsws::codec::MsgPack: ::natsws::codec::Encoder<Self>,
    {
        fn content_type(&self) -> &'static str {
            <::natsws::codec::MsgPack as ::natsws::codec::Encoder<Self>>::CONTENT_TYPE
        }
        fn encode(
            &self,
            out: &mut ::natsws::bytes::BytesMut,
        ) -> ::core::result::Result<(), ::natsws::CodecError> {
            <::natsws::codec::MsgPack as ::natsws::codec::Encoder<Self>>::encode(self, out)
        }
    }
    #[automatically_derived]
    impl ::natsws::DecodeMessage for CreateOrder
    where
        for<'natsws> ::natsws::codec::MsgPack: ::natsws::codec::Decoder<Self>,
        for<'natsws> String: ::natsws::FromToken,
    {
        fn decode(
            subject: &str,
            payload: ::natsws::bytes::Bytes,
        ) -> ::core::result::Result<Self, ::natsws::DecodeError> {
            let mut reader = ::natsws::SubjectReader::new(
                subject,
                "orders.{region}.created",
            );
            reader.literal("orders")?;
            let value_0: String = reader.token("region")?;
            reader.literal("created")?;
            reader.end()?;
            let mut message: Self = <::natsws::codec::MsgPack as ::natsws::codec::Decoder<
                Self,
            >>::decode(payload)?;
            message.region = value_0;
            ::core::result::Result::Ok(message)
        }
    }
    #[automatically_derived]
    impl ::natsws::Request for CreateOrder {
        type Reply = Order;
        type Error = OrderError;
        type ReplyCodec = ::natsws::codec::MsgPack;
        type ErrorCodec = ::natsws::codec::MsgPack;
    }
    "#);
}

#[test]
fn a_unit_struct_with_defaults_only() {
    assert_snapshot!(expanded(quote! {
        #[subject("ping")]
        struct Ping;
    }), @r#"
    #[automatically_derived]
    impl ::natsws::Subject for Ping {
        const TEMPLATES: &'static [&'static str] = &["ping"];
        const FILTERS: &'static [&'static str] = &["ping"];
        fn write_subject(
            &self,
            out: &mut ::natsws::SubjectWriter<'_>,
        ) -> ::core::result::Result<(), ::natsws::SubjectError> {
            out.literal("ping");
            ::core::result::Result::Ok(())
        }
    }
    #[automatically_derived]
    impl ::natsws::EncodeMessage for Ping
    where
        for<'natsws> ::natsws::codec::Json: ::natsws::codec::Encoder<Self>,
    {
        fn content_type(&self) -> &'static str {
            <::natsws::codec::Json as ::natsws::codec::Encoder<Self>>::CONTENT_TYPE
        }
        fn encode(
            &self,
            out: &mut ::natsws::bytes::BytesMut,
        ) -> ::core::result::Result<(), ::natsws::CodecError> {
            <::natsws::codec::Json as ::natsws::codec::Encoder<Self>>::encode(self, out)
        }
    }
    #[automatically_derived]
    impl ::natsws::DecodeMessage for Ping
    where
        for<'natsws> ::natsws::codec::Json: ::natsws::codec::Decoder<Self>,
    {
        fn decode(
            subject: &str,
            payload: ::natsws::bytes::Bytes,
        ) -> ::core::result::Result<Self, ::natsws::DecodeError> {
            let mut reader = ::natsws::SubjectReader::new(subject, "ping");
            reader.literal("ping")?;
            reader.end()?;
            let message: Self = <::natsws::codec::Json as ::natsws::codec::Decoder<
                Self,
            >>::decode(payload)?;
            ::core::result::Result::Ok(message)
        }
    }
    "#);
}

#[test]
fn a_generic_request_from_another_crate_path() {
    assert_snapshot!(expanded(quote! {
        #[subject("{type}.{name}.x.y", reply = Vec<T>, crate = crate::wire)]
        struct Ask<'a, T: Display> where T: Clone { r#type: T, name: &'a str }
    }), @r#"
    #[automatically_derived]
    impl<'a, T: Display> crate::wire::Subject for Ask<'a, T>
    where
        T: Clone,
    {
        const TEMPLATES: &'static [&'static str] = &["{type}.{name}.x.y"];
        const FILTERS: &'static [&'static str] = &["*.*.x.y"];
        fn write_subject(
            &self,
            out: &mut crate::wire::SubjectWriter<'_>,
        ) -> ::core::result::Result<(), crate::wire::SubjectError> {
            out.token("type", &self.r#type)?;
            out.literal(".");
            out.token("name", &self.name)?;
            out.literal(".x.y");
            ::core::result::Result::Ok(())
        }
    }
    #[automatically_derived]
    impl<'a, T: Display> crate::wire::EncodeMessage for Ask<'a, T>
    where
        T: Clone,
        for<'natsws> crate::wire::codec::Json: crate::wire::codec::Encoder<Self>,
    {
        fn content_type(&self) -> &'static str {
            <crate::wire::codec::Json as crate::wire::codec::Encoder<Self>>::CONTENT_TYPE
        }
        fn encode(
            &self,
            out: &mut crate::wire::bytes::BytesMut,
        ) -> ::core::result::Result<(), crate::wire::CodecError> {
            <crate::wire::codec::Json as crate::wire::codec::Encoder<
                Self,
            >>::encode(self, out)
        }
    }
    #[automatically_derived]
    impl<'a, T: Display> crate::wire::DecodeMessage for Ask<'a, T>
    where
        T: Clone,
        for<'natsws> crate::wire::codec::Json: crate::wire::codec::Decoder<Self>,
        for<'natsws> T: crate::wire::FromToken,
        for<'natsws> &'a str: crate::wire::FromToken,
    {
        fn decode(
            subject: &str,
            payload: crate::wire::bytes::Bytes,
        ) -> ::core::result::Result<Self, crate::wire::DecodeError> {
            let mut reader = crate::wire::SubjectReader::new(subject, "{type}.{name}.x.y");
            let value_0: T = reader.token("type")?;
            let value_1: &'a str = reader.token("name")?;
            reader.literal("x")?;
            reader.literal("y")?;
            reader.end()?;
            let mut message: Self = <crate::wire::codec::Json as crate::wire::codec::Decoder<
                Self,
            >>::decode(payload)?;
            message.r#type = value_0;
            message.name = value_1;
            ::core::result::Result::Ok(message)
        }
    }
    #[automatically_derived]
    impl<'a, T: Display> crate::wire::Request for Ask<'a, T>
    where
        T: Clone,
        for<'natsws> crate::wire::codec::Json: crate::wire::codec::Encoder<Self>,
        for<'natsws> crate::wire::codec::Json: crate::wire::codec::Codec<Vec<T>>,
        for<'natsws> crate::wire::codec::AsIs: crate::wire::codec::ErrorCodec<
            crate::wire::ServiceError,
        >,
    {
        type Reply = Vec<T>;
        type Error = crate::wire::ServiceError;
        type ReplyCodec = crate::wire::codec::Json;
        type ErrorCodec = crate::wire::codec::AsIs;
    }
    "#);
}

#[test]
fn a_type_with_mistakes_has_stubs() {
    let code = expanded(quote! {
        #[subject("", reply = Order)]
        struct GetOrder<T> { id: T }
    });
    assert!(code.starts_with("::core::compile_error! {\n"), "{code}");
    let implemented: Vec<&str> =
        code.lines().map(str::trim).filter(|line| line.starts_with("impl")).collect();
    assert_eq!(
        implemented,
        [
            "impl<T> ::natsws::Subject for GetOrder<T> {",
            "impl<T> ::natsws::EncodeMessage for GetOrder<T> {",
            "impl<T> ::natsws::DecodeMessage for GetOrder<T> {",
            "impl<T: ?Sized> ::natsws::codec::Encoder<T> for Stub {",
            "impl<T> ::natsws::codec::Decoder<T> for Stub {",
            "impl<T> ::natsws::Request for GetOrder<T> {",
        ]
    );
}
