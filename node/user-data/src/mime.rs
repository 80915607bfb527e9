//! MIME, as cloud-init (Python's `email`) and nodeadm (Go's `net/mail` and `mime/multipart`) read
//! it. They differ in what they forgive: Python reads almost anything, and Go fails at the first
//! fault. What one of them does not read is told apart here.

use mailparse::{MailHeaderMap, parse_content_type, parse_headers};

/// The headers of a message or of a part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Headers {
    /// The first Content-Type, in lower case and without parameters: both readers take the first.
    pub(crate) content_type: Option<String>,
    /// The parameter `boundary` of the first Content-Type.
    pub(crate) boundary: Option<String>,
    /// Whether there are several Content-Types, as eksctl writes them.
    pub(crate) has_more_content_types: bool,
    /// Content-Transfer-Encoding, in lower case.
    pub(crate) transfer_encoding: Option<String>,
    /// Whether the headers end with an empty line. Otherwise Python begins the content there, and
    /// Go fails.
    pub(crate) is_closed: bool,
}

impl Headers {
    /// Whether the content has parts.
    pub(crate) fn is_multipart(&self) -> bool {
        let kind = self.content_type.as_deref().unwrap_or_default();
        kind.starts_with("multipart/") && self.boundary.is_some()
    }
}

/// Splits a message into its headers and its content.
pub(crate) fn message(data: &[u8]) -> (Headers, &[u8]) {
    let mut rest = data;
    let mut is_closed = false;
    while let Some((line, after)) = next_line(rest) {
        if without_line_end(line).is_empty() {
            is_closed = true;
            rest = after;
            break;
        }
        let is_continuation = line.starts_with(b" ") || line.starts_with(b"\t");
        if !(is_header(line) || (is_continuation && rest.len() < data.len())) {
            break;
        }
        rest = after;
    }
    let block = data.get(..data.len() - rest.len()).unwrap_or_default();
    let headers = parse_headers(block)
        .map(|(headers, _)| headers)
        .unwrap_or_default();
    let content_types = headers.get_all_values("Content-Type");
    let first = content_types.first().map(|value| parse_content_type(value));
    let boundary = first
        .as_ref()
        .and_then(|first| first.params.get("boundary"));
    let headers = Headers {
        boundary: boundary
            .map(|boundary| boundary.trim_end().to_owned())
            .filter(|boundary| !boundary.is_empty()),
        content_type: first.map(|first| first.mimetype.trim().to_owned()),
        has_more_content_types: content_types.len() > 1,
        transfer_encoding: headers
            .get_first_value("Content-Transfer-Encoding")
            .map(|value| value.trim().to_lowercase()),
        is_closed,
    };
    (headers, rest)
}

/// A name of printable characters, and a colon (RFC 5322, section 2.2).
fn is_header(line: &[u8]) -> bool {
    match line.iter().position(|byte| *byte == b':') {
        None | Some(0) => false,
        Some(colon) => line
            .iter()
            .take(colon)
            .all(|byte| matches!(byte, 0x21..=0x7e)),
    }
}

/// The parts of a multipart.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Multipart<'a> {
    /// Each part, with its headers.
    pub(crate) parts: Vec<&'a [u8]>,
    /// Whether the last boundary is there, with `--` at its end. Without it, Go fails.
    pub(crate) is_closed: bool,
}

/// Splits a content at its boundary, into at most `limit` parts and one more.
pub(crate) fn multipart<'a>(content: &'a [u8], boundary: &str, limit: usize) -> Multipart<'a> {
    let delimiter = format!("--{boundary}");
    let last = format!("--{boundary}--");
    let mut found = Multipart::default();
    let mut begin: Option<usize> = None;
    let mut rest = content;
    while let Some((line, after)) = next_line(rest) {
        let at = content.len() - rest.len();
        let text = line.trim_ascii_end();
        if text == delimiter.as_bytes() || text == last.as_bytes() {
            if let Some(begin) = begin {
                let part = content.get(begin..at).unwrap_or_default();
                found.parts.push(without_line_end(part));
            }
            begin = Some(content.len() - after.len());
            if text == last.as_bytes() {
                found.is_closed = true;
                return found;
            }
            if found.parts.len() > limit {
                return found;
            }
        }
        rest = after;
    }
    if let Some(begin) = begin {
        found.parts.push(content.get(begin..).unwrap_or_default());
    }
    found
}

