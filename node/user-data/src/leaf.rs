//! A part without parts in it: what its encodings hide, and what it is.

use serde_json::Value;

use crate::decode::{self, Encoding, Encodings};
use crate::kind::{self, Kind, NODE_CONFIG};
use crate::limits::Refusal;
use crate::mime::{self, Headers};
use crate::parts::{Part, Reader};
use crate::walk::{Sight, Walk};
use crate::{show, yaml};

impl Walk<'_> {
    pub(super) fn leaf(
        &mut self,
        number: String,
        headers: &Headers,
        content: &[u8],
        mut sight: Sight,
    ) -> Result<(), Refusal> {
        self.budget.take_part()?;
        let at = format!("part {number}");
        if !headers.is_closed && sight.nodeadm {
            self.nodeadm_stops(
                "headers-not-closed",
                Some(&at),
                "no empty line is between the headers and the content",
            );
            sight.nodeadm = false;
        }
        if headers.has_more_content_types {
            self.findings.note(
                "two-content-types",
                Some(&at),
                "it has several headers Content-Type; the first one counts, for cloud-init and nodeadm",
            );
        }
        let declared = headers.content_type.as_deref();
        let transfer = headers.transfer_encoding.as_deref().unwrap_or_default();
        let decoded = mime::transfer_decoded(transfer, content);
        if decoded.is_none() && matches!(transfer, "base64" | "quoted-printable") {
            self.findings.problem(
                "transfer-encoding",
                Some(&at),
                format_args!("its header says {transfer}, and its content is not that"),
            );
        }
        let decoded = decoded.as_deref().unwrap_or(content);
        self.budget.take_bytes(decoded.len())?;
        let (inner, encodings) = match decode::peel(decoded, &mut self.budget) {
            Err(Refusal::BrokenGzip) => {
                self.findings
                    .problem("broken-gzip", Some(&at), Refusal::BrokenGzip);
                (Vec::new(), Encodings::default())
            }
            other => other?,
        };
        let is_gzip_type = declared.is_some_and(|declared| GZIP_TYPES.contains(&declared));
        let by_cloud_init = sight.cloud_init
            && match encodings.0.as_slice() {
                [] => true,
                [Encoding::Gzip] => is_gzip_type,
                _ => false,
            };
        let mut for_nodeadm = encodings.clone();
        if transfer == "base64" {
            for_nodeadm.0.insert(0, Encoding::Base64);
        }
        let by_nodeadm =
            sight.nodeadm && declared == Some(NODE_CONFIG) && for_nodeadm.nodeadm_decodes();
        let text = String::from_utf8_lossy(&inner).into_owned();
        // Python's default of a part without a type is text/plain (RFC 2045, section 5.2).
        let looked_at = declared.filter(|_| !is_gzip_type);
        let cloud_init_type = kind::cloud_init_type(looked_at, &text);
        let found_type = match by_cloud_init {
            true => cloud_init_type.to_owned(),
            // It sees the encoded text.
            false => kind::cloud_init_type(declared, &String::from_utf8_lossy(decoded)).to_owned(),
        };
        let kind = kind::of_type(cloud_init_type, &text);
        let mut read_by = Vec::new();
        if by_cloud_init && kind.is_for_cloud_init() {
            read_by.push(Reader::CloudInit);
        }
        if by_nodeadm {
            read_by.push(Reader::Nodeadm);
        }
        let jinja = cloud_init_type == "text/jinja2";
        let part = Part {
            number,
            kind,
            cloud_init_type: sight.cloud_init.then(|| show::text(&found_type)),
            declared_type: declared.map(show::text),
            bytes: inner.len(),
            encodings,
            read_by,
            text,
        };
        self.add(part, jinja)
    }

    pub(super) fn add(&mut self, mut part: Part, jinja: bool) -> Result<(), Refusal> {
        let at = part.place();
        if jinja {
            self.findings.note(
                "template",
                Some(&at),
                "it is a Jinja template: its values are known on the node only",
            );
            part.text = part
                .text
                .trim_start()
                .split_once('\n')
                .map(|(_, rest)| rest.to_owned())
                .unwrap_or_default();
        }
        match part.kind {
            Kind::CloudConfigArchive => return self.archive(&part),
            Kind::ShellScript
                if !part.text.starts_with("#!") && part.read_by.contains(&Reader::CloudInit) =>
            {
                let what = match part.text.trim_start().starts_with("#!") {
                    true => {
                        "something is before #!, so the kernel does not run the script (\"Exec format error\")"
                    }
                    false => {
                        "it does not begin with #!, so the kernel does not run it (\"Exec format error\")"
                    }
                };
                self.findings.problem("no-interpreter", Some(&at), what);
            }
            Kind::Include => {
                for url in part.text.lines().filter_map(url_of).take(20) {
                    self.findings.warning(
                        "include",
                        Some(&at),
                        format_args!(
                            "cloud-init fetches more user data from {}; it is not looked at here",
                            show::endpoint(url)
                        ),
                    );
                }
            }
            _ => {}
        }
        self.parts.push(part);
        Ok(())
    }

    /// The parts of a `#cloud-config-archive` (cloudinit/user_data.py, `_explode_archive`).
    fn archive(&mut self, archive: &Part) -> Result<(), Refusal> {
        let at = archive.place();
        let entries = match yaml::read(&archive.text) {
            Ok(yaml) => yaml.first,
            Err(error) => {
                self.findings.problem(
                    "not-yaml",
                    Some(&at),
                    format_args!("it is not YAML, at {}", error.place),
                );
                return Ok(());
            }
        };
        for (n, entry) in entries.as_array().into_iter().flatten().enumerate() {
            self.budget.take_part()?;
            let field = |name: &str| entry.get(name).and_then(Value::as_str);
            let text = entry
                .as_str()
                .or_else(|| field("content"))
                .unwrap_or_default();
            let content_type = field("type")
                .or_else(|| kind::by_beginning(text))
                .unwrap_or("text/cloud-config");
            let kind = kind::of_type(content_type, text);
            let by_cloud_init = archive.read_by.contains(&Reader::CloudInit);
            let part = Part {
                number: format!("{}.{}", archive.number, n + 1),
                kind,
                declared_type: None,
                cloud_init_type: by_cloud_init.then(|| show::text(content_type)),
                bytes: text.len(),
                encodings: Encodings::default(),
                read_by: match by_cloud_init
                    && kind.is_for_cloud_init()
                    && kind != Kind::CloudConfigArchive
                {
                    true => vec![Reader::CloudInit],
                    false => Vec::new(),
                },
                text: text.to_owned(),
            };
            // cloud-init does not open an archive in an archive.
            self.parts.push(part);
        }
        Ok(())
    }
}

/// The content types that cloud-init decompresses (cloudinit/user_data.py, `DECOMP_TYPES`).
const GZIP_TYPES: [&str; 8] = [
    "application/gzip",
    "application/gzip-compressed",
    "application/gzipped",
    "application/x-compress",
    "application/x-compressed",
    "application/x-gunzip",
    "application/x-gzip",
    "application/x-gzip-compressed",
];

/// The URL in a line of `#include`.
fn url_of(line: &str) -> Option<&str> {
    let line = ["#include-once", "#include"]
        .iter()
        .find_map(|begin| line.strip_prefix(begin))
        .unwrap_or(line)
        .trim();
    (!line.is_empty() && !line.starts_with('#')).then_some(line)
}
