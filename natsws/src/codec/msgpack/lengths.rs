//! Whether a payload has room for all that it says it has, before anything is made of it.

use super::MAX_DEPTH;

/// What is wrong with a payload.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error("the payload is shorter than it says")]
    CutShort,
    #[error("it is nested in {MAX_DEPTH} levels or more")]
    TooDeep,
    #[error("something stands behind the value")]
    BehindEnd,
}

/// Steps over one value, which must be the whole payload.
///
/// Five bytes can say that 4 billion values follow, and a `Vec` would make room for many of them
/// before it finds none; so would each of those inside of it. And a decoder counts the levels of
/// arrays and maps, but not those of enums, which would take the stack with them.
pub(super) fn check(payload: &[u8]) -> Result<(), Fault> {
    let mut rest = payload;
    // How many values must still come, and how many of them in each value that is open.
    let mut awaited = 1_usize;
    let mut open = [0_u32; MAX_DEPTH - 1];
    let mut level = 0;
    while awaited > 0 {
        let (&marker, behind) = rest.split_first().ok_or(Fault::CutShort)?;
        rest = behind;
        awaited -= 1;
        let (inside, skipped) = match STEPS.get(usize::from(marker)) {
            Some(&Step::Over(skipped)) => (0, usize::from(skipped)),
            Some(&Step::Into(inside)) => (usize::from(inside), 0),
            _ => declared(marker, &mut rest)?,
        };
        awaited = awaited.saturating_add(inside);
        rest = rest.get(skipped..).ok_or(Fault::CutShort)?;
        // Each takes a byte at least.
        if awaited > rest.len() {
            return Err(Fault::CutShort);
        }
        if inside > 0 {
            let inside = u32::try_from(inside).map_err(|_| Fault::CutShort)?;
            *open.get_mut(level).ok_or(Fault::TooDeep)? = inside;
            level += 1;
            continue;
        }
        while let Some(left) = level.checked_sub(1).and_then(|outer| open.get_mut(outer)) {
            *left = left.saturating_sub(1);
            if *left > 0 {
                break;
            }
            level -= 1;
        }
    }
    if rest.is_empty() { Ok(()) } else { Err(Fault::BehindEnd) }
}

/// What follows a marker.
#[derive(Clone, Copy)]
enum Step {
    /// As many bytes.
    Over(u8),
    /// As many values.
    Into(u8),
    /// A length, which says how much.
    Declared,
}

static STEPS: [Step; 256] = {
    let mut steps = [Step::Declared; 256];
    let mut marker = 0_u8;
    loop {
        steps[marker as usize] = match marker {
            0x80..=0x8f => Step::Into(2 * (marker & 0x0f)),
            0x90..=0x9f => Step::Into(marker & 0x0f),
            0xa0..=0xbf => Step::Over(marker & 0x1f),
            0xc4..=0xc9 | 0xd9..=0xdf => Step::Declared,
            0xcc | 0xd0 => Step::Over(1),
            0xcd | 0xd1 | 0xd4 => Step::Over(2),
            0xd5 => Step::Over(3),
            0xca | 0xce | 0xd2 => Step::Over(4),
            0xd6 => Step::Over(5),
            0xcb | 0xcf | 0xd3 => Step::Over(8),
            0xd7 => Step::Over(9),
            0xd8 => Step::Over(17),
            _ => Step::Over(0),
        };
        if marker == u8::MAX {
            break steps;
        }
        marker += 1;
    }
};

/// How many values and how many bytes follow a marker with a length.
fn declared(marker: u8, rest: &mut &[u8]) -> Result<(usize, usize), Fault> {
    let length = match marker {
        0xc4 | 0xc7 | 0xd9 => take::<1>(rest)?,
        0xc5 | 0xc8 | 0xda | 0xdc | 0xde => take::<2>(rest)?,
        _ => take::<4>(rest)?,
    };
    Ok(match marker {
        0xdc | 0xdd => (length, 0),
        0xde | 0xdf => (length.saturating_mul(2), 0),
        // An extension has a type, too.
        0xc7..=0xc9 => (0, length.saturating_add(1)),
        _ => (0, length),
    })
}

