//! Subjects as addresses of channels: every placeholder and wildcard is a parameter.

use super::names::Names;

/// A subject as AsyncAPI says it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// `files.{volume}.{path}`
    pub(super) text: String,
    pub(super) parameters: Vec<Parameter>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parameter {
    /// What it is called in the address.
    pub(super) name: String,
    /// The field that it stands for, where the request declares it.
    pub(super) field: Option<String>,
    /// Whether it stands for one token or more.
    pub(super) is_tail: bool,
}

impl Address {
    /// Reads a template, of which so many tokens are a group's.
    pub(super) fn new(template: &str, prefix_tokens: usize) -> Self {
        let mut names = Names::default();
        let mut parameters = Vec::new();
        let mut parameter = |name: &str, field: Option<&str>, is_tail| {
            let (name, field) = (names.take(name), field.map(str::to_owned));
            let text = format!("{{{name}}}");
            parameters.push(Parameter { name, field, is_tail });
            text
        };
        let mut texts = Vec::new();
        for (place, token) in tokens(template).into_iter().enumerate() {
            let is_declared = place >= prefix_tokens;
            let text = match (token, token.split_once('{')) {
                ("*", _) => parameter("any", None, false),
                (">", _) => parameter("rest", None, true),
                (_, Some((before, inside))) => {
                    let (name, after) = inside.split_once('}').unwrap_or((inside, ""));
                    let (name, is_tail) = match name.strip_suffix("..") {
                        Some(name) => (name, true),
                        None => (name, false),
                    };
                    let parameter = parameter(name, is_declared.then_some(name), is_tail);
                    format!("{before}{parameter}{after}")
                }
                (_, None) => token.to_owned(),
            };
            texts.push(text);
        }
        Self { text: texts.join("."), parameters }
    }
}

/// The tokens of a template. The dots of a tail separate none.
fn tokens(template: &str) -> Vec<&str> {
    let tail = template.ends_with("..}").then(|| template.rfind('{')).flatten();
    let (head, tail) = template.split_at(tail.unwrap_or(template.len()));
    let head = head.strip_suffix('.').filter(|_| !tail.is_empty()).unwrap_or(head);
    let head = head.split('.').filter(|_| !head.is_empty());
    head.chain((!tail.is_empty()).then_some(tail)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(template: &str, prefix_tokens: usize) -> (String, Vec<String>) {
        let Address { text, parameters } = Address::new(template, prefix_tokens);
        let shown = parameters.into_iter().map(|Parameter { name, field, is_tail }| {
            let dots = if is_tail { ".." } else { "" };
            format!("{name}{dots}={}", field.unwrap_or_default())
        });
        (text, shown.collect())
    }

    #[track_caller]
    fn is(template: &str, prefix_tokens: usize, text: &str, parameters: &[&str]) {
        let (shown, found) = address(template, prefix_tokens);
        assert_eq!(
            (shown.as_str(), found),
            (text, parameters.iter().map(|p| (*p).to_owned()).collect())
        );
    }

    #[test]
    fn placeholders_are_parameters_and_tails_lose_their_dots() {
        is("desk.uptime", 0, "desk.uptime", &[]);
        is("orders.{id}.get", 0, "orders.{id}.get", &["id=id"]);
        is("files.v{major}.{path..}", 0, "files.v{major}.{path}", &["major=major", "path..=path"]);
        is("{path..}", 0, "{path}", &["path..=path"]);
    }

    #[test]
    fn wildcards_without_names_get_some() {
        is("admin.*.*.>", 0, "admin.{any}.{any2}.{rest}", &["any=", "any2=", "rest..="]);
    }

    #[test]
    fn what_a_group_puts_before_is_no_field_of_the_request() {
        is("eu.{id}.orders.{id}", 2, "eu.{id}.orders.{id2}", &["id=", "id2=id"]);
    }

    #[test]
    fn parameters_have_names_that_asyncapi_knows() {
        is("größen.{größe}", 0, "größen.{gr__e}", &["gr__e=größe"]);
    }
}
