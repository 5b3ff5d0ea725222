#![expect(clippy::too_many_lines, reason = "the code is long, the tests are not")]

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
    #[allow(dead_code, non_snake_case, private_interfaces, private_bounds)]
    impl CreateOrder {
        /// The subject with its placeholders, as declared.
        const TEMPLATE: &'static str = "orders.{region}.created";
        /// The template with a wildcard for each placeholder: what to subscribe to.
        const FILTER: &'static str = "orders.*.created";
        /// Reads the values of the placeholders, in the order of the template.
        ///
        /// # Errors
        /// The subject does not fit the template.
        fn capture(
            subject: &str,
        ) -> ::core::result::Result<(String,), ::natsws::SubjectError>
        where
            for<'natsws_token> String: ::natsws::FromToken,
        {
            let reader = &mut ::natsws::SubjectReader::new(subject, Self::TEMPLATE);
            reader.literal("orders")?;
            let region: String = reader.token("region")?;
            reader.literal("created")?;
            reader.end()?;
            ::core::result::Result::Ok((region,))
        }
    }
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
    /// Which subjects of [`CreateOrder`] are meant: all, until their tokens are fixed.
    #[must_use = "a filter does nothing until it is given to a subscription"]
    struct CreateOrderFilter(::natsws::Filter<CreateOrder>);
    #[automatically_derived]
    #[allow(dead_code, private_interfaces, private_bounds)]
    impl CreateOrderFilter {
        /// Only those with this `region`.
        fn region(self, value: impl ::natsws::TokenOf<String>) -> Self {
            Self(self.0.token("region", value.as_token()))
        }
    }
    #[automatically_derived]
    #[allow(dead_code)]
    impl CreateOrder {
        /// A filter of all subjects, to fix some of their tokens.
        fn filter() -> CreateOrderFilter {
            CreateOrderFilter(::natsws::Filter::all())
        }
    }
    #[automatically_derived]
    impl ::core::convert::From<CreateOrderFilter> for ::natsws::Filter<CreateOrder> {
        fn from(filter: CreateOrderFilter) -> Self {
            filter.0
        }
    }
    #[automatically_derived]
    impl ::core::fmt::Debug for CreateOrderFilter {
        fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            ::core::fmt::Debug::fmt(&self.0, f)
        }
    }
    #[automatically_derived]
    impl ::natsws::EncodeMessage for CreateOrder
    where
        for<'natsws> ::natsws::codec::MsgPack: ::natsws::codec::Encoder<Self>,
    {
        const PAYLOAD_CONTENT_TYPE: ::core::option::Option<&'static str> = ::core::option::Option::Some(
            <::natsws::codec::MsgPack as ::natsws::codec::ContentType>::CONTENT_TYPE,
        );
        fn content_type(&self) -> &'static str {
            <::natsws::codec::MsgPack as ::natsws::codec::ContentType>::CONTENT_TYPE
        }
        fn content_encoding(&self) -> ::core::option::Option<&'static str> {
            <::natsws::codec::MsgPack as ::natsws::codec::ContentType>::CONTENT_ENCODING
        }
        fn encode(
            &self,
            out: &mut ::natsws::bytes::BytesMut,
        ) -> ::core::result::Result<(), ::natsws::CodecError> {
            <::natsws::codec::MsgPack as ::natsws::codec::Encoder<Self>>::encode(self, out)
        }
    }
    #[automatically_derived]
    #[allow(non_snake_case)]
    impl<'natsws> ::natsws::DecodeMessage<'natsws> for CreateOrder
    where
        ::natsws::codec::MsgPack: ::natsws::codec::Decoder<'natsws, Self>,
        for<'natsws_token> String: ::natsws::FromToken,
    {
        fn decode(
            message: ::natsws::codec::Encoded<'natsws>,
        ) -> ::core::result::Result<Self, ::natsws::DecodeError> {
            let (region,) = Self::capture(message.subject())?;
            let mut value: Self = message.decode_as::<::natsws::codec::MsgPack, Self>()?;
            value.region = region;
            ::core::result::Result::Ok(value)
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
    #[allow(dead_code, non_snake_case, private_interfaces, private_bounds)]
    impl Ping {
        /// The subject with its placeholders, as declared.
        const TEMPLATE: &'static str = "ping";
        /// The template with a wildcard for each placeholder: what to subscribe to.
        const FILTER: &'static str = "ping";
        /// Reads the values of the placeholders, in the order of the template.
        ///
        /// # Errors
        /// The subject does not fit the template.
        fn capture(subject: &str) -> ::core::result::Result<(), ::natsws::SubjectError> {
            let reader = &mut ::natsws::SubjectReader::new(subject, Self::TEMPLATE);
            reader.literal("ping")?;
            reader.end()?;
            ::core::result::Result::Ok(())
        }
    }
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
        const PAYLOAD_CONTENT_TYPE: ::core::option::Option<&'static str> = ::core::option::Option::Some(
            <::natsws::codec::Json as ::natsws::codec::ContentType>::CONTENT_TYPE,
        );
        fn content_type(&self) -> &'static str {
            <::natsws::codec::Json as ::natsws::codec::ContentType>::CONTENT_TYPE
        }
        fn content_encoding(&self) -> ::core::option::Option<&'static str> {
            <::natsws::codec::Json as ::natsws::codec::ContentType>::CONTENT_ENCODING
        }
        fn encode(
            &self,
            out: &mut ::natsws::bytes::BytesMut,
        ) -> ::core::result::Result<(), ::natsws::CodecError> {
            <::natsws::codec::Json as ::natsws::codec::Encoder<Self>>::encode(self, out)
        }
    }
    #[automatically_derived]
    #[allow(non_snake_case)]
    impl<'natsws> ::natsws::DecodeMessage<'natsws> for Ping
    where
        ::natsws::codec::Json: ::natsws::codec::Decoder<'natsws, Self>,
    {
        fn decode(
            message: ::natsws::codec::Encoded<'natsws>,
        ) -> ::core::result::Result<Self, ::natsws::DecodeError> {
            let () = Self::capture(message.subject())?;
            let value: Self = message.decode_as::<::natsws::codec::Json, Self>()?;
            ::core::result::Result::Ok(value)
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
    #[allow(dead_code, non_snake_case, private_interfaces, private_bounds)]
    impl<'a, T: Display> Ask<'a, T>
    where
        T: Clone,
    {
        /// The subject with its placeholders, as declared.
        const TEMPLATE: &'static str = "{type}.{name}.x.y";
        /// The template with a wildcard for each placeholder: what to subscribe to.
        const FILTER: &'static str = "*.*.x.y";
        /// Reads the values of the placeholders, in the order of the template.
        ///
        /// # Errors
        /// The subject does not fit the template.
        fn capture<'natsws>(
            subject: &'natsws str,
        ) -> ::core::result::Result<(T, &'a str), crate::wire::SubjectError>
        where
            for<'natsws_token> T: crate::wire::FromToken,
            'natsws: 'a,
        {
            let reader = &mut crate::wire::SubjectReader::new(subject, Self::TEMPLATE);
            let r#type: T = reader.token("type")?;
            let name: &'a str = reader.text("name")?;
            reader.literal("x")?;
            reader.literal("y")?;
            reader.end()?;
            ::core::result::Result::Ok((r#type, name))
        }
    }
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
    /// Which subjects of [`Ask`] are meant: all, until their tokens are fixed.
    #[must_use = "a filter does nothing until it is given to a subscription"]
    struct AskFilter<'a, T: Display>(
        crate::wire::Filter<Ask<'a, T>>,
    )
    where
        T: Clone;
    #[automatically_derived]
    #[allow(dead_code, private_interfaces, private_bounds)]
    impl<'a, T: Display> AskFilter<'a, T>
    where
        T: Clone,
    {
        /// Only those with this `type`.
        fn r#type(self, value: impl crate::wire::TokenOf<T>) -> Self {
            Self(self.0.token("type", value.as_token()))
        }
        /// Only those with this `name`.
        fn name(self, value: impl crate::wire::TokenOf<&'a str>) -> Self {
            Self(self.0.token("name", value.as_token()))
        }
    }
    #[automatically_derived]
    #[allow(dead_code)]
    impl<'a, T: Display> Ask<'a, T>
    where
        T: Clone,
    {
        /// A filter of all subjects, to fix some of their tokens.
        fn filter() -> AskFilter<'a, T> {
            AskFilter(crate::wire::Filter::all())
        }
    }
    #[automatically_derived]
    impl<'a, T: Display> ::core::convert::From<AskFilter<'a, T>>
    for crate::wire::Filter<Ask<'a, T>>
    where
        T: Clone,
    {
        fn from(filter: AskFilter<'a, T>) -> Self {
            filter.0
        }
    }
    #[automatically_derived]
    impl<'a, T: Display> ::core::fmt::Debug for AskFilter<'a, T>
    where
        T: Clone,
    {
        fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            ::core::fmt::Debug::fmt(&self.0, f)
        }
    }
    #[automatically_derived]
    impl<'a, T: Display> crate::wire::EncodeMessage for Ask<'a, T>
    where
        T: Clone,
        for<'natsws> crate::wire::codec::Json: crate::wire::codec::Encoder<Self>,
    {
        const PAYLOAD_CONTENT_TYPE: ::core::option::Option<&'static str> = ::core::option::Option::Some(
            <crate::wire::codec::Json as crate::wire::codec::ContentType>::CONTENT_TYPE,
        );
        fn content_type(&self) -> &'static str {
            <crate::wire::codec::Json as crate::wire::codec::ContentType>::CONTENT_TYPE
        }
        fn content_encoding(&self) -> ::core::option::Option<&'static str> {
            <crate::wire::codec::Json as crate::wire::codec::ContentType>::CONTENT_ENCODING
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
    #[allow(non_snake_case)]
    impl<'natsws: 'a, 'a, T: Display> crate::wire::DecodeMessage<'natsws> for Ask<'a, T>
    where
        T: Clone,
        crate::wire::codec::Json: crate::wire::codec::Decoder<'natsws, Self>,
        for<'natsws_token> T: crate::wire::FromToken,
    {
        fn decode(
            message: crate::wire::codec::Encoded<'natsws>,
        ) -> ::core::result::Result<Self, crate::wire::DecodeError> {
            let (r#type, name) = Self::capture(message.subject())?;
            let mut value: Self = message.decode_as::<crate::wire::codec::Json, Self>()?;
            value.r#type = r#type;
            value.name = name;
            ::core::result::Result::Ok(value)
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
fn a_tuple_struct_with_every_kind_of_placeholder() {
    assert_snapshot!(expanded(quote! {
        #[subject("files.v{0}.{owner}.{hash}.{path..}", codec = Raw)]
        pub struct File(
            u32,
            #[subject(rename = "owner")] Cow<'static, str>,
            #[subject(rename = "hash", with = crate::hex)] [u8; 4],
            #[subject(rename = "path")] Vec<String>,
            Bytes,
        );
    }), @r#"
    #[automatically_derived]
    #[allow(dead_code, non_snake_case, private_interfaces, private_bounds)]
    impl File {
        /// The subject with its placeholders, as declared.
        pub const TEMPLATE: &'static str = "files.v{0}.{owner}.{hash}.{path..}";
        /// The template with a wildcard for each placeholder: what to subscribe to.
        pub const FILTER: &'static str = "files.*.*.*.>";
        /// Reads the values of the placeholders, in the order of the template.
        ///
        /// # Errors
        /// The subject does not fit the template.
        pub fn capture(
            subject: &str,
        ) -> ::core::result::Result<
            (u32, Cow<'static, str>, [u8; 4], Vec<String>),
            ::natsws::SubjectError,
        >
        where
            for<'natsws_token> u32: ::natsws::FromToken,
            for<'natsws_token> Vec<String>: ::natsws::FromTail,
        {
            let reader = &mut ::natsws::SubjectReader::new(subject, Self::TEMPLATE);
            reader.literal("files")?;
            reader.affix("v", "");
            let field_0: u32 = reader.token("0")?;
            let field_1: Cow<'static, str> = ::std::borrow::Cow::Owned(
                ::std::string::String::from(reader.text("owner")?),
            );
            let field_2: [u8; 4] = reader.token_with("hash", crate::hex::from_token)?;
            let field_3: Vec<String> = reader.tail("path")?;
            reader.end()?;
            ::core::result::Result::Ok((field_0, field_1, field_2, field_3))
        }
    }
    #[automatically_derived]
    impl ::natsws::Subject for File {
        const TEMPLATES: &'static [&'static str] = &["files.v{0}.{owner}.{hash}.{path..}"];
        const FILTERS: &'static [&'static str] = &["files.*.*.*.>"];
        fn write_subject(
            &self,
            out: &mut ::natsws::SubjectWriter<'_>,
        ) -> ::core::result::Result<(), ::natsws::SubjectError> {
            out.literal("files.v");
            out.token("0", &self.0)?;
            out.literal(".");
            out.token("owner", &self.1)?;
            out.literal(".");
            out.token("hash", &crate::hex::to_token(&self.2))?;
            out.literal(".");
            out.tail("path", &self.3)?;
            ::core::result::Result::Ok(())
        }
    }
    /// Which subjects of [`File`] are meant: all, until their tokens are fixed.
    #[must_use = "a filter does nothing until it is given to a subscription"]
    pub struct FileFilter(::natsws::Filter<File>);
    #[automatically_derived]
    #[allow(dead_code, private_interfaces, private_bounds)]
    impl FileFilter {
        /// Only those with this `0`.
        pub fn field_0(self, value: impl ::natsws::TokenOf<u32>) -> Self {
            Self(self.0.token("0", value.as_token()))
        }
        /// Only those with this `owner`.
        pub fn owner(self, value: impl ::natsws::TokenOf<Cow<'static, str>>) -> Self {
            Self(self.0.token("owner", value.as_token()))
        }
        /// Only those with this `hash`.
        pub fn hash(self, value: &[u8; 4]) -> Self {
            Self(self.0.token("hash", &crate::hex::to_token(value)))
        }
        /// Only those with this `path`.
        pub fn path(self, value: impl ::natsws::ToTail) -> Self {
            Self(self.0.tail("path", value))
        }
    }
    #[automatically_derived]
    #[allow(dead_code)]
    impl File {
        /// A filter of all subjects, to fix some of their tokens.
        pub fn filter() -> FileFilter {
            FileFilter(::natsws::Filter::all())
        }
    }
    #[automatically_derived]
    impl ::core::convert::From<FileFilter> for ::natsws::Filter<File> {
        fn from(filter: FileFilter) -> Self {
            filter.0
        }
    }
    #[automatically_derived]
    impl ::core::fmt::Debug for FileFilter {
        fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            ::core::fmt::Debug::fmt(&self.0, f)
        }
    }
    #[automatically_derived]
    impl ::natsws::EncodeMessage for File
    where
        for<'natsws> ::natsws::codec::Raw: ::natsws::codec::Encoder<Self>,
    {
        const PAYLOAD_CONTENT_TYPE: ::core::option::Option<&'static str> = ::core::option::Option::Some(
            <::natsws::codec::Raw as ::natsws::codec::ContentType>::CONTENT_TYPE,
        );
        fn content_type(&self) -> &'static str {
            <::natsws::codec::Raw as ::natsws::codec::ContentType>::CONTENT_TYPE
        }
        fn content_encoding(&self) -> ::core::option::Option<&'static str> {
            <::natsws::codec::Raw as ::natsws::codec::ContentType>::CONTENT_ENCODING
        }
        fn encode(
            &self,
            out: &mut ::natsws::bytes::BytesMut,
        ) -> ::core::result::Result<(), ::natsws::CodecError> {
            <::natsws::codec::Raw as ::natsws::codec::Encoder<Self>>::encode(self, out)
        }
    }
    #[automatically_derived]
    #[allow(non_snake_case)]
    impl<'natsws> ::natsws::DecodeMessage<'natsws> for File
    where
        ::natsws::codec::Raw: ::natsws::codec::Decoder<'natsws, Self>,
        for<'natsws_token> u32: ::natsws::FromToken,
        for<'natsws_token> Vec<String>: ::natsws::FromTail,
    {
        fn decode(
            message: ::natsws::codec::Encoded<'natsws>,
        ) -> ::core::result::Result<Self, ::natsws::DecodeError> {
            let (field_0, field_1, field_2, field_3) = Self::capture(message.subject())?;
            let mut value: Self = message.decode_as::<::natsws::codec::Raw, Self>()?;
            value.0 = field_0;
            value.1 = field_1;
            value.2 = field_2;
            value.3 = field_3;
            ::core::result::Result::Ok(value)
        }
    }
    "#);
}

