//! Text from outside is made harmless for a terminal. A tag, a file or an answer of a server may
//! hold escape sequences that move the cursor, or characters that turn the text around.

use anstream::adapter::strip_str;

/// The text without escape sequences and without control characters. A line break or a tab becomes
/// a space.
pub(super) fn text(text: &str) -> String {
    strip_str(text)
        .to_string()
        .chars()
        .filter_map(|character| match character {
            '\n' | '\r' | '\t' => Some(' '),
            _ if is_control(character) => None,
            _ => Some(character),
        })
        .collect()
}

/// The JSON with its control characters escaped, so that it still says the same. serde_json escapes
/// those below U+0020 only.
pub(super) fn json(json: &str) -> String {
    json.chars()
        .map(|character| match character {
            '\n' => character.to_string(),
            _ if is_control(character) => format!("\\u{:04x}", u32::from(character)),
            _ => character.to_string(),
        })
        .collect()
}

/// The control characters of C0 and C1, and those that change the direction of text (Unicode
/// Standard Annex #9, "Explicit Directional Formatting").
fn is_control(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_removed_from_text() {
        for (outside, expected) in [
            ("upf-1", "upf-1"),
            ("Größe 大きさ 🚀", "Größe 大きさ 🚀"),
            ("\u{1b}[31mred\u{1b}[0m", "red"),
            ("\u{1b}]0;title\u{7}after", "after"),
            ("\u{1b}[2J\u{1b}[Hgone", "gone"),
            ("c1 \u{9b}31m csi", "c1 31m csi"),
            (
                "bell\u{7} back\u{8} null\u{0} delete\u{7f}",
                "bell back null delete",
            ),
            ("two\nlines\r\nand\ttab", "two lines  and tab"),
            ("exe\u{202e}gpj.txt", "exegpj.txt"),
            ("\u{2066}isolated\u{2069}", "isolated"),
        ] {
            let found = text(outside);
            assert_eq!(found, expected, "{outside:?}");
            assert!(!found.chars().any(is_control), "{found:?}");
        }
    }

    #[test]
    fn control_characters_in_json_are_escaped_and_read_again() {
        let outside = "\u{1b}[31m \u{9b}2J \u{7f} \u{202e} \n ü";
        let written = json(&serde_json::to_string_pretty(&[outside]).unwrap());
        assert!(
            !written.chars().any(|c| c != '\n' && is_control(c)),
            "{written:?}"
        );
        let read: Vec<String> = serde_json::from_str(&written).unwrap();
        assert_eq!(read, [outside]);
    }
}
