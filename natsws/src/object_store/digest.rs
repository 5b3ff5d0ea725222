//! The digest that is stored with an object: SHA-256 of its bytes.

use data_encoding::{
    BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD, Encoding, HEXLOWER_PERMISSIVE,
};
use sha2::{Digest as _, Sha256};

/// The bytes of a digest.
pub(super) type Sum = [u8; 32];

const PREFIX: &str = "SHA-256=";

/// Takes bytes as they come, and has their digest in the end.
#[derive(Clone, Default)]
pub(super) struct Hasher(Sha256);

impl Hasher {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(super) fn finish(self) -> Sum {
        self.0.finalize().into()
    }
}

/// As all clients write it.
pub(super) fn write(sum: &Sum) -> String {
    format!("{PREFIX}{}", BASE64URL.encode(sum))
}

/// Reads what any client wrote: base64 of either alphabet, padded or not, or hexadecimal digits.
/// `None` where it is something else, as the digest of another algorithm.
pub(super) fn read(text: &str) -> Option<Sum> {
    const FORMS: [&Encoding; 5] =
        [&BASE64URL, &BASE64URL_NOPAD, &BASE64, &BASE64_NOPAD, &HEXLOWER_PERMISSIVE];

    let algorithm = text.get(..PREFIX.len())?;
    let value = text.get(PREFIX.len()..)?;
    if !algorithm.eq_ignore_ascii_case(PREFIX) {
        return None;
    }
    // 32 bytes have another length in each form, so at most one of them reads it as such.
    FORMS.iter().find_map(|form| form.decode(value.as_bytes()).ok()?.try_into().ok())
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXUPPER;

    use super::*;

    fn sum(bytes: &[u8]) -> Sum {
        let mut hasher = Hasher::default();
        for part in bytes.chunks(7) {
            hasher.update(part);
        }
        hasher.finish()
    }

    #[test]
    fn digests_are_those_of_the_standard() {
        assert_eq!(write(&sum(b"")), "SHA-256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=");
        assert_eq!(write(&sum(b"abc")), "SHA-256=ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0=");
        assert_eq!(
            write(&sum(&b"a".repeat(1_000_000))),
            "SHA-256=zcduXJkU-5KBocfihNc-Z_GAmkiklyAOBG05zMcRLNA="
        );
    }

    #[test]
    fn every_form_of_a_digest_is_read() {
        // It has characters that the two alphabets of base64 write differently.
        let sum = sum(b"");
        let hex = data_encoding::HEXLOWER.encode(&sum);
        for value in [
            BASE64URL.encode(&sum),
            BASE64URL_NOPAD.encode(&sum),
            BASE64.encode(&sum),
            BASE64_NOPAD.encode(&sum),
            HEXUPPER.encode(&sum),
            hex,
        ] {
            assert_eq!(read(&format!("SHA-256={value}")), Some(sum), "{value}");
            assert_eq!(read(&format!("sha-256={value}")), Some(sum), "{value}");
        }
    }

    #[test]
    fn what_is_no_digest_is_not_read() {
        for text in ["", "SHA-256", "SHA-256=", "SHA-256=abcd", "MD5=47DEQpj8HBSa", "größe größe"]
        {
            assert_eq!(read(text), None, "{text}");
        }
        let long = format!("SHA-256={}", BASE64URL.encode(&[0; 33]));
        assert_eq!(read(&long), None);
    }
}