#[test]
fn an_enum_is_a_family_of_subjects() {
    assert_snapshot!(expanded(quote! {
        enum OrderEvent {
            #[subject("orders.{id}.created")]
            Created { id: u64, total: f64 },
            #[subject("orders.{id}.noted")]
            Noted(#[subject(rename = "id")] u64, String),
            #[subject("orders.log")]
            Logged(String),
            #[subject("orders.closed")]
            Closed,
        }
    }), @r#"
    #[automatically_derived]
    impl ::natsws::Subject for OrderEvent {
        const TEMPLATES: &'static [&'static str] = &[
            "orders.{id}.created",
            "orders.{id}.noted",
            "orders.log",
            "orders.closed",
        ];
        const FILTERS: &'static [&'static str] = &[
            "orders.*.created",
            "orders.*.noted",
            "orders.log",
            "orders.closed",
        ];
        fn write_subject(
            &self,
            out: &mut ::natsws::SubjectWriter<'_>,
        ) -> ::core::result::Result<(), ::natsws::SubjectError> {
            match self {
                Self::Created { id, .. } => {
                    out.literal("orders.");
                    out.token("id", id)?;
                    out.literal(".created");
                }
                Self::Noted { 0: field_0, .. } => {
                    out.literal("orders.");
                    out.token("id", field_0)?;
                    out.literal(".noted");
                }
                Self::Logged { .. } => {
                    out.literal("orders.log");
                }
                Self::Closed { .. } => {
                    out.literal("orders.closed");
                }
            }
            ::core::result::Result::Ok(())
        }
    }
    /// Which subjects of [`OrderEvent`] are meant: all, until their tokens are fixed.
    #[must_use = "a filter does nothing until it is given to a subscription"]
    struct OrderEventFilter(::natsws::Filter<OrderEvent>);
    #[automatically_derived]
    #[allow(dead_code, private_interfaces, private_bounds)]
    impl OrderEventFilter {
        /// Only those with this `id`.
        fn id(self, value: impl ::natsws::TokenOf<u64>) -> Self {
            Self(self.0.token("id", value.as_token()))
        }
    }
    #[automatically_derived]
    #[allow(dead_code)]
    impl OrderEvent {
        /// A filter of all subjects, to fix some of their tokens.
        fn filter() -> OrderEventFilter {
            OrderEventFilter(::natsws::Filter::all())
        }
    }
    #[automatically_derived]
    impl ::core::convert::From<OrderEventFilter> for ::natsws::Filter<OrderEvent> {
        fn from(filter: OrderEventFilter) -> Self {
            filter.0
        }
    }
    #[automatically_derived]
    impl ::core::fmt::Debug for OrderEventFilter {
        fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            ::core::fmt::Debug::fmt(&self.0, f)
        }
    }
    #[automatically_derived]
    impl ::natsws::EncodeMessage for OrderEvent
    where
        for<'natsws> ::natsws::codec::Json: ::natsws::codec::Encoder<String>,
        for<'natsws> ::natsws::codec::Json: ::natsws::codec::Encoder<
            ::natsws::private::Contents<'natsws, Self>,
        >,
    {
        const PAYLOAD_CONTENT_TYPE: ::core::option::Option<&'static str> = ::core::option::Option::Some(
            <::natsws::codec::Json as ::natsws::codec::ContentType>::CONTENT_TYPE,
        );
        fn content_type(&self) -> &'static str {
            <::natsws::codec::Json as ::natsws::codec::ContentType>::CONTENT_TYPE
        }
        fn content_encoding(&self) -> ::core::option::Option<&'static str> {
            <::natsws::codec::Json as ::natsws::codec::ContentType>::CONTENT_ENCODING
        }
        fn encode(
            &self,
            out: &mut ::natsws::bytes::BytesMut,
        ) -> ::core::result::Result<(), ::natsws::CodecError> {
            match self {
                Self::Logged(field_0) => {
                    <::natsws::codec::Json as ::natsws::codec::Encoder<
                        String,
                    >>::encode(field_0, out)
                }
                _ => {
                    <::natsws::codec::Json as ::natsws::codec::Encoder<
                        ::natsws::private::Contents<'_, Self>,
                    >>::encode(&::natsws::private::Contents(self), out)
                }
            }
        }
    }
    #[automatically_derived]
    #[allow(irrefutable_let_patterns, non_snake_case, unused_mut)]
    impl<'natsws> ::natsws::DecodeMessage<'natsws> for OrderEvent
    where
        for<'natsws_token> u64: ::natsws::FromToken,
        ::natsws::codec::Json: ::natsws::codec::Decoder<
            'natsws,
            ::natsws::private::Variant<Self, 0u32>,
        >,
        ::natsws::codec::Json: ::natsws::codec::Decoder<
            'natsws,
            ::natsws::private::Variant<Self, 1u32>,
        >,
        ::natsws::codec::Json: ::natsws::codec::Decoder<'natsws, String>,
        ::natsws::codec::Json: ::natsws::codec::Decoder<
            'natsws,
            ::natsws::private::Variant<Self, 3u32>,
        >,
    {
        fn decode(
            message: ::natsws::codec::Encoded<'natsws>,
        ) -> ::core::result::Result<Self, ::natsws::DecodeError> {
            if ::natsws::template_matches("orders.{id}.created", message.subject()) {
                let reader = &mut ::natsws::SubjectReader::new(
                    message.subject(),
                    "orders.{id}.created",
                );
                reader.literal("orders")?;
                let id: u64 = reader.token("id")?;
                reader.literal("created")?;
                reader.end()?;
                let ::natsws::private::Variant(mut value) = message
                    .decode_as::<
                        ::natsws::codec::Json,
                        ::natsws::private::Variant<Self, 0u32>,
                    >()?;
                let Self::Created { id: value_0, .. } = &mut value else {
                    return ::core::result::Result::Err(
                        ::natsws::private::other_variant(message),
                    );
                };
                *value_0 = id;
                return ::core::result::Result::Ok(value);
            }
            if ::natsws::template_matches("orders.{id}.noted", message.subject()) {
                let reader = &mut ::natsws::SubjectReader::new(
                    message.subject(),
                    "orders.{id}.noted",
                );
                reader.literal("orders")?;
                let field_0: u64 = reader.token("id")?;
                reader.literal("noted")?;
                reader.end()?;
                let ::natsws::private::Variant(mut value) = message
                    .decode_as::<
                        ::natsws::codec::Json,
                        ::natsws::private::Variant<Self, 1u32>,
                    >()?;
                let Self::Noted { 0: value_0, .. } = &mut value else {
                    return ::core::result::Result::Err(
                        ::natsws::private::other_variant(message),
                    );
                };
                *value_0 = field_0;
                return ::core::result::Result::Ok(value);
            }
            if ::natsws::template_matches("orders.log", message.subject()) {
                let field_0: String = message.decode_as::<::natsws::codec::Json, String>()?;
                return ::core::result::Result::Ok(Self::Logged(field_0));
            }
            if ::natsws::template_matches("orders.closed", message.subject()) {
                let ::natsws::private::Variant(mut value) = message
                    .decode_as::<
                        ::natsws::codec::Json,
                        ::natsws::private::Variant<Self, 3u32>,
                    >()?;
                let Self::Closed { .. } = &mut value else {
                    return ::core::result::Result::Err(
                        ::natsws::private::other_variant(message),
                    );
                };
                return ::core::result::Result::Ok(value);
            }
            ::core::result::Result::Err(::natsws::private::no_variant::<Self>(message))
        }
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
            "impl<'natsws, T> ::natsws::DecodeMessage<'natsws> for GetOrder<T> {",
            "impl ::natsws::codec::ContentType for Stub {",
            "impl<T: ?Sized> ::natsws::codec::Encoder<T> for Stub {",
            "impl<'m, T> ::natsws::codec::Decoder<'m, T> for Stub {",
            "impl<T> ::natsws::Request for GetOrder<T> {",
        ]
    );
}

#[test]
fn what_a_request_says_of_errors_and_of_being_sent_twice_stands_in_its_implementation() {
    let code = expanded(quote! {
        #[subject("ping", reply = u8, error = PingError, error_code = PingError::code, idempotent)]
        struct Ping;
    });
    let (_, request) = code.split_once("impl ::natsws::Request for ").expect("it is a request");
    assert_snapshot!(request, @r"
    Ping {
        type Reply = u8;
        type Error = PingError;
        type ReplyCodec = ::natsws::codec::Json;
        type ErrorCodec = ::natsws::codec::Json;
        const IDEMPOTENT: bool = true;
        fn error_code(error: &PingError) -> u16 {
            let code: fn(&PingError) -> u16 = PingError::code;
            code(error)
        }
    }
    ");
}
