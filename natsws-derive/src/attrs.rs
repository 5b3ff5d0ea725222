//! What stands in `#[subject(…)]`, before anyone asks whether it makes sense.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::spanned::Spanned;
use syn::{
    Attribute, Data, DeriveInput, Field, Ident, LitStr, Meta, Path, Token, Type, Variant,
    parse_quote,
};

use crate::errors::{Errors, closest, list};

const FIELD_KEYS: [&str; 2] = ["rename", "with"];
const KEYS: [&str; 10] = [
    "codec",
    "reply",
    "error",
    "reply_codec",
    "error_codec",
    "error_code",
    "idempotent",
    "queue",
    "filter",
    "crate",
];
/// The one that is said by its name alone.
const FLAG: &str = "idempotent";

/// What the user wrote after `codec =`.
pub(crate) enum CodecValue {
    Type(Box<Type>),
    /// A string, which is never right; kept so that the message can say what would be.
    Text(LitStr),
}

impl Parse for CodecValue {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if input.peek(LitStr) {
            input.parse().map(Self::Text)
        } else {
            input.parse().map(Box::new).map(Self::Type)
        }
    }
}

/// A key with its value. Where the value could not be read an error was reported, and the key
/// still counts as given.
pub(crate) struct Declared<T> {
    pub(crate) key: Ident,
    pub(crate) value: Option<T>,
}

/// The attribute's contents.
pub(crate) struct Attrs {
    pub(crate) template: Option<LitStr>,
    pub(crate) codec: Option<Declared<CodecValue>>,
    pub(crate) reply: Option<Declared<Type>>,
    pub(crate) error: Option<Declared<Type>>,
    pub(crate) reply_codec: Option<Declared<CodecValue>>,
    pub(crate) error_codec: Option<Declared<CodecValue>>,
    pub(crate) error_code: Option<Declared<Path>>,
    pub(crate) idempotent: Option<Ident>,
    pub(crate) queue: Option<Declared<LitStr>>,
    pub(crate) filter: Option<Declared<Ident>>,
    krate: Option<Declared<Path>>,
}

impl Attrs {
    /// Reads the one `#[subject(…)]` of a type.
    pub(crate) fn parse(input: &DeriveInput, errors: &mut Errors) -> Self {
        let mut attrs = Self {
            template: None,
            codec: None,
            reply: None,
            error: None,
            reply_codec: None,
            error_codec: None,
            error_code: None,
            idempotent: None,
            queue: None,
            filter: None,
            krate: None,
        };
        let is_enum = matches!(input.data, Data::Enum(_));
        let mut found = input.attrs.iter().filter(|attribute| is_ours(attribute));
        match found.next() {
            None if is_enum => {}
            None => errors.push(
                input.ident.span(),
                format!(
                    "`{}` has no `#[subject(…)]`: say what it is published to, as in `#[subject(\"orders.{{id}}\")]`",
                    input.ident
                ),
            ),
            Some(first) => attrs.read(first, is_enum, errors),
        }
        for second in found {
            errors.push(
                second.path().span(),
                format!("`{}` has two `#[subject(…)]`: write everything into one", input.ident),
            );
        }
        attrs
    }

    /// The path to `natsws`.
    pub(crate) fn krate(&self) -> Path {
        let declared = self.krate.as_ref().and_then(|krate| krate.value.clone());
        declared.unwrap_or_else(|| parse_quote!(::natsws))
    }

