//! The fields of a struct or a variant, and which of them the template names.

use proc_macro2::{Ident, Span};
use quote::format_ident;
use syn::ext::IdentExt;
use syn::parse::Parser;
use syn::{
    Field, Fields, GenericArgument, Index, Lifetime, LitStr, Member, Path, PathArguments, Type,
};

use crate::attrs::FieldAttrs;
use crate::errors::{Errors, closest, list};
use crate::template::Token;

/// One token of the subject, or all that are left.
pub(crate) enum Part<'a> {
    Literal(String),
    Field(Placeholder<'a>),
}

/// A field whose value stands in the subject.
pub(crate) struct Placeholder<'a> {
    /// What the template calls it.
    pub(crate) name: String,
    pub(crate) member: Member,
    pub(crate) ty: &'a Type,
    pub(crate) way: Way,
    /// The text around it in its token.
    pub(crate) prefix: String,
    pub(crate) suffix: String,
}

/// How a field is written and read.
pub(crate) enum Way {
    /// By the traits of its type.
    Token,
    /// As text that is borrowed from the subject.
    Text,
    /// As text that may be borrowed.
    Cow,
    /// As text that could be borrowed, but is not.
    OwnedCow,
    /// By the functions of a module.
    With(Path),
    /// As a list of tokens.
    Tail,
}

impl Placeholder<'_> {
    /// A variable for the field, named as the user names it.
    pub(crate) fn variable(&self) -> Ident {
        variable(&self.member)
    }
}

/// A variable for a field.
pub(crate) fn variable(member: &Member) -> Ident {
    match member {
        Member::Named(name) => name.clone(),
        Member::Unnamed(index) => format_ident!("field_{}", index.index),
    }
}

/// The fields of one owner, as its template may name them.
pub(crate) struct Named<'a> {
    owner: String,
    fields: Vec<Known<'a>>,
}

struct Known<'a> {
    name: String,
    member: Member,
    ty: &'a Type,
    attrs: FieldAttrs,
    used: bool,
}

impl<'a> Named<'a> {
    pub(crate) fn new(owner: &Ident, fields: &'a Fields, errors: &mut Errors) -> Self {
        let known = |(index, field): (usize, &'a Field)| {
            let attrs = FieldAttrs::parse(field, errors);
            let own = match &field.ident {
                Some(name) => name.unraw().to_string(),
                None => index.to_string(),
            };
            let renamed = attrs.rename.as_ref().and_then(|rename| rename.value.as_ref());
            let name = renamed.map_or(own, LitStr::value);
            let is_name =
                |text: &str| Ident::parse_any.parse_str(text).is_ok() && !is_reserved(text);
            if let Some(text) = renamed.filter(|text| !is_name(&text.value())) {
                errors.push(
                    text.span(),
                    format!("`rename = {:?}` is not an identifier: write what the template calls the field, as in `id`", text.value()),
                );
            }
            let member = match &field.ident {
                Some(name) => Member::Named(name.clone()),
                None => Member::Unnamed(Index::from(index)),
            };
            Known { name, member, ty: &field.ty, attrs, used: false }
        };
        let mut fields: Vec<Known<'_>> = fields.iter().enumerate().map(known).collect();
        for at in 0..fields.len() {
            let field = &fields[at];
            if let Some(other) = fields[..at].iter().find(|other| other.name == field.name) {
                let [one, two] =
                    [other, field].map(|field| variable(&field.member).unraw().to_string());
                let renamed = field.attrs.rename.as_ref().or(other.attrs.rename.as_ref());
                errors.push(
                    renamed.map_or_else(Span::call_site, |rename| rename.key.span()),
                    format!("fields `{one}` and `{two}` are both called `{}`: the template could mean either, so rename one of them", field.name),
                );
                fields[at].used = true;
            }
        }
        Self { owner: owner.to_string(), fields }
    }

