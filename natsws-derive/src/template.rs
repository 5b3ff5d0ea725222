//! `orders.{region}.{id}` as tokens, with what is wrong in it. Plain text: no `syn` here.

/// As long as `natsws` lets a subject be.
const MAX_LEN: usize = 2048;

/// What stands between two dots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    /// Text as it is.
    Literal(&'a str),
    /// `{name}`, by its name.
    Placeholder(&'a str),
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
    template
}

/// The template with a wildcard in place of each placeholder.
pub(crate) fn filter(tokens: &[Token<'_>]) -> String {
    let tokens: Vec<&str> = tokens
        .iter()
        .map(|token| match token {
            Token::Literal(text) => text,
            Token::Placeholder(_) => "*",
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
    let inner = token.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    if let Some(name) = inner.filter(|name| !name.contains('{')) {
        return placeholder(name);
    }
    let quoted = shown(token);
    if let Some((_, rest)) = token.split_once('{') {
        let name = rest.split('}').next().unwrap_or_default();
        return Err(format!(
            "placeholder `{{{}}}` is a part of token `{quoted}`, which is not supported yet: give it a token of its own, as in `{}`",
            shown(name),
            shown(&apart(token)),
        ));
    }
    if let Some(wildcard) = token.chars().find(|c| is_wildcard(*c)) {
        return Err(format!(
            "token `{quoted}` has the wildcard `{wildcard}`, but a template has no wildcards: write a placeholder `{{field}}` for a token that varies"
        ));
    }
    match token.chars().find(|c| is_forbidden(*c)) {
        Some(character) => Err(format!("token `{quoted}` {}", forbidden(character, "subject"))),
        None => Ok(Token::Literal(token)),
    }
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
    if is_identifier(name) {
        return Ok(Token::Placeholder(name));
    }
    let quoted = shown(name);
    if name.is_empty() {
        return Err(
            "placeholder `{}` names no field: write the name of one, as in `{field}`".into()
        );
    }
    if name.ends_with("..") {
        return Err(format!(
            "tail placeholder `{{{quoted}}}` is not supported yet: write one placeholder for each token"
        ));
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
    let dotted = token.replace('{', ".{").replace('}', "}.").replace("..", ".");
    dotted.trim_matches('.').to_owned()
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

fn is_identifier(name: &str) -> bool {
    name != "_"
        && name.starts_with(|c: char| c == '_' || c.is_alphabetic())
        && name.chars().all(is_identifier_part)
}