    fn read(&mut self, attribute: &Attribute, is_enum: bool, errors: &mut Errors) {
        let items = items(attribute);
        // A template of a wrong kind is wrong once, not also missing.
        let mut has_template = false;
        for (index, item) in items.into_iter().enumerate() {
            let span = item.span();
            let quoted = if item.is_empty() { ",".to_owned() } else { item.to_string() };
            match Item::parse.parse2(item) {
                Ok(Item::Template(text)) if is_enum => errors.push(
                    span,
                    format!("template `{}` on an enum: each of its variants has its own, write it there", text.value()),
                ),
                Ok(Item::Template(text)) if has_template => errors.push(
                    span,
                    format!("second template `{}`: a struct has one subject", text.value()),
                ),
                Ok(Item::Template(text)) => {
                    has_template = true;
                    if index > 0 {
                        errors.push(
                            span,
                            format!("template `{}` comes too late: write it first", text.value()),
                        );
                    }
                    self.template = Some(text);
                }
                Ok(Item::Pair(key, value)) => self.set(key, value, errors),
                Ok(Item::Flag(key)) if index > 0 || is_enum => self.flag(key, errors),
                Ok(Item::Flag(_)) | Err(_) if index == 0 && !is_enum => {
                    has_template = true;
                    errors.push(
                        span,
                        format!("`{quoted}` is not a template: write a string literal, as in `\"orders.{{id}}\"`"),
                    );
                }
                Ok(Item::Flag(_)) | Err(_) => errors.push(
                    span,
                    format!(
                        "unexpected `{quoted}`: after the template come pairs, as in `codec = Json`"
                    ),
                ),
            }
        }
        if !has_template && !is_enum {
            errors.push(
                attribute.path().span(),
                "`#[subject(…)]` has no template: write it first, as in `#[subject(\"orders.{id}\")]`",
            );
        }
    }

    fn flag(&mut self, key: Ident, errors: &mut Errors) {
        if self.idempotent.is_some() {
            errors.push(key.span(), given_twice(&key));
        } else {
            self.idempotent = Some(key);
        }
    }

    fn set(&mut self, key: Ident, value: TokenStream, errors: &mut Errors) {
        let codec = "a type, as in `Json`";
        match key.to_string().as_str() {
            "codec" => store(&mut self.codec, key, value, codec, errors),
            "reply_codec" => store(&mut self.reply_codec, key, value, codec, errors),
            "error_codec" => store(&mut self.error_codec, key, value, codec, errors),
            "error_code" => store(
                &mut self.error_code,
                key,
                value,
                "a function, as in `OrderError::code`",
                errors,
            ),
            FLAG => {
                errors.push(key.span(), format!("`{key}` has no value: write its name alone"));
                self.idempotent.get_or_insert(key);
            }
            "reply" => store(&mut self.reply, key, value, "a type, as in `Order`", errors),
            "error" => store(&mut self.error, key, value, "a type, as in `OrderError`", errors),
            "queue" => store(&mut self.queue, key, value, "a string, as in `\"orders\"`", errors),
            "filter" => store(
                &mut self.filter,
                key,
                value,
                "a name, as in `OrdersToSee`, or `none`",
                errors,
            ),
            "crate" => store(&mut self.krate, key, value, "a path, as in `::natsws`", errors),
            unknown => {
                let hint = closest(unknown, KEYS)
                    .map(|close| format!("; did you mean `{close}`?"))
                    .unwrap_or_default();
                errors.push(
                    key.span(),
                    format!("unknown attribute `{unknown}`: expected one of {}{hint}", list(KEYS)),
                );
            }
        }
    }
}

enum Item {
    Template(LitStr),
    Flag(Ident),
    Pair(Ident, TokenStream),
}

impl Item {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if input.peek(LitStr) {
            return input.parse().map(Self::Template);
        }
        let key = input.call(Ident::parse_any)?;
        if input.is_empty() && key == FLAG {
            return Ok(Self::Flag(key));
        }
        input.parse::<Token![=]>()?;
        Ok(Self::Pair(key, input.parse()?))
    }
}

fn given_twice(key: &Ident) -> String {
    format!("`{key}` is given twice: keep one of them")
}

fn store<T: Parse>(
    slot: &mut Option<Declared<T>>,
    key: Ident,
    value: TokenStream,
    expected: &str,
    errors: &mut Errors,
) {
    if slot.is_some() {
        errors.push(key.span(), given_twice(&key));
        return;
    }
    // The span of nothing is the whole derive.
    let span = if value.is_empty() { key.span() } else { value.span() };
    let value = syn::parse2(value).ok();
    if value.is_none() {
        errors.push(span, format!("`{key}` needs {expected}"));
    }
    *slot = Some(Declared { key, value });
}