    /// The tokens with their fields.
    pub(crate) fn parts(
        &mut self,
        tokens: &[Token<'_>],
        span: Span,
        errors: &mut Errors,
    ) -> Vec<Part<'a>> {
        let mut parts = Vec::new();
        for token in tokens {
            let (prefix, name, suffix) = match *token {
                Token::Literal(text) => {
                    parts.push(Part::Literal(text.to_owned()));
                    continue;
                }
                Token::Field { prefix, name, suffix } => (prefix, name, suffix),
                Token::Tail(name) => ("", name, ""),
            };
            match self.find(name) {
                Err(fault) => errors.push(span, fault),
                Ok(field) => parts.push(Part::Field(Placeholder {
                    name: field.name.clone(),
                    member: field.member.clone(),
                    ty: field.ty,
                    way: field.way(matches!(token, Token::Tail(_)), errors),
                    prefix: prefix.to_owned(),
                    suffix: suffix.to_owned(),
                })),
            }
        }
        parts
    }

    fn find(&mut self, name: &str) -> Result<&mut Known<'a>, String> {
        if let Some(at) = self.fields.iter().position(|field| field.name == name) {
            let field = &mut self.fields[at];
            field.used = true;
            return Ok(field);
        }
        let names = || self.fields.iter().map(|field| field.name.as_str());
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

    /// An attribute on a field that stands in no subject would mean nothing.
    pub(crate) fn refuse_unused(&self, errors: &mut Errors) {
        for Known { name, attrs, .. } in self.fields.iter().filter(|field| !field.used) {
            // One whose value could not be read has been reported.
            let rename = attrs.rename.as_ref().filter(|rename| rename.value.is_some());
            let with = attrs.with.as_ref().filter(|with| with.value.is_some());
            let with = with.map(|declared| &declared.key);
            for key in rename.map(|declared| &declared.key).into_iter().chain(with) {
                errors.push(
                    key.span(),
                    format!("`{key}` on a field that no placeholder names: write `{{{name}}}` into the template or leave `{key}` out"),
                );
            }
        }
    }
}

impl Known<'_> {
    fn way(&self, is_tail: bool, errors: &mut Errors) -> Way {
        match &self.attrs.with {
            Some(with) if is_tail => {
                errors.push(
                    with.key.span(),
                    format!(
                        "`with` on `{{{}..}}`: it is for one token, and a tail is a list of them",
                        self.name
                    ),
                );
                Way::Tail
            }
            Some(with) => with.value.clone().map_or(Way::Token, Way::With),
            None if is_tail => Way::Tail,
            None if is_str(self.ty) => Way::Text,
            None => match cow(self.ty) {
                Some(true) => Way::OwnedCow,
                Some(false) => Way::Cow,
                None => Way::Token,
            },
        }
    }
}

/// The words that are no name of anything, not even with `r#`.
fn is_reserved(text: &str) -> bool {
    ["self", "Self", "super", "crate", "_"].contains(&text)
}

/// `&str`, which has no `FromStr` to be read with.
fn is_str(ty: &Type) -> bool {
    match ty {
        Type::Group(group) => is_str(&group.elem),
        Type::Reference(reference) => match &*reference.elem {
            Type::Path(path) => path.path.is_ident("str"),
            _ => false,
        },
        _ => false,
    }
}

/// Whether it is `&'static str`, which only a message that lives forever can be read into.
pub(crate) fn is_static_str(ty: &Type) -> bool {
    match ty {
        Type::Group(group) => is_static_str(&group.elem),
        Type::Reference(reference) => reference.lifetime.as_ref().is_some_and(is_static),
        _ => false,
    }
}

fn is_static(lifetime: &Lifetime) -> bool {
    lifetime.ident == "static"
}

/// Whether a `Cow<'_, str>` is `'static`; `None` where the type is another.
fn cow(ty: &Type) -> Option<bool> {
    let path = match ty {
        Type::Group(group) => return cow(&group.elem),
        Type::Path(path) => &path.path,
        _ => return None,
    };
    let last = path.segments.last().filter(|last| last.ident == "Cow")?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    let text = arguments.args.iter().any(|argument| {
        matches!(argument, GenericArgument::Type(Type::Path(path)) if path.path.is_ident("str"))
    });
    let forever = arguments.args.iter().any(
        |argument| matches!(argument, GenericArgument::Lifetime(lifetime) if is_static(lifetime)),
    );
    text.then_some(forever)
}
