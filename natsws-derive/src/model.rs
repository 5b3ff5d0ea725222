//! A type that can be expanded: whatever gets here as a [`Model`] cannot be wrong any more.

use proc_macro2::Span;
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Field, Fields, Generics, Ident, LitStr, Path, Type, parse_quote};

use crate::attrs::{Attrs, CodecValue, Declared};
use crate::errors::{Errors, closest, list};
use crate::template::{self, Token};

const CODECS: [&str; 4] = ["Json", "MsgPack", "Raw", "Text"];

/// A checked type.
pub(crate) struct Model<'a> {
    pub(crate) name: &'a Ident,
    pub(crate) generics: &'a Generics,
    pub(crate) krate: Path,
    pub(crate) template: LitStr,
    pub(crate) filter: String,
    /// One for each token of the template.
    pub(crate) parts: Vec<Part<'a>>,
    pub(crate) codec: Type,
    pub(crate) queue: Option<LitStr>,
    pub(crate) request: Option<Request>,
}

/// One token of the subject.
pub(crate) enum Part<'a> {
    Literal(String),
    Field(Placeholder<'a>),
}

/// A field whose value is one token of the subject.
pub(crate) struct Placeholder<'a> {
    /// The name without `r#`.
    pub(crate) name: String,
    pub(crate) member: &'a Ident,
    pub(crate) ty: &'a Type,
}

/// What `reply = …` declares.
pub(crate) struct Request {
    pub(crate) reply: Type,
    pub(crate) error: Type,
    pub(crate) reply_codec: Type,
    pub(crate) error_codec: Type,
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
    let fields = check_shape(input, &mut errors);
    let (filter, parts) = check_template(&attrs, &input.ident, fields, &mut errors);
    let queue = check_queue(attrs.queue.as_ref(), &mut errors);

    let mut checked = |codec: &Option<_>| check_codec(codec.as_ref(), &krate, &mut errors);
    let declared_codec = checked(&attrs.codec);
    let reply_codec = checked(&attrs.reply_codec).or_else(|| declared_codec.clone());
    let error_codec = checked(&attrs.error_codec);
    refuse_without_reply(&attrs, &mut errors);

    let json = |at: &Type| located(&parse_quote!(#krate::codec::Json), at);
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
        }
    });
    let codec = declared_codec.unwrap_or_else(|| parse_quote!(#krate::codec::Json));

    let (name, generics) = (&input.ident, &input.generics);
    match (errors.into_first(), attrs.template) {
        (None, Some(template)) => {
            Ok(Model { name, generics, krate, template, filter, parts, codec, queue, request })
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

/// The named fields; `None` where the shape is refused, so that placeholders are not blamed for
/// it.
fn check_shape<'a>(input: &'a DeriveInput, errors: &mut Errors) -> Option<Vec<&'a Field>> {
    let refusal = match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(_) | Fields::Unit => return Some(data.fields.iter().collect()),
            Fields::Unnamed(_) => {
                "tuple structs are not supported yet: give the fields names, as in `struct Order { id: u64 }`"
            }
        },
        Data::Enum(_) => "enums are not supported yet: write one struct for each subject",
        Data::Union(_) => "unions are not supported: write a struct",
    };
    errors.push(input.ident.span(), refusal);
    None
}

fn check_template<'a>(
    attrs: &Attrs,
    name: &Ident,
    fields: Option<Vec<&'a Field>>,
    errors: &mut Errors,
) -> (String, Vec<Part<'a>>) {
    let Some(literal) = &attrs.template else { return (String::new(), Vec::new()) };
    let span = literal.span();
    let text = literal.value();
    let template = template::parse(&text);
    for fault in &template.faults {
        errors.push(span, fault);
    }
    check_named_once(&template.tokens, span, errors);
    let fields = fields.map(|fields| Named { owner: name, fields });
    let mut parts = Vec::new();
    for token in &template.tokens {
        match (token, &fields) {
            (Token::Literal(text), _) => parts.push(Part::Literal((*text).to_owned())),
            (Token::Placeholder(_), None) => {}
            (Token::Placeholder(name), Some(fields)) => match fields.find(name) {
                Ok(field) => parts.push(Part::Field(field)),
                Err(fault) => errors.push(span, fault),
            },
        }
    }
    (template::filter(&template.tokens), parts)
}

