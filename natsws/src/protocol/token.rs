//! The last token of a request's reply subject: a number as eleven characters.
//!
//! All have the same length, so that writing and reading one is a few steps without a loop that
//! depends on the number.

/// The characters, by their value.
const CHARACTERS: &[u8; 64] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";
/// 64 bits, six at a time.
pub(crate) const LEN: usize = 11;

const STRANGE: u8 = 0xff;

/// The value of each character.
const VALUES: [u8; 256] = {
    let mut values = [STRANGE; 256];
    let mut value = 0;
    while value < 64 {
        values[CHARACTERS[value as usize] as usize] = value;
        value += 1;
    }
    values
};

/// The token as text.
#[inline]
pub(crate) fn write(token: u64) -> [u8; LEN] {
    let mut text = [0; LEN];
    for (at, character) in text.iter_mut().enumerate() {
        let value = usize::try_from((token >> (6 * at)) & 63).unwrap_or_default();
        *character = CHARACTERS[value];
    }
    text
}

/// The token that a text is, if it is one.
#[inline]
pub(crate) fn read(text: &[u8]) -> Option<u64> {
    let text: &[u8; LEN] = text.try_into().ok()?;
    let (mut token, mut seen) = (0_u64, 0);
    for (at, character) in text.iter().enumerate() {
        let value = VALUES[usize::from(*character)];
        seen |= value;
        token |= u64::from(value & 63) << (6 * at);
    }
    // There is room for four bits of the last one.
    let fits = VALUES[usize::from(text[LEN - 1])] < 16;
    (seen < 64 && fits).then_some(token)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(token: u64) {
            prop_assert_eq!(read(&write(token)), Some(token));
        }

        #[test]
        fn what_is_read_was_written(text in "[0-9A-Za-z_-]{11}") {
            if let Some(token) = read(text.as_bytes()) {
                prop_assert_eq!(&write(token)[..], text.as_bytes());
            }
        }
    }

    #[test]
    fn a_token_is_eleven_characters_that_a_subject_may_have() {
        assert_eq!(&write(0), b"00000000000");
        assert_eq!(&write(65), b"11000000000");
        assert_eq!(&write(u64::MAX), b"__________F");
        for text in
            ["", "0", "0000000000", "000000000000", "0000000000G", "0000*000000", "0000é00000"]
        {
            assert_eq!(read(text.as_bytes()), None, "{text}");
        }
    }
}