/// Reads a length of `N` bytes.
fn take<const N: usize>(rest: &mut &[u8]) -> Result<usize, Fault> {
    let (digits, behind) = rest.split_first_chunk::<N>().ok_or(Fault::CutShort)?;
    *rest = behind;
    Ok(digits.iter().fold(0, |length, &digit| length << 8 | usize::from(digit)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn one_value_of_every_kind_is_stepped_over() {
        let scalars: [&[u8]; 14] = [
            b"\x00",
            b"\x7f",
            b"\xc0",
            b"\xc2",
            b"\xc3",
            b"\xff",
            b"\xccx",
            b"\xcdxx",
            b"\xcexxxx",
            b"\xcfxxxxxxxx",
            b"\xd0x",
            b"\xd1xx",
            b"\xd2xxxx",
            b"\xd3xxxxxxxx",
        ];
        let texts: [&[u8]; 9] = [
            b"\xa0",
            b"\xa3abc",
            b"\xd9\x01a",
            b"\xda\0\x02ab",
            b"\xdb\0\0\0\x03abc",
            b"\xc4\x01a",
            b"\xc5\0\x02ab",
            b"\xc6\0\0\0\x03abc",
            b"\xcaxxxx",
        ];
        let extensions: [&[u8]; 9] = [
            b"\xd4tx",
            b"\xd5txx",
            b"\xd6txxxx",
            b"\xd7txxxxxxxx",
            b"\xd8txxxxxxxxxxxxxxxx",
            b"\xc7\x01tx",
            b"\xc8\0\x02txx",
            b"\xc9\0\0\0\x03txxx",
            b"\xcbxxxxxxxx",
        ];
        let nested: [&[u8]; 7] = [
            b"\x90",
            b"\x92\xc0\x91\xa1a",
            b"\x80",
            b"\x81\xa1a\x91\x01",
            b"\xdc\0\x01\xc0",
            b"\xdd\0\0\0\x01\x90",
            b"\xde\0\x01\xc0\xdf\0\0\0\x01\xc0\xc0",
        ];
        for payload in [&scalars[..], &texts, &extensions, &nested].concat() {
            assert_eq!(check(payload), Ok(()), "{payload:02x?}");
            for end in 0..payload.len() {
                assert_eq!(check(&payload[..end]), Err(Fault::CutShort), "{payload:02x?} {end}");
            }
            assert_eq!(check(&[payload, &[0xc0]].concat()), Err(Fault::BehindEnd));
        }
    }

    #[test]
    fn lengths_beyond_the_payload_are_refused() {
        for marker in [0xc6, 0xc9, 0xdb, 0xdd, 0xdf] {
            assert_eq!(check(&[marker, 255, 255, 255, 255]), Err(Fault::CutShort));
            assert_eq!(check(&[marker, 255, 255, 255, 255, 0, 0]), Err(Fault::CutShort));
        }
        // Each of them would fit, and all together do not.
        assert_eq!(check(b"\x92\x92\x92\x92\x01"), Err(Fault::CutShort));
        assert_eq!(check(&[0x9f; 1000]), Err(Fault::CutShort));
    }

    proptest! {
        #[test]
        fn whatever_is_read_was_stepped_over(
            payload in prop::collection::vec(prop_oneof![any::<u8>(), 0x90..=0x93_u8, 0xc0..=0xdf_u8], 0..40),
        ) {
            let mut reader = &payload[..];
            let mut deserializer = rmp_serde::Deserializer::new(&mut reader);
            let read = <Value as serde::Deserialize>::deserialize(&mut deserializer);
            if read.is_ok() {
                let expected = if reader.is_empty() { Ok(()) } else { Err(Fault::BehindEnd) };
                prop_assert_eq!(check(&payload), expected);
            }
        }
    }
}