/// Takes off Content-Transfer-Encoding: base64 and quoted-printable. `None` if it is neither, or
/// wrong.
pub(crate) fn transfer_decoded(encoding: &str, content: &[u8]) -> Option<Vec<u8>> {
    match encoding {
        "base64" => crate::decode::base64(content),
        "quoted-printable" => {
            let mut message = b"Content-Transfer-Encoding: quoted-printable\n\n".to_vec();
            message.extend_from_slice(content);
            mailparse::parse_mail(&message).ok()?.get_body_raw().ok()
        }
        _ => None,
    }
}

/// The next line with its end, and what follows.
fn next_line(data: &[u8]) -> Option<(&[u8], &[u8])> {
    if data.is_empty() {
        return None;
    }
    let end = data.iter().position(|byte| *byte == b'\n');
    Some(data.split_at(end.map_or(data.len(), |end| end + 1)))
}

fn without_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_of_two_content_types_counts() {
        let text = b"Content-Type: text/x-shellscript\r\nContent-Type: charset=\"us-ascii\"\r\n\r\n#!/bin/sh\r\n";
        let (headers, content) = message(text);
        assert_eq!(headers.content_type.as_deref(), Some("text/x-shellscript"));
        assert!(headers.has_more_content_types && headers.is_closed);
        assert_eq!(content, b"#!/bin/sh\r\n");
    }

    #[test]
    fn content_without_an_empty_line_before_it_is_found() {
        let (headers, content) = message(b"Content-Type: text/x-shellscript\n#!/bin/sh\n");
        assert!(!headers.is_closed);
        assert_eq!(content, b"#!/bin/sh\n");
    }

    #[test]
    fn boundary_may_be_quoted_or_not() {
        for boundary in ["//", "\"//\"", "\"==B==\"", "B"] {
            let text = format!("Content-Type: multipart/mixed; boundary={boundary}\n\n");
            let (headers, _) = message(text.as_bytes());
            assert!(headers.is_multipart(), "{text}");
            assert_eq!(
                headers.boundary.as_deref(),
                Some(boundary.trim_matches('"'))
            );
        }
        assert!(
            !message(b"Content-Type: multipart/mixed\n\n")
                .0
                .is_multipart()
        );
    }

    #[test]
    fn parts_end_at_the_boundary_and_not_at_what_looks_like_it() {
        let found = multipart(
            b"preamble\n--B\n\na\n--Bc\n--B \r\n\nb\r\n--B--\nepilogue\n--B\n",
            "B",
            9,
        );
        assert_eq!(found.parts, [b"\na\n--Bc".as_slice(), b"\nb"]);
        assert!(found.is_closed);
    }

    #[test]
    fn last_part_without_a_boundary_is_read() {
        let found = multipart(b"--B\n\na\n--B\n\nb\n", "B", 9);
        assert_eq!(found.parts, [b"\na".as_slice(), b"\nb\n"]);
        assert!(!found.is_closed);
    }

    #[test]
    fn transfer_encodings_are_taken_off() {
        assert_eq!(
            transfer_decoded("base64", b"IyEv\nYg==\n").unwrap(),
            b"#!/b"
        );
        assert_eq!(
            transfer_decoded("quoted-printable", b"a=3Db=\nc").unwrap(),
            b"a=bc"
        );
        assert_eq!(transfer_decoded("7bit", b"a"), None);
    }
}
