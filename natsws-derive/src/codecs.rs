//! Codecs as they are declared: the built-in ones by their bare names.

use proc_macro2::Ident;
use quote::ToTokens;
use syn::spanned::Spanned;
use syn::{GenericArgument, Path, PathArguments, Type, parse_quote};

use crate::attrs::{CodecValue, Declared};
use crate::errors::{Errors, list};

const CODECS: [&str; 6] = ["Json", "MsgPack", "MsgPackCompact", "Raw", "Text", "Compressed"];

/// The codec's path, with the built-in ones found without an import.
pub(crate) fn check(
    declared: Option<&Declared<CodecValue>>,
    krate: &Path,
    errors: &mut Errors,
) -> Option<Type> {
    let Declared { key, value } = declared?;
    match value.as_ref()? {
        CodecValue::Type(ty) => resolve(ty, key, krate, errors),
        CodecValue::Text(text) => {
            let right = builtin(&text.value()).unwrap_or("Json");
            errors.push(text.span(), unknown(&format!("{:?}", text.value()), key, right));
            None
        }
    }
}

/// A codec that nobody wrote, so that what it lacks is underlined in the type that lacks it.
pub(crate) fn located(codec: &Path, ty: &Type) -> Type {
    let at = ty.span();
    let tokens = codec.to_token_stream().into_iter().map(|mut token| {
        token.set_span(token.span().located_at(at));
        token
    });
    Type::Verbatim(tokens.collect())
}

fn resolve(ty: &Type, key: &Ident, krate: &Path, errors: &mut Errors) -> Option<Type> {
    let Some(path) = bare_path(ty) else { return Some(Type::clone(ty)) };
    let segment = path.segments.first()?;
    let written = segment.ident.to_string();
    let Some(right) = builtin(&written) else { return Some(Type::clone(ty)) };
    if right != written {
        errors.push(segment.ident.span(), unknown(&written, key, right));
        return None;
    }
    // `Compressed<Json>`: the codec inside is a built-in one, too.
    let mut segment = segment.clone();
    if let PathArguments::AngleBracketed(arguments) = &mut segment.arguments {
        for argument in &mut arguments.args {
            if let GenericArgument::Type(inner) = argument {
                *inner = resolve(inner, key, krate, errors)?;
            }
        }
    }
    Some(parse_quote!(#krate::codec::#segment))
}

fn unknown(written: &str, key: &Ident, right: &str) -> String {
    let right = if right == "Compressed" { "Compressed<Json>" } else { right };
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

/// The type as one name; a macro's `$codec:ty` comes in invisible parentheses.
fn bare_path(ty: &Type) -> Option<&Path> {
    match ty {
        Type::Group(group) => bare_path(&group.elem),
        Type::Path(path) if path.qself.is_none() => {
            let path = &path.path;
            (path.leading_colon.is_none() && path.segments.len() == 1).then_some(path)
        }
        _ => None,
    }
}
