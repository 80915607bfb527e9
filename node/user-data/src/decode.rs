//! Encodings around a text: base64 and gzip. Each reader takes off some of them and not others; see
//! [`Encodings`].

use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::MultiGzDecoder;
use serde::Serialize;

use crate::limits::{Budget, MAX_DEPTH, Refusal};

/// An encoding of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// Base64.
    Base64,
    /// Gzip.
    Gzip,
}

impl Encoding {
    /// The name, as people write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Base64 => "base64",
            Self::Gzip => "gzip",
        }
    }
}

/// The encodings around a text, the outermost first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Encodings(pub Vec<Encoding>);

impl Encodings {
    /// Whether cloud-init takes them all off: it decompresses user data once, and decodes no base64
    /// (cloudinit/user_data.py, `convert_string`).
    pub(crate) fn cloud_init_decodes(&self) -> bool {
        matches!(self.0.as_slice(), [] | [Encoding::Gzip])
    }

    /// Whether nodeadm takes them all off: base64 once, then gzip once (awslabs/amazon-eks-ami,
    /// nodeadm/internal/configprovider/userdata.go and mime.go).
    pub(crate) fn nodeadm_decodes(&self) -> bool {
        use Encoding::{Base64, Gzip};
        matches!(self.0.as_slice(), [] | [Base64] | [Gzip] | [Base64, Gzip])
    }

    /// Whether Bottlerocket takes them all off: gzip once (bottlerocket-os/bottlerocket-core-kit,
    /// sources/early-boot-config/early-boot-config-provider/src/compression.rs).
    pub(crate) fn bottlerocket_decodes(&self) -> bool {
        self.cloud_init_decodes()
    }
}

/// The bytes that begin gzip.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Takes off every encoding.
pub(crate) fn peel(data: &[u8], budget: &mut Budget) -> Result<(Vec<u8>, Encodings), Refusal> {
    let mut data = data.to_vec();
    let mut encodings = Encodings::default();
    loop {
        let (inner, encoding) = if data.starts_with(&GZIP) {
            (gunzip(&data, budget)?, Encoding::Gzip)
        } else if let Some(inner) = decoded_base64(&data) {
            budget.take_bytes(inner.len())?;
            (inner, Encoding::Base64)
        } else {
            return Ok((data, encodings));
        };
        if encodings.0.len() == MAX_DEPTH {
            return Err(Refusal::TooDeep);
        }
        encodings.0.push(encoding);
        data = inner;
    }
}

/// Decompresses all members, within the budget.
pub(crate) fn gunzip(data: &[u8], budget: &mut Budget) -> Result<Vec<u8>, Refusal> {
    let mut text = Vec::new();
    let limit = u64::try_from(budget.bytes_left()).unwrap_or(u64::MAX);
    let decoder = MultiGzDecoder::new(data);
    let read = decoder.take(limit.saturating_add(1)).read_to_end(&mut text);
    // A bomb may be cut off, too.
    budget.take_bytes(text.len())?;
    match read {
        Ok(_) => Ok(text),
        Err(_) => Err(Refusal::BrokenGzip),
    }
}

/// The content of base64. `None` if the data is not base64 of a text or of gzip: a short word is
/// base64, too.
fn decoded_base64(data: &[u8]) -> Option<Vec<u8>> {
    let decoded = base64(data)?;
    let is_text = std::str::from_utf8(&decoded).is_ok_and(|text| !text.contains('\0'));
    (decoded.starts_with(&GZIP) || (is_text && decoded.len() >= 8)).then_some(decoded)
}

/// Decodes base64 with line breaks in it.
pub(crate) fn base64(data: &[u8]) -> Option<Vec<u8>> {
    let compact: Vec<u8> = data
        .iter()
        .copied()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    STANDARD.decode(compact).ok()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;
    use crate::limits::MAX_DECODED;

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn peeled(data: &[u8]) -> Result<(Vec<u8>, Encodings), Refusal> {
        peel(data, &mut Budget::new())
    }

    #[test]
    fn encodings_are_taken_off_from_outside_to_inside() {
        let text = b"#!/bin/bash\n".to_vec();
        let data = STANDARD.encode(gzip(STANDARD.encode(&text).as_bytes()));
        let (found, encodings) = peeled(data.as_bytes()).unwrap();
        assert_eq!(found, text);
        use Encoding::{Base64, Gzip};
        assert_eq!(encodings.0, [Base64, Gzip, Base64]);
        assert!(!encodings.cloud_init_decodes() && !encodings.nodeadm_decodes());
    }

    #[test]
    fn word_that_could_be_base64_is_a_text() {
        for text in ["test", "settings", ""] {
            assert_eq!(peeled(text.as_bytes()).unwrap().1.0, [], "{text}");
        }
    }

    #[test]
    fn bomb_is_refused_without_being_held_in_memory() {
        let mut bomb = gzip(&vec![0; 5 * MAX_DECODED]);
        assert_eq!(peeled(&bomb).unwrap_err(), Refusal::Bomb);
        bomb.truncate(bomb.len() / 2);
        assert_eq!(peeled(&bomb).unwrap_err(), Refusal::Bomb);
    }

    #[test]
    fn gzip_in_gzip_is_refused_past_the_depth() {
        let mut data = b"text".to_vec();
        for _ in 0..MAX_DEPTH {
            data = gzip(&data);
        }
        assert_eq!(peeled(&data).unwrap().1.0.len(), MAX_DEPTH);
        assert_eq!(peeled(&gzip(&data)).unwrap_err(), Refusal::TooDeep);
    }

    #[test]
    fn gzip_that_is_cut_off_is_refused() {
        let data = gzip(b"#cloud-config\n");
        let cut = data.get(..data.len() - 6).unwrap();
        assert_eq!(peeled(cut).unwrap_err(), Refusal::BrokenGzip);
    }
}
