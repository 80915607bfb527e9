//! What may be shown of user data. It can hold secrets and characters that a terminal obeys, so
//! nothing of it leaves this crate but by these functions.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// The most characters of a value that are shown.
const MAX_SHOWN: usize = 120;

/// A value in one line without control characters, and shortened.
pub(crate) fn text(value: &str) -> String {
    let mut shown = String::new();
    for (count, character) in value.chars().filter(|one| !is_control(*one)).enumerate() {
        if count == MAX_SHOWN {
            shown.push('…');
            break;
        }
        shown.push(character);
    }
    shown
}

/// The control characters of C0 and C1, and those that change the direction of text (Unicode
/// Standard Annex #9).
fn is_control(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A certificate authority: how long it is, and the beginning of a digest, by which two can be
/// compared.
pub(crate) fn certificate(base64: &str) -> String {
    let compact: String = base64.split_ascii_whitespace().collect();
    let Ok(bytes) = STANDARD.decode(&compact) else {
        return format!("{} characters that are not base64", compact.len());
    };
    let digest: String = Sha256::digest(&bytes)
        .iter()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{} bytes, SHA-256 {digest}…", bytes.len())
}

/// The scheme and the host of a URL: what comes before a host or after it can be a secret.
pub(crate) fn endpoint(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    // A variable's name is no secret.
    let is_allowed = |one: char| one.is_ascii_alphanumeric() || "-._:[]$(){}…".contains(one);
    if !scheme.chars().all(|one| one.is_ascii_alphanumeric()) || !host.chars().all(is_allowed) {
        return "what is no URL".to_owned();
    }
    match scheme {
        "" => text(host),
        scheme => text(&format!("{scheme}://{host}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_no_control_characters_and_an_end() {
        assert_eq!(text("a\u{1b}[31m\r\nb\u{202e}c"), "a[31mbc");
        let long = text(&"x".repeat(1000));
        assert_eq!(long.chars().count(), MAX_SHOWN + 1);
        assert!(long.ends_with('…'));
    }

    #[test]
    fn certificate_is_told_by_length_and_digest() {
        assert_eq!(certificate("YWJj\n"), "3 bytes, SHA-256 ba7816bf…");
        assert_eq!(
            certificate("cluster-ca"),
            "10 characters that are not base64"
        );
    }

    #[test]
    fn endpoint_is_shown_without_user_path_and_query() {
        let url = "https://user:secret@abc.gr7.eu-west-1.eks.amazonaws.com:443/x?token=secret";
        assert_eq!(
            endpoint(url),
            "https://abc.gr7.eu-west-1.eks.amazonaws.com:443"
        );
        assert_eq!(endpoint("abc/x"), "abc");
        assert_eq!(endpoint("$API_SERVER_URL"), "$API_SERVER_URL");
        assert_eq!(endpoint("flags: [--token=secret]"), "what is no URL");
    }
}
