//! Masking (RFC 6455, section 5.3): every byte of a client's frame is changed by one of four.

/// Keys for the frames that are sent. Whoever chose a payload must not know the next one, so that
/// they cannot decide what proxies on the way see; so they come from the system, many at a time.
pub(super) struct Keys {
    random: [u8; 512],
    used: usize,
}

impl Default for Keys {
    fn default() -> Self {
        Self { random: [0; 512], used: 512 }
    }
}

impl Keys {
    pub(super) fn next(&mut self) -> [u8; 4] {
        if self.used + 4 > self.random.len() {
            if getrandom::fill(&mut self.random).is_err() {
                // A connection was made, so the system had random numbers before.
                self.random.fill_with(|| fastrand::u8(..));
            }
            self.used = 0;
        }
        let key = self.random.get(self.used..self.used + 4);
        self.used += 4;
        key.and_then(|key| key.try_into().ok()).unwrap_or_default()
    }
}

/// Masks or unmasks in place. `offset` is how many bytes of the frame came before.
pub(super) fn apply(bytes: &mut [u8], key: [u8; 4], offset: usize) {
    let mut key = key;
    key.rotate_left(offset % 4);
    let [a, b, c, d] = key;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let mut words = bytes.chunks_exact_mut(8);
    for word in &mut words {
        let masked = word.try_into().map_or(0, u64::from_ne_bytes) ^ wide;
        word.copy_from_slice(&masked.to_ne_bytes());
    }
    for (byte, key) in words.into_remainder().iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_unlike_each_other_also_across_refills() {
        let mut keys = Keys::default();
        let all: std::collections::HashSet<_> = (0..1000).map(|_| keys.next()).collect();
        // One pair in some thousands of runs is the same by chance, hardly ever two.
        assert!(all.len() >= 998, "{}", all.len());
    }

    #[test]
    fn masking_in_pieces_is_masking_as_a_whole_and_twice_is_nothing() {
        let key = [1, 2, 3, 250];
        let plain: Vec<u8> = (0..100).collect();
        let expected: Vec<u8> =
            plain.iter().enumerate().map(|(at, byte)| byte ^ key[at % 4]).collect();
        for cut in 0..=plain.len() {
            let mut masked = plain.clone();
            let (first, second) = masked.split_at_mut(cut);
            apply(first, key, 0);
            apply(second, key, cut);
            assert_eq!(masked, expected, "{cut}");
            apply(&mut masked, key, 0);
            assert_eq!(masked, plain);
        }
    }
}
