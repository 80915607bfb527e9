//! The object of a run: JSON lines in gzip, made line by line. Only what is compressed is held, some 60 bytes a pod.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::record::Record;

/// An object in the making.
#[derive(Debug)]
pub struct Object {
    gzip: GzEncoder<Vec<u8>>,
    nodes: u64,
    pods: u64,
}

/// An object that is done.
#[derive(Debug)]
pub struct Finished {
    /// What is to be stored.
    pub bytes: Vec<u8>,
    /// How many node records it has.
    pub nodes: u64,
    /// How many pod records it has.
    pub pods: u64,
}

impl Object {
    /// One without a line.
    #[must_use]
    pub fn new() -> Self {
        Self {
            // The time in gzip's header stays 0: the same records make the same bytes.
            gzip: GzEncoder::new(Vec::new(), Compression::default()),
            nodes: 0,
            pods: 0,
        }
    }

    /// Adds a line.
    ///
    /// # Errors
    /// When memory cannot be had; there is no device to fail.
    pub fn write(&mut self, record: &Record<'_>) -> io::Result<()> {
        serde_json::to_writer(&mut self.gzip, record)?;
        self.gzip.write_all(b"\n")?;
        match record {
            Record::Node(_) => self.nodes += 1,
            Record::Pod(_) => self.pods += 1,
        }
        Ok(())
    }

    /// Ends the last block.
    ///
    /// # Errors
    /// As [`Object::write`].
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
