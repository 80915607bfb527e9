//! The machine and the day of a measurement.

use std::fmt;
use std::fs;

use jiff::Timestamp;

/// The machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// The processor's model.
    pub processor: String,
    /// How many of its cores can be used.
    pub cores: usize,
    /// The operating system, and on Linux the distribution and the architecture.
    pub system: String,
}

impl Machine {
    /// This machine. What cannot be found out is `unknown`.
    #[must_use]
    pub fn this() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            processor: value(&read("/proc/cpuinfo"), "model name", ':'),
            cores,
            system: format!(
                "{} {} {}",
                std::env::consts::OS,
                std::env::consts::ARCH,
                value(&read("/etc/os-release"), "PRETTY_NAME", '=')
            ),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}, {} cores, {}",
            self.processor, self.cores, self.system
        )
    }
}

/// The machine and the day, as a line for a document.
#[must_use]
pub fn measured_on() -> String {
    format!(
        "Measured on {} on {}.",
        Timestamp::now().strftime("%F"),
        Machine::this()
    )
}

/// The first value of `name` in lines of `name`, a separator and the value.
fn value(text: &str, name: &str, separator: char) -> String {
    text.lines()
        .filter_map(|line| line.split_once(separator))
        .find(|(key, _)| key.trim() == name)
        .map_or("unknown", |(_, value)| value.trim().trim_matches('"'))
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_both_files_are_found() {
        let cpuinfo = "processor\t: 0\nmodel name\t: A Processor @ 2.5GHz\nmodel name\t: another\n";
        assert_eq!(value(cpuinfo, "model name", ':'), "A Processor @ 2.5GHz");
        assert_eq!(
            value("PRETTY_NAME=\"Linux 1\"\n", "PRETTY_NAME", '='),
            "Linux 1"
        );
        assert_eq!(value("", "model name", ':'), "unknown");
    }
}
