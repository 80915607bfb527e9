//! Splits user data into parts. Nothing is refused that a reader reads; what one of them does not
//! read is a finding.

use crate::decode::{self, Encoding, Encodings};
use crate::findings::Findings;
use crate::kind::{self, Kind, NOT_MULTIPART};
use crate::limits::{Budget, MAX_DEPTH, MAX_INPUT, MAX_USER_DATA, Refusal};
use crate::mime::{self, Headers};
use crate::parts::{Document, Part, Reader};
use crate::show;

/// Who can see something, as far as the way to it goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sight {
    pub(super) cloud_init: bool,
    pub(super) nodeadm: bool,
}

/// Splits user data into parts. `input` is user data, or the base64 of it that EC2's API has.
pub(crate) fn read(input: &[u8], findings: &mut Findings) -> Result<Document, Refusal> {
    if input.len() > MAX_INPUT {
        return Err(Refusal::TooLarge);
    }
    let mut walk = Walk {
        budget: Budget::new(),
        parts: Vec::new(),
        nodeadm_fails: false,
        findings,
    };
    let (text, mut encodings) = decode::peel(input, &mut walk.budget)?;
    let mut size = input.len();
    if encodings.0.first() == Some(&Encoding::Base64) {
        encodings.0.remove(0);
        size = decode::base64(input).map_or(size, |decoded| decoded.len());
    }
    if size > MAX_USER_DATA {
        walk.findings.problem(
            "too-large",
            None,
            format_args!("EC2 takes {MAX_USER_DATA} bytes, and this has {size}"),
        );
    }
    let sight = Sight {
        cloud_init: encodings.cloud_init_decodes(),
        nodeadm: encodings.nodeadm_decodes(),
    };
    walk.whole(&text, sight, &encodings)?;
    Ok(Document {
        size,
        encodings,
        nodeadm_fails: walk.nodeadm_fails,
        parts: walk.parts,
    })
}

/// The way through user data.
pub(super) struct Walk<'a> {
    pub(super) budget: Budget,
    pub(super) parts: Vec<Part>,
    pub(super) nodeadm_fails: bool,
    pub(super) findings: &'a mut Findings,
}

impl Walk<'_> {
    fn whole(
        &mut self,
        data: &[u8],
        mut sight: Sight,
        encodings: &Encodings,
    ) -> Result<(), Refusal> {
        let is_message = |data: &[u8]| {
            let start = data.get(..data.len().min(4096)).unwrap_or_default();
            String::from_utf8_lossy(start)
                .to_lowercase()
                .contains("mime-version:")
        };
        let (mut headers, mut content) = mime::message(data);
        let trimmed = data.trim_ascii_start();
        if !headers.is_multipart()
            && trimmed.len() < data.len()
            && mime::message(trimmed).0.is_multipart()
        {
            self.findings.problem(
                "begins-with-space",
                None,
                "an empty line or a space is before the MIME headers: neither cloud-init nor nodeadm finds the parts",
            );
            (headers, content) = mime::message(trimmed);
            sight = Sight {
                cloud_init: false,
                nodeadm: false,
            };
        }
        if headers.is_multipart() {
            if sight.cloud_init && !is_message(data) {
                self.findings.problem(
                    "no-mime-version",
                    None,
                    "there is no header MIME-Version, by which cloud-init knows MIME: it finds no parts, and runs no script",
                );
                sight.cloud_init = false;
            }
            if !headers.is_closed {
                self.nodeadm_stops(
                    "headers-not-closed",
                    None,
                    "the headers do not end with an empty line",
                );
                sight.nodeadm = false;
            }
            return self.parts_of(content, &headers, sight, "", 0);
        }
        // A message of one part.
        let declared = headers
            .content_type
            .filter(|_| headers.is_closed && is_message(data));
        let (declared, content) = match declared {
            Some(declared) => (Some(declared), content),
            None => (None, data),
        };
        self.single(content, declared, sight, encodings)
    }

    /// User data of one part.
    fn single(
        &mut self,
        content: &[u8],
        declared: Option<String>,
        sight: Sight,
        encodings: &Encodings,
    ) -> Result<(), Refusal> {
        self.budget.take_part()?;
        let text = String::from_utf8_lossy(content).into_owned();
        let cloud_init_type =
            kind::cloud_init_type(declared.as_deref().or(Some(NOT_MULTIPART)), &text);
        let kind = kind::of_type(cloud_init_type, &text);
        let mut read_by = Vec::new();
        if sight.cloud_init && kind.is_for_cloud_init() {
            read_by.push(Reader::CloudInit);
        }
        // nodeadm reads what is no multipart as one NodeConfig.
        if sight.nodeadm && kind == Kind::NodeConfig && declared.is_none() {
            read_by.push(Reader::Nodeadm);
        }
        if encodings.bottlerocket_decodes() && kind == Kind::BottlerocketSettings {
            read_by.push(Reader::Bottlerocket);
        }
        let part = Part {
            number: "1".to_owned(),
            kind,
            cloud_init_type: sight.cloud_init.then(|| show::text(cloud_init_type)),
            declared_type: declared.as_deref().map(show::text),
            bytes: content.len(),
            encodings: Encodings::default(),
            read_by,
            text,
        };
        let jinja = cloud_init_type == "text/jinja2";
        self.add(part, jinja)
    }

    fn parts_of(
        &mut self,
        content: &[u8],
        headers: &Headers,
        sight: Sight,
        prefix: &str,
        depth: usize,
    ) -> Result<(), Refusal> {
        if depth == MAX_DEPTH {
            return Err(Refusal::TooDeep);
        }
        let boundary = headers.boundary.as_deref().unwrap_or_default();
        let multipart = mime::multipart(content, boundary, crate::limits::MAX_PARTS);
        let at = (!prefix.is_empty()).then(|| format!("part {}", prefix.trim_end_matches('.')));
        if multipart.parts.is_empty() {
            self.findings.problem(
                "no-parts",
                at.as_deref(),
                "no line is the boundary of the header: there are no parts",
            );
        }
        if !multipart.is_closed && depth == 0 && sight.nodeadm {
            self.nodeadm_stops(
                "not-closed",
                None,
                "the last boundary, with -- at its end, is missing",
            );
        }
        for (n, part) in multipart.parts.iter().enumerate() {
            let number = format!("{prefix}{}", n + 1);
            let (headers, content) = mime::message(part);
            if headers.is_multipart() {
                // nodeadm does not look into a part that is a multipart.
                let inner = Sight {
                    nodeadm: false,
                    ..sight
                };
                self.parts_of(content, &headers, inner, &format!("{number}."), depth + 1)?;
            } else {
                self.leaf(number, &headers, content, sight)?;
            }
        }
        Ok(())
    }

    pub(super) fn nodeadm_stops(&mut self, code: &'static str, at: Option<&str>, what: &str) {
        self.nodeadm_fails = true;
        self.findings.problem(
            code,
            at,
            format_args!(
                "{what}: nodeadm fails there and the node does not join, though cloud-init reads it"
            ),
        );
    }
}
