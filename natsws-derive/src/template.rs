//! `orders.{region}.{id}` as tokens, with what is wrong in it. Plain text: no `syn` here.

/// As long as `natsws` lets a subject be.
const MAX_LEN: usize = 2048;

/// What stands between two dots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    /// Text as it is.
    Literal(&'a str),
    /// `{name}`, with the text around it in its token.
    Field { prefix: &'a str, name: &'a str, suffix: &'a str },
    /// `{name..}`: all tokens that follow.
    Tail(&'a str),
}

impl<'a> Token<'a> {
    /// The name of the placeholder, if it is one.
    pub(crate) fn name(&self) -> Option<&'a str> {
        match *self {
            Self::Literal(_) => None,
            Self::Field { name, .. } | Self::Tail(name) => Some(name),
        }
    }
}

/// A template taken apart. The tokens are those without a fault.
#[derive(Debug)]
pub(crate) struct Template<'a> {
    pub(crate) tokens: Vec<Token<'a>>,
    pub(crate) faults: Vec<String>,
}

/// Takes a template apart.
pub(crate) fn parse(text: &str) -> Template<'_> {
    if text.is_empty() {
        let fault = "the template is empty: write a subject, as in `orders.{id}`".to_owned();
        return Template { tokens: Vec::new(), faults: vec![fault] };
    }
    let mut template = Template { tokens: Vec::new(), faults: Vec::new() };
    if text.len() > MAX_LEN {
        template
            .faults
            .push(format!("the template has {} bytes, at most {MAX_LEN} are allowed", text.len()));
    }
    for (at, token) in split(text) {
        if token.is_empty() {
            template.faults.push(format!("template `{}` {}", shown(text), empty_token(at)));
            continue;
        }
        match classify(token) {
            Ok(token) => template.tokens.push(token),
            Err(fault) => template.faults.push(fault),
        }
    }
    let early = template.tokens.iter().rev().skip(1).find_map(|token| match token {
        Token::Tail(name) => Some(name),
        Token::Literal(_) | Token::Field { .. } => None,
    });
    if let Some(name) = early {
        template.faults.push(format!(
            "tail placeholder `{{{name}..}}` takes all tokens that follow, so it must be the last: move it to the end, or write `{{{name}}}` for one token"
        ));
    }
    template
}

/// Says whether some subject has the shape of both templates, as far as their text tells.
pub(crate) fn overlap(one: &[Token<'_>], other: &[Token<'_>]) -> bool {
    match (one.split_first(), other.split_first()) {
        (None, None)
        | (Some((Token::Tail(_), _)), Some(_))
        | (Some(_), Some((Token::Tail(_), _))) => true,
        (Some((a, one)), Some((b, other))) => share_text(a, b) && overlap(one, other),
        (None, Some(_)) | (Some(_), None) => false,
    }
}

/// Says whether some text fits both tokens.
fn share_text(one: &Token<'_>, other: &Token<'_>) -> bool {
    match (one, other) {
        (Token::Literal(one), Token::Literal(other)) => one == other,
        (Token::Literal(text), Token::Field { prefix, suffix, .. })
        | (Token::Field { prefix, suffix, .. }, Token::Literal(text)) => {
            text.len() > prefix.len() + suffix.len()
                && text.starts_with(prefix)
                && text.ends_with(suffix)
        }
        (
            Token::Field { prefix, suffix, .. },
            Token::Field { prefix: other_prefix, suffix: other_suffix, .. },
        ) => {
            (prefix.starts_with(other_prefix) || other_prefix.starts_with(prefix))
                && (suffix.ends_with(other_suffix) || other_suffix.ends_with(suffix))
        }
        (Token::Tail(_), _) | (_, Token::Tail(_)) => true,
    }
}

/// Says whether a subscription to one of them gets messages of the other: a wildcard knows nothing
/// of the text around a placeholder.
pub(crate) fn share_filter(one: &[Token<'_>], other: &[Token<'_>]) -> bool {
    overlap(&wildcards(one), &wildcards(other))
}

