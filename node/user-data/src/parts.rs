//! User data as a list of parts, and who reads which.

use serde::Serialize;

use crate::decode::Encodings;
use crate::kind::Kind;

/// A program that reads user data on a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reader {
    /// cloud-init, on Amazon Linux and Ubuntu.
    CloudInit,
    /// nodeadm, on Amazon Linux 2023.
    Nodeadm,
    /// Bottlerocket's early-boot-config.
    Bottlerocket,
}

impl Reader {
    /// The program's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::CloudInit => "cloud-init",
            Self::Nodeadm => "nodeadm",
            Self::Bottlerocket => "Bottlerocket",
        }
    }
}

/// A part. User data without MIME is one part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Part {
    /// Its place, as `2`, or `2.1` in a multipart that is part 2.
    pub number: String,
    /// What it is.
    pub kind: Kind,
    /// The content type that its header declares.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub declared_type: Option<String>,
    /// The content type by which cloud-init handles it. `None` if cloud-init does not find the
    /// part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cloud_init_type: Option<String>,
    /// Its size, decoded, in bytes.
    pub bytes: usize,
    /// The encodings around it, beside those of the whole.
    #[serde(skip_serializing_if = "is_plain")]
    pub encodings: Encodings,
    /// Who does something with it.
    pub read_by: Vec<Reader>,
    /// The text.
    #[serde(skip)]
    pub(crate) text: String,
}

fn is_plain(encodings: &Encodings) -> bool {
    encodings.0.is_empty()
}

impl Part {
    /// The name for people.
    pub(crate) fn place(&self) -> String {
        format!("part {}", self.number)
    }
}

/// User data, decoded.
#[derive(Debug)]
pub(crate) struct Document {
    /// The size that EC2 counts, in bytes.
    pub(crate) size: usize,
    /// The encodings of the whole, without that of EC2's API.
    pub(crate) encodings: Encodings,
    pub(crate) parts: Vec<Part>,
    /// Why nodeadm reads no part at all, though cloud-init may.
    pub(crate) nodeadm_fails: bool,
}
