//! A type that can be expanded: whatever gets here as a [`Model`] cannot be wrong any more.

use proc_macro2::Span;
use quote::format_ident;
use syn::{
    Attribute, Data, DataEnum, DeriveInput, Field, Fields, Generics, Ident, LitStr, Path, Type,
    Visibility,
};
use syn::{Variant as SynVariant, parse_quote};

use crate::attrs::{self, Attrs, Declared};
use crate::codecs;
use crate::errors::Errors;
use crate::fields::{Named, Part};
use crate::serde;
use crate::template::{self, Token};

/// A checked type.
pub(crate) struct Model<'a> {
    pub(crate) name: &'a Ident,
    pub(crate) vis: &'a Visibility,
    pub(crate) generics: &'a Generics,
    pub(crate) krate: Path,
    pub(crate) body: Body<'a>,
    pub(crate) codec: Type,
    pub(crate) queue: Option<LitStr>,
    /// The name of its filter's type; `None` where it has no filter.
    pub(crate) filter: Option<Ident>,
    pub(crate) request: Option<Request>,
}

/// What a type publishes to.
pub(crate) enum Body<'a> {
    Struct(Address<'a>),
    Enum(Vec<Variant<'a>>),
}

impl<'a> Body<'a> {
    /// The subject of each kind of value.
    pub(crate) fn addresses(&self) -> Vec<&Address<'a>> {
        match self {
            Self::Struct(address) => vec![address],
            Self::Enum(variants) => variants.iter().map(|variant| &variant.address).collect(),
        }
    }
}

/// A template with its fields.
pub(crate) struct Address<'a> {
    pub(crate) template: LitStr,
    pub(crate) filter: String,
    /// One for each token of the template.
    pub(crate) parts: Vec<Part<'a>>,
}

/// One variant of an enum.
pub(crate) struct Variant<'a> {
    pub(crate) name: &'a Ident,
    /// The one value that the variant has, where its encoding is that value's.
    pub(crate) newtype: Option<&'a Field>,
    pub(crate) address: Address<'a>,
}

/// What `reply = …` declares.
pub(crate) struct Request {
    pub(crate) reply: Type,
    pub(crate) error: Type,
    pub(crate) reply_codec: Type,
    pub(crate) error_codec: Type,
    /// What the code of an error is made by.
    pub(crate) error_code: Option<Path>,
    pub(crate) idempotent: bool,
}

/// A type with mistakes, and as much of it as the code around it needs to compile.
pub(crate) struct Rejected<'a> {
    pub(crate) errors: syn::Error,
    pub(crate) name: &'a Ident,
    pub(crate) generics: &'a Generics,
    pub(crate) krate: Path,
    /// Reply and error of a type that was meant to be a request.
    pub(crate) request: Option<(Type, Type)>,
}