/// The tokens as a filter has them: without the text around a placeholder.
fn wildcards<'a>(tokens: &[Token<'a>]) -> Vec<Token<'a>> {
    let wildcard = |token: &Token<'a>| match *token {
        Token::Field { name, .. } => Token::Field { prefix: "", name, suffix: "" },
        Token::Literal(_) | Token::Tail(_) => *token,
    };
    tokens.iter().map(wildcard).collect()
}

/// The template with a wildcard in place of each placeholder.
pub(crate) fn filter(tokens: &[Token<'_>]) -> String {
    let tokens: Vec<&str> = tokens
        .iter()
        .map(|token| match token {
            Token::Literal(text) => text,
            Token::Field { .. } => "*",
            Token::Tail(_) => ">",
        })
        .collect();
    tokens.join(".")
}

/// Says what keeps `name` from being the name of a queue group, which is held to the rules of a
/// subject.
pub(crate) fn queue_fault(name: &str) -> Option<String> {
    if name.is_empty() {
        return Some("the queue is empty: write a name, as in `queue = \"orders\"`".to_owned());
    }
    if name.len() > MAX_LEN {
        return Some(format!("the queue has {} bytes, at most {MAX_LEN} are allowed", name.len()));
    }
    let quoted = shown(name);
    if let Some(character) = name.chars().find(|c| is_forbidden(*c)) {
        return Some(format!("queue `{quoted}` {}", forbidden(character, "queue group")));
    }
    if let Some(wildcard) = name.chars().find(|c| is_wildcard(*c)) {
        return Some(format!(
            "queue `{quoted}` has the wildcard `{wildcard}`: a queue group is joined by its exact name"
        ));
    }
    let (at, _) = split_at_dots(name).find(|(_, token)| token.is_empty())?;
    Some(format!("queue `{quoted}` {}", empty_token(at)))
}

/// Says what keeps `text` from being a token.
pub(crate) fn token_fault(text: &str) -> Option<String> {
    if text.is_empty() {
        return Some("the token is empty: write a word, as in `eu`".to_owned());
    }
    let quoted = shown(text);
    if text.contains('.') {
        return Some(format!("token `{quoted}` has a dot, which would make two tokens of it"));
    }
    if let Some(wildcard) = text.chars().find(|c| is_wildcard(*c)) {
        return Some(format!("token `{quoted}` has the wildcard `{wildcard}`: write a plain word"));
    }
    let character = text.chars().find(|c| is_forbidden(*c))?;
    Some(format!("token `{quoted}` {}", forbidden(character, "subject")))
}

/// The tokens with their byte offsets. A dot within braces does not end a token, so that what
/// stands in the braces is seen whole and can be named.
fn split(text: &str) -> Vec<(usize, &str)> {
    let mut tokens = Vec::new();
    let mut start = 0;
    let mut in_braces = false;
    for (at, character) in text.char_indices() {
        match character {
            '{' => in_braces = true,
            '}' => in_braces = false,
            '.' if !in_braces => {
                tokens.push((start, &text[start..at]));
                start = at + 1;
            }
            _ => {}
        }
    }
    tokens.push((start, &text[start..]));
    tokens
}

fn split_at_dots(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split('.').map(move |token| {
        let start = at;
        at += token.len() + 1;
        (start, token)
    })
}

fn classify(token: &str) -> Result<Token<'_>, String> {
    check_braces(token)?;
    let quoted = shown(token);
    if let Some((prefix, rest)) = token.split_once('{') {
        let (inner, suffix) = rest.split_once('}').unwrap_or((rest, ""));
        if suffix.contains('{') {
            return Err(format!(
                "token `{quoted}` has two placeholders, and nobody could tell where one ends: give each a token of its own, as in `{}`",
                shown(&apart(token)),
            ));
        }
        let around = [prefix, suffix].concat();
        return match (placeholder(inner)?, literal_fault(&around, &quoted)) {
            (_, Some(fault)) => Err(fault),
            (Token::Tail(name), None) if !around.is_empty() => Err(format!(
                "tail placeholder `{{{name}..}}` is a part of token `{quoted}`: give it tokens of its own, as in `{}`",
                shown(&apart(token)),
            )),
            (Token::Field { name, .. }, None) => Ok(Token::Field { prefix, name, suffix }),
            (token, None) => Ok(token),
        };
    }
    match literal_fault(token, &quoted) {
        Some(fault) => Err(fault),
        None => Ok(Token::Literal(token)),
    }
}

