//! Texts that are kept or sent whoever wrote them, and so must be short.

/// Cuts a text to so many bytes, between two characters; says whether there was more.
pub(crate) fn shorten(text: &mut String, longest: usize) -> bool {
    if text.len() <= longest {
        return false;
    }
    let end = (0..=longest).rev().find(|end| text.is_char_boundary(*end));
    text.truncate(end.unwrap_or_default());
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters_and_only_where_it_is_too_long() {
        let of = |text: &str, longest| {
            let mut text = text.to_owned();
            (shorten(&mut text, longest), text)
        };
        assert_eq!(of("abc", 3), (false, "abc".to_owned()));
        assert_eq!(of("abcd", 3), (true, "abc".to_owned()));
        assert_eq!(of("aéé", 4), (true, "aé".to_owned()));
        assert_eq!(of("é", 1), (true, String::new()));
    }
}
