//! Semantic versions, as ADR-32 wants them of a service.

/// `1.2.3`, with `-pre.1` and `+build.2` behind where there are any.
pub(crate) fn is_semantic(version: &str) -> bool {
    let (version, build) = match version.split_once('+') {
        Some((version, build)) => (version, Some(build)),
        None => (version, None),
    };
    let (core, pre) = match version.split_once('-') {
        Some((core, pre)) => (core, Some(pre)),
        None => (version, None),
    };
    let number = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|b| b.is_ascii_digit())
            && (part == "0" || !part.starts_with('0'))
    };
    let words = |text: &str| {
        text.split('.').all(|word| {
            !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        })
    };
    core.split('.').count() == 3
        && core.split('.').all(number)
        && pre.is_none_or(words)
        && build.is_none_or(words)
}

#[cfg(test)]
mod tests {
    use super::is_semantic;

    #[test]
    fn versions_are_semantic_or_refused() {
        for version in ["0.0.0", "1.2.3", "1.0.0-rc.1", "1.0.0+build.7", "1.0.0-a-b+c"] {
            assert!(is_semantic(version), "{version}");
        }
        for version in ["", "1", "1.0", "1.0.0.0", "01.0.0", "1.0.x", "1.0.0-", "1.0.0+", "v1.0.0"]
        {
            assert!(!is_semantic(version), "{version}");
        }
    }
}