/// Says what the text outside of a placeholder may not have.
fn literal_fault(text: &str, quoted: &str) -> Option<String> {
    if let Some(wildcard) = text.chars().find(|c| is_wildcard(*c)) {
        return Some(format!(
            "token `{quoted}` has the wildcard `{wildcard}`, but a template has no wildcards: write a placeholder `{{field}}` for a token that varies"
        ));
    }
    let character = text.chars().find(|c| is_forbidden(*c))?;
    Some(format!("token `{quoted}` {}", forbidden(character, "subject")))
}

fn check_braces(token: &str) -> Result<(), String> {
    let mut open = false;
    for character in token.chars() {
        match (character, open) {
            ('{', false) => open = true,
            ('}', true) => open = false,
            ('{', true) => return Err(lone_brace(token, "{", "}")),
            ('}', false) => return Err(lone_brace(token, "}", "{")),
            _ => {}
        }
    }
    if open { Err(lone_brace(token, "{", "}")) } else { Ok(()) }
}

fn lone_brace(token: &str, has: &str, lacks: &str) -> String {
    let text = token.trim_matches(['{', '}']);
    let name = text.split(|c| !is_identifier_part(c)).next().unwrap_or_default();
    let name = if is_identifier(name) { name } else { "field" };
    format!("token `{}` has a `{has}` without its `{lacks}`: write `{{{name}}}`", shown(token))
}

fn placeholder(name: &str) -> Result<Token<'_>, String> {
    if let Some(list) = name.strip_suffix("..").filter(|list| is_name(list)) {
        return Ok(Token::Tail(list));
    }
    if is_name(name) {
        return Ok(Token::Field { prefix: "", name, suffix: "" });
    }
    let quoted = shown(name);
    if name.is_empty() {
        return Err(
            "placeholder `{}` names no field: write the name of one, as in `{field}`".into()
        );
    }
    let meant = name.split(':').next().unwrap_or_default().trim();
    let meant = meant.strip_prefix("r#").unwrap_or(meant).replace('-', "_");
    Err(if is_identifier(&meant) {
        format!("placeholder `{{{quoted}}}` is not an identifier: write `{{{meant}}}`")
    } else {
        format!(
            "placeholder `{{{quoted}}}` is not an identifier: write the name of a field, as in `{{field}}`"
        )
    })
}

/// The token with each of its placeholders made a token.
fn apart(token: &str) -> String {
    let mut dotted = String::new();
    for character in token.chars() {
        if character == '{' && !dotted.is_empty() && !dotted.ends_with('.') {
            dotted.push('.');
        }
        dotted.push(character);
        if character == '}' {
            dotted.push('.');
        }
    }
    dotted.trim_end_matches('.').to_owned()
}

/// Text of the user in a message of one line.
fn shown(text: &str) -> String {
    text.escape_debug().to_string()
}

fn empty_token(at: usize) -> String {
    format!("has an empty token at byte {at}: put one dot between two tokens and none at the ends")
}

fn forbidden(character: char, what: &str) -> String {
    format!("has the character {character:?}, which no {what} may contain: leave it out")
}

fn is_wildcard(character: char) -> bool {
    matches!(character, '*' | '>')
}

fn is_forbidden(character: char) -> bool {
    character.is_whitespace() || character.is_control()
}

fn is_identifier_part(character: char) -> bool {
    character == '_' || character.is_alphanumeric()
}

/// The name of a field, or the number of one without a name.
pub(crate) fn is_name(name: &str) -> bool {
    is_identifier(name) || (!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_identifier(name: &str) -> bool {
    name != "_"
        && name.starts_with(|c: char| c == '_' || c.is_alphabetic())
        && name.chars().all(is_identifier_part)
}
