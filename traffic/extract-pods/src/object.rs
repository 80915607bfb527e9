//! The object of a run: JSON lines in gzip, encoded line by line. Memory holds the compressed bytes
//! only, some 60 bytes per pod.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::record::Record;

/// An object that lines can be added to.
#[derive(Debug)]
pub struct Object {
    gzip: GzEncoder<Vec<u8>>,
    nodes: u64,
    pods: u64,
}

/// A complete object.
#[derive(Debug)]
pub struct Finished {
    /// The content, to be written to S3.
    pub bytes: Vec<u8>,
    /// The number of node records.
    pub nodes: u64,
    /// The number of pod records.
    pub pods: u64,
}

impl Object {
    /// An object without lines.
    #[must_use]
    pub fn new() -> Self {
        Self {
            // The time in gzip's header is 0, so the same records give the same bytes.
            gzip: GzEncoder::new(Vec::new(), Compression::default()),
            nodes: 0,
            pods: 0,
        }
    }

    /// Adds a line.
    ///
    /// # Errors
    /// Returns an error if the record cannot be encoded. The writer is memory, so it does not fail
    /// itself.
    pub fn write(&mut self, record: &Record<'_>) -> io::Result<()> {
        serde_json::to_writer(&mut self.gzip, record)?;
        self.gzip.write_all(b"\n")?;
        match record {
            Record::Node(_) => self.nodes += 1,
            Record::Pod(_) => self.pods += 1,
            // The caller knows how many.
            Record::Deleted(_)
            | Record::Instance(_)
            | Record::Attached(_)
            | Record::Interface(_)
            | Record::Service(_)
            | Record::Missing(_) => {}
        }
        Ok(())
    }

    /// Completes the object.
    ///
    /// # Errors
    /// The same as [`Object::write`].
    pub fn finish(self) -> io::Result<Finished> {
        Ok(Finished {
            bytes: self.gzip.finish()?,
            nodes: self.nodes,
            pods: self.pods,
        })
    }
}

impl Default for Object {
    fn default() -> Self {
        Self::new()
    }
}