fn check_named_once(tokens: &[Token<'_>], span: Span, errors: &mut Errors) {
    for (index, token) in tokens.iter().enumerate() {
        let earlier = tokens[..index].iter().filter(|other| *other == token).count();
        if let (Token::Placeholder(name), 1) = (token, earlier) {
            errors.push(
                span,
                format!("field `{name}` is named by two placeholders: it can stand in one only"),
            );
        }
    }
}

/// The fields of a struct.
struct Named<'a, 'n> {
    owner: &'n Ident,
    fields: Vec<&'a Field>,
}

impl<'a> Named<'a, '_> {
    fn find(&self, name: &str) -> Result<Placeholder<'a>, String> {
        let mut names = Vec::new();
        for field in &self.fields {
            let Some(member) = &field.ident else { continue };
            let unraw = member.unraw().to_string();
            if unraw == name {
                return Ok(Placeholder { name: unraw, member, ty: &field.ty });
            }
            names.push(unraw);
        }
        let names = || names.iter().map(String::as_str);
        let known = match self.fields.len() {
            0 => "it has none".to_owned(),
            1 => format!("its field is {}", list(names())),
            _ => format!("its fields are {}", list(names())),
        };
        let hint = closest(name, names())
            .map(|close| format!("; did you mean `{{{close}}}`?"))
            .unwrap_or_default();
        Err(format!("placeholder `{{{name}}}` names no field of `{}`: {known}{hint}", self.owner))
    }
}

fn check_queue(declared: Option<&Declared<LitStr>>, errors: &mut Errors) -> Option<LitStr> {
    let queue = declared?.value.as_ref()?;
    if let Some(fault) = template::queue_fault(&queue.value()) {
        errors.push(queue.span(), fault);
    }
    Some(queue.clone())
}

/// A codec that nobody wrote, so that what it lacks is underlined in the type that lacks it.
fn located(codec: &Path, ty: &Type) -> Type {
    let at = ty.span();
    let tokens = codec.to_token_stream().into_iter().map(|mut token| {
        token.set_span(token.span().located_at(at));
        token
    });
    Type::Verbatim(tokens.collect())
}

fn refuse_without_reply(attrs: &Attrs, errors: &mut Errors) {
    if attrs.reply.is_some() {
        return;
    }
    let error = attrs.error.as_ref().map(|declared| &declared.key);
    let codecs = [&attrs.reply_codec, &attrs.error_codec].map(Option::as_ref);
    let codecs = codecs.into_iter().flatten().map(|declared| &declared.key);
    for key in error.into_iter().chain(codecs) {
        errors.push(
            key.span(),
            format!("`{key}` without `reply`: add `reply = TheReply` or leave it out"),
        );
    }
}

/// The codec's path, with the built-in ones found without an import.
fn check_codec(
    declared: Option<&Declared<CodecValue>>,
    krate: &Path,
    errors: &mut Errors,
) -> Option<Type> {
    let Declared { key, value } = declared?;
    let ty = match value.as_ref()? {
        CodecValue::Type(ty) => ty,
        CodecValue::Text(text) => {
            let right = builtin(&text.value()).unwrap_or("Json");
            errors.push(text.span(), unknown_codec(&format!("{:?}", text.value()), key, right));
            return None;
        }
    };
    let Some(name) = bare_name(ty) else { return Some(Type::clone(ty)) };
    let written = name.to_string();
    match builtin(&written) {
        None => Some(Type::clone(ty)),
        Some(right) if right == written => Some(parse_quote!(#krate::codec::#name)),
        Some(right) => {
            errors.push(name.span(), unknown_codec(&written, key, right));
            None
        }
    }
}

fn unknown_codec(written: &str, key: &Ident, right: &str) -> String {
    format!(
        "unknown codec `{written}`: write `{key} = {right}`; the built-in ones are {}",
        list(CODECS)
    )
}

/// The built-in codec that differs from `written` in case and underscores only.
fn builtin(written: &str) -> Option<&'static str> {
    let plain = written.replace(['_', '-'], "");
    CODECS.into_iter().find(|codec| codec.eq_ignore_ascii_case(&plain))
}

/// The type as one identifier; a macro's `$codec:ty` comes in invisible parentheses.
fn bare_name(ty: &Type) -> Option<&Ident> {
    match ty {
        Type::Group(group) => bare_name(&group.elem),
        Type::Path(path) if path.qself.is_none() => path.path.get_ident(),
        _ => None,
    }
}