/// The parts between commas. Each is then read on its own, so that one mistake does not hide the
/// next; the commas of `Map<K, V>` are no separators.
fn split(tokens: TokenStream) -> Vec<TokenStream> {
    let mut items = Vec::new();
    let mut item = TokenStream::new();
    let mut depth = 0_usize;
    let mut arrow = false;
    for tree in tokens {
        let punct = if let TokenTree::Punct(punct) = &tree { punct.as_char() } else { ' ' };
        match punct {
            ',' if depth == 0 => {
                items.push(std::mem::take(&mut item));
                continue;
            }
            '<' => depth += 1,
            '>' if !arrow => depth = depth.saturating_sub(1),
            _ => {}
        }
        arrow = punct == '-';
        tree.to_tokens(&mut item);
    }
    if !item.is_empty() {
        items.push(item);
    }
    items
}

fn is_ours(attribute: &Attribute) -> bool {
    attribute.path().is_ident("subject")
}

/// The template of an enum's variant, which is all that its attribute may have.
pub(crate) fn variant_template(variant: &Variant, errors: &mut Errors) -> Option<LitStr> {
    let name = &variant.ident;
    let mut template = None;
    let found: Vec<&Attribute> = variant.attrs.iter().filter(|each| is_ours(each)).collect();
    if found.is_empty() {
        errors.push(
            name.span(),
            format!("variant `{name}` has no `#[subject(\"…\")]`: say what it is published to"),
        );
    }
    let is_there = !found.is_empty();
    let before = errors.len();
    for item in found.into_iter().flat_map(items) {
        let span = item.span();
        let quoted = item.to_string();
        match Item::parse.parse2(item) {
            Ok(Item::Template(text)) if template.is_none() => template = Some(text),
            Ok(Item::Template(text)) => errors.push(
                span,
                format!("second template `{}`: a variant has one subject", text.value()),
            ),
            Ok(Item::Pair(key, _) | Item::Flag(key)) if KEYS.contains(&key.to_string().as_str()) => errors.push(
                span,
                format!("`{key}` on a variant: it holds for the whole enum, write it there"),
            ),
            Ok(Item::Pair(..) | Item::Flag(_)) | Err(_) => errors.push(
                span,
                format!("unexpected `{quoted}`: a variant has a template alone, as in `#[subject(\"orders.{{id}}\")]`"),
            ),
        }
    }
    if is_there && template.is_none() && errors.len() == before {
        errors.push(
            name.span(),
            format!(
                "variant `{name}` has no template: write it, as in `#[subject(\"orders.{{id}}\")]`"
            ),
        );
    }
    template
}

/// What stands in `#[subject(…)]` on a field.
#[derive(Default)]
pub(crate) struct FieldAttrs {
    /// What the template calls it.
    pub(crate) rename: Option<Declared<LitStr>>,
    /// The module whose functions write and read it.
    pub(crate) with: Option<Declared<Path>>,
}

impl FieldAttrs {
    pub(crate) fn parse(field: &Field, errors: &mut Errors) -> Self {
        let mut attrs = Self::default();
        for item in field.attrs.iter().filter(|each| is_ours(each)).flat_map(items) {
            let span = item.span();
            let quoted = item.to_string();
            match Item::parse.parse2(item) {
                Ok(Item::Pair(key, value)) => attrs.set(key, value, errors),
                Ok(Item::Template(text)) => errors.push(
                    span,
                    format!("template `{}` on a field: write it on the struct", text.value()),
                ),
                Ok(Item::Flag(_)) | Err(_) => errors.push(
                    span,
                    format!("unexpected `{quoted}`: a field has pairs, as in `rename = \"id\"`"),
                ),
            }
        }
        attrs
    }

    fn set(&mut self, key: Ident, value: TokenStream, errors: &mut Errors) {
        match key.to_string().as_str() {
            "rename" => store(&mut self.rename, key, value, "a string, as in `\"id\"`", errors),
            "with" => store(&mut self.with, key, value, "a module, as in `self::hex`", errors),
            unknown => {
                let hint = closest(unknown, FIELD_KEYS)
                    .map(|close| format!("; did you mean `{close}`?"))
                    .unwrap_or_default();
                errors.push(
                    key.span(),
                    format!(
                        "unknown attribute `{unknown}` on a field: expected one of {}{hint}",
                        list(FIELD_KEYS)
                    ),
                );
            }
        }
    }
}

/// The items of one `#[subject(…)]`.
fn items(attribute: &Attribute) -> Vec<TokenStream> {
    match &attribute.meta {
        Meta::List(list) => split(list.tokens.clone()),
        Meta::Path(_) | Meta::NameValue(_) => Vec::new(),
    }
}