/// Checks a type.
pub(crate) fn check(input: &DeriveInput) -> Result<Model<'_>, Box<Rejected<'_>>> {
    let mut errors = Errors::default();
    let attrs = Attrs::parse(input, &mut errors);
    let krate = attrs.krate();
    let body = check_body(input, &attrs, &mut errors);
    let queue = check_queue(attrs.queue.as_ref(), &mut errors);

    let mut checked = |codec: &Option<_>| codecs::check(codec.as_ref(), &krate, &mut errors);
    let declared_codec = checked(&attrs.codec);
    let reply_codec = checked(&attrs.reply_codec).or_else(|| declared_codec.clone());
    let error_codec = checked(&attrs.error_codec);
    refuse_without_reply(&attrs, &mut errors);

    let json = |at: &Type| codecs::located(&parse_quote!(#krate::codec::Json), at);
    let error = attrs.error.and_then(|error| error.value);
    let request = attrs.reply.map(|reply| {
        let reply = reply.value.unwrap_or_else(|| parse_quote!(()));
        let error_codec = error_codec.unwrap_or_else(|| match &error {
            Some(error) => reply_codec.clone().unwrap_or_else(|| json(error)),
            None => parse_quote!(#krate::codec::AsIs),
        });
        Request {
            reply_codec: reply_codec.unwrap_or_else(|| json(&reply)),
            reply,
            error: error.unwrap_or_else(|| parse_quote!(#krate::ServiceError)),
            error_codec,
            error_code: attrs.error_code.and_then(|path| path.value),
            idempotent: attrs.idempotent.is_some(),
        }
    });
    let codec = declared_codec.unwrap_or_else(|| parse_quote!(#krate::codec::Json));

    let filter = match attrs.filter.and_then(|filter| filter.value) {
        None => Some(format_ident!("{}Filter", input.ident)),
        Some(name) if name == "none" => None,
        named => named,
    };

    let (name, vis, generics) = (&input.ident, &input.vis, &input.generics);
    match (errors.into_first(), body) {
        (None, Some(body)) => {
            Ok(Model { name, vis, generics, krate, body, codec, queue, filter, request })
        }
        (errors, _) => Err(Box::new(Rejected {
            errors: errors.unwrap_or_else(|| syn::Error::new(name.span(), "no template")),
            name,
            generics,
            krate,
            request: request.map(|request| (request.reply, request.error)),
        })),
    }
}

fn check_body<'a>(input: &'a DeriveInput, attrs: &Attrs, errors: &mut Errors) -> Option<Body<'a>> {
    match &input.data {
        Data::Struct(data) => {
            let fields = Named::new(&input.ident, &data.fields, errors);
            let template = attrs.template.clone()?;
            Some(Body::Struct(check_address(template, fields, errors)))
        }
        Data::Enum(data) => {
            refuse_reply(attrs, &input.ident, errors);
            check_enum(&input.ident, &input.attrs, data, errors)
        }
        Data::Union(_) => {
            errors.push(input.ident.span(), "unions are not supported: write a struct");
            None
        }
    }
}

fn check_address<'a>(template: LitStr, mut fields: Named<'a>, errors: &mut Errors) -> Address<'a> {
    let span = template.span();
    let text = template.value();
    let parsed = template::parse(&text);
    for fault in &parsed.faults {
        errors.push(span, fault);
    }
    check_named_once(&parsed.tokens, span, errors);
    let parts = fields.parts(&parsed.tokens, span, errors);
    // A template with a fault may have lost the placeholder that an attribute is for.
    if parsed.faults.is_empty() && parts.len() == parsed.tokens.len() {
        fields.refuse_unused(errors);
    }
    Address { filter: template::filter(&parsed.tokens), template, parts }
}

fn check_named_once(tokens: &[Token<'_>], span: Span, errors: &mut Errors) {
    for (index, token) in tokens.iter().enumerate() {
        let Some(name) = token.name() else { continue };
        let earlier = tokens[..index].iter().filter(|other| other.name() == Some(name)).count();
        if earlier == 1 {
            errors.push(
                span,
                format!("field `{name}` is named by two placeholders: it can stand in one only"),
            );
        }
    }
}

fn check_enum<'a>(
    name: &Ident,
    attributes: &[Attribute],
    data: &'a DataEnum,
    errors: &mut Errors,
) -> Option<Body<'a>> {
    for key in serde::keys(attributes).filter(|key| key == "untagged") {
        errors.push(key.span(), untagged(&key));
    }
    if data.variants.is_empty() {
        errors.push(name.span(), format!("`{name}` has no variants: there is nothing to publish"));
        return None;
    }
    // What serde makes of the whole enum it makes of each variant.
    let is_tagged = serde::keys(attributes)
        .any(|key| ["tag", "from", "into", "try_from", "remote"].iter().any(|name| key == name));
    let mut variants = Vec::new();
    for variant in &data.variants {
        refuse_serde(variant, errors);
        let fields = Named::new(&variant.ident, &variant.fields, errors);
        if let Some(template) = attrs::variant_template(variant, errors) {
            let address = check_address(template, fields, errors);
            let newtype = if is_tagged { None } else { newtype(variant) };
            let name = &variant.ident;
            variants.push(Variant { name, newtype, address });
        }
    }
    check_distinct(&variants, errors);
    Some(Body::Enum(variants))
}

/// The only field of a variant that has one without a name, where serde is told nothing of it.
fn newtype(variant: &SynVariant) -> Option<&Field> {
    let Fields::Unnamed(fields) = &variant.fields else { return None };
    let [field] = fields.unnamed.iter().collect::<Vec<_>>()[..] else { return None };
    let told = serde::keys(&field.attrs).next().is_some()
        || serde::keys(&variant.attrs).any(|key| {
            ["with", "serialize_with", "deserialize_with"].iter().any(|name| key == name)
        });
    (!told).then_some(field)
}

/// A message is told from another by its subject alone.
fn check_distinct(variants: &[Variant<'_>], errors: &mut Errors) {
    for (at, variant) in variants.iter().enumerate() {
        let text = variant.address.template.value();
        let tokens = template::parse(&text).tokens;
        for earlier in &variants[..at] {
            let earlier_text = earlier.address.template.value();
            let earlier_tokens = template::parse(&earlier_text).tokens;
            let (one, other) = (earlier.name, variant.name);
            let span = variant.address.template.span();
            if template::overlap(&earlier_tokens, &tokens) {
                errors.push(
                    span,
                    format!("a subject can fit both `{earlier_text}` of `{one}` and `{text}` of `{other}`: give one of them a token that the other has not"),
                );
            } else if template::share_filter(&earlier_tokens, &tokens) {
                errors.push(
                    span,
                    format!("only the text around a placeholder tells `{text}` of `{other}` from `{earlier_text}` of `{one}`, and a wildcard does not see it: make that text a token of its own"),
                );
            }
        }
    }
}

/// The number of a variant is how serde is told which one a payload is, and it must not guess.
fn refuse_serde(variant: &SynVariant, errors: &mut Errors) {
    for key in serde::keys(&variant.attrs) {
        let name = &variant.ident;
        let fault = match key.to_string().as_str() {
            "skip" | "skip_serializing" | "skip_deserializing" => {
                format!(
                    "variant `{name}` is skipped by serde, and has a subject: leave one of them out"
                )
            }
            "untagged" => untagged(&key),
            _ => continue,
        };
        errors.push(key.span(), fault);
    }
}

fn untagged(key: &Ident) -> String {
    format!(
        "`{key}` lets serde guess the variant, but the subject says which one it is: leave it out"
    )
}

fn refuse_reply(attrs: &Attrs, name: &Ident, errors: &mut Errors) {
    if let Some(reply) = &attrs.reply {
        errors.push(
            reply.key.span(),
            format!(
                "`reply` on the enum `{name}`: a request is one subject, so declare it on a struct"
            ),
        );
    }
}

fn check_queue(declared: Option<&Declared<LitStr>>, errors: &mut Errors) -> Option<LitStr> {
    let queue = declared?.value.as_ref()?;
    if let Some(fault) = template::queue_fault(&queue.value()) {
        errors.push(queue.span(), fault);
    }
    Some(queue.clone())
}

fn refuse_without_reply(attrs: &Attrs, errors: &mut Errors) {
    if attrs.reply.is_some() {
        return;
    }
    let error = attrs.error.as_ref().map(|declared| &declared.key);
    let codecs = [&attrs.reply_codec, &attrs.error_codec].map(Option::as_ref);
    let codecs = codecs.into_iter().flatten().map(|declared| &declared.key);
    let code = attrs.error_code.as_ref().map(|declared| &declared.key);
    let rest = code.into_iter().chain(&attrs.idempotent);
    for key in error.into_iter().chain(codecs).chain(rest) {
        errors.push(
            key.span(),
            format!("`{key}` without `reply`: add `reply = TheReply` or leave it out"),
        );
    }
}
