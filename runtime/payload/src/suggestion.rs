//! "Did you mean …?": the known name that a misspelled one was meant to be.
//!
//! The rule is that of `cdk/lib/shared/suggestion.ts`, so that `cdk synth` and the functions suggest
//! the same name.

/// The known name that is most like `name`, if one is like it: at most a third of the letters are
/// inserted, deleted, replaced, or swapped with their neighbour. Capitals do not matter.
#[must_use]
pub fn suggestion<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let (length, lower) = (name.chars().count(), name.to_lowercase());
    let changes = |one: &&'a str| {
        let known_length = one.chars().count();
        let most = (length.min(known_length) / 3).max(1);
        // A name from outside may have megabytes: it is compared only if its length fits.
        if length.abs_diff(known_length) > most {
            return None;
        }
        let changes = strsim::osa_distance(&lower, &one.to_lowercase());
        (changes <= most).then_some(changes)
    };
    let alike = known
        .into_iter()
        .filter_map(|one| Some((changes(&one)?, one)));
    alike.min().map(|(_, one)| one)
}

/// The beginning of a remedy, ``Did you mean `NAME`? ``, or nothing.
#[must_use]
pub fn did_you_mean(meant: Option<&str>) -> String {
    meant.map_or_else(String::new, |meant| format!("Did you mean `{meant}`? "))
}

/// How serde's message about an unknown field begins.
pub(crate) const UNKNOWN_FIELD: &str = "unknown field `";

/// What was perhaps meant, by the message of serde about an unknown field or variant: "unknown field
/// `NAME`, expected one of `A`, `B`" (serde's `de::Error::unknown_field` and `unknown_variant`). No
/// other part of a serde error has the known names.
pub(crate) fn meant(message: &str) -> Option<String> {
    let unknown = message
        .strip_prefix(UNKNOWN_FIELD)
        .or_else(|| message.strip_prefix("unknown variant `"))?;
    // The name is from outside and may hold anything. The known ones are from the code.
    let (name, known) = unknown.rsplit_once("`, expected ")?;
    let known = known.split('`').skip(1).step_by(2);
    suggestion(name, known).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_that_is_like_a_known_one_is_found() {
        let known = ["deviceIndex", "networkCard", "ip", "ipv6", "tags"];
        for (name, meant) in [
            ("deviceindex", Some("deviceIndex")),
            ("deviecIndex", Some("deviceIndex")),
            ("devicIndx", Some("deviceIndex")),
            ("dvcIdx", None),
            ("netCard", None),
            // Swapped neighbours are one change.
            ("pi", Some("ip")),
            ("tgas", Some("tags")),
            ("tsga", None),
            ("ipv", Some("ip")),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(suggestion(name, known), meant, "{name}");
        }
        assert_eq!(suggestion(&"x".repeat(1 << 20), known), None);
    }

    #[test]
    fn remedy_begins_with_the_name_that_was_meant() {
        assert_eq!(did_you_mean(Some("tags")), "Did you mean `tags`? ");
        assert_eq!(did_you_mean(None), "");
    }
}
