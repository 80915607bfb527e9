//! How much is read. User data is small (EC2 takes 16,384 bytes), but what it decodes to need not
//! be.

/// EC2's limit of user data, in bytes, before base64 (EC2 User Guide, "Run commands at launch").
pub const MAX_USER_DATA: usize = 16_384;
/// The most bytes that are read: a launch template's base64, with much room.
pub const MAX_INPUT: usize = 1024 * 1024;
/// The most bytes that everything decodes to, all layers and parts together.
pub const MAX_DECODED: usize = 4 * 1024 * 1024;
/// The most encodings around one text, and the most multiparts around one part.
pub const MAX_DEPTH: usize = 8;
/// The most parts.
pub const MAX_PARTS: usize = 128;
/// The most commands of shell scripts that are looked at.
pub(crate) const MAX_COMMANDS: usize = 20_000;
/// The most bytes that shell variables and files may come to.
pub(crate) const MAX_SHELL_BYTES: usize = 2 * 1024 * 1024;
/// The most scripts that call one another.
pub(crate) const MAX_SCRIPT_DEPTH: usize = 6;

/// Why user data is not read at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The input is too large.
    #[error("the input has more than {MAX_INPUT} bytes; EC2 takes {MAX_USER_DATA}")]
    TooLarge,
    /// The input decodes to too much.
    #[error("it decodes to more than {MAX_DECODED} bytes, as a decompression bomb does")]
    Bomb,
    /// Encodings or multiparts are nested too deeply.
    #[error("encodings or MIME multiparts are nested more than {MAX_DEPTH} deep")]
    TooDeep,
    /// There are too many parts.
    #[error("it has more than {MAX_PARTS} parts")]
    TooManyParts,
    /// It begins as gzip does, and cannot be decompressed.
    #[error("it begins as gzip does, and cannot be decompressed: it is cut off, or damaged")]
    BrokenGzip,
}

/// What may still be read.
#[derive(Debug)]
pub(crate) struct Budget {
    bytes: usize,
    parts: usize,
}

impl Budget {
    pub(crate) fn new() -> Self {
        Self {
            bytes: MAX_DECODED,
            parts: MAX_PARTS,
        }
    }

    /// How many decoded bytes are left.
    pub(crate) fn bytes_left(&self) -> usize {
        self.bytes
    }

    /// Takes decoded bytes.
    pub(crate) fn take_bytes(&mut self, bytes: usize) -> Result<(), Refusal> {
        self.bytes = self.bytes.checked_sub(bytes).ok_or(Refusal::Bomb)?;
        Ok(())
    }

    /// Takes a part.
    pub(crate) fn take_part(&mut self) -> Result<(), Refusal> {
        self.parts = self.parts.checked_sub(1).ok_or(Refusal::TooManyParts)?;
        Ok(())
    }
}
