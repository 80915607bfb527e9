//! Recordings: what was observed in an account, a file for each fact, scrubbed; and the comparison
//! of the fake AWS with one.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use fs_err as fs;
use serde::{Deserialize, Serialize};

use crate::fact::{Expected, Observed};
use crate::run::Outcome;
use crate::scrub;

/// The file that says what a recording is of.
const ABOUT: &str = "recording.json";

/// What a recording is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct About {
    /// `AWS`, or `a fake AWS`: a recording of the fake one proves nothing about AWS.
    pub target: String,
    /// The Region.
    pub region: String,
}

/// A recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// What it is of.
    pub about: About,
    /// What was observed, by the name of the fact.
    pub observed: BTreeMap<String, Observed>,
}

/// What was observed, without ids.
#[must_use]
pub fn scrubbed(observed: &Observed) -> Observed {
    let clean = |values: &BTreeMap<String, String>| {
        let pairs = values.iter();
        pairs
            .map(|(name, value)| (name.clone(), scrub::text(value)))
            .collect()
    };
    Observed {
        code: observed.code.clone(),
        message: observed.message.as_deref().map(scrub::text),
        fields: clean(&observed.fields),
        measured: clean(&observed.measured),
    }
}

/// Writes a recording of the facts that were tried into a folder. Files of other facts stay.
///
/// # Errors
/// If a file cannot be written.
pub fn write(folder: &Path, about: &About, outcomes: &[Outcome]) -> Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join(ABOUT), pretty(about)?)?;
    for outcome in outcomes {
        if let Some(observed) = outcome.observed() {
            let file = folder.join(format!("{}.json", outcome.fact.name));
            fs::write(file, pretty(&scrubbed(observed))?)?;
        }
    }
    Ok(())
}

fn pretty(value: &impl Serialize) -> Result<String> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}

/// Reads a recording.
///
/// # Errors
/// If the folder has none, or a file of it does not have the form of one.
pub fn read(folder: &Path) -> Result<Recording> {
    let about = fs::read_to_string(folder.join(ABOUT))?;
    let about = serde_json::from_str(&about).context(ABOUT)?;
    let mut observed = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let Some(name) = path.file_stem().and_then(|name| name.to_str()) else {
            continue;
        };
        let is_json = path
            .extension()
            .is_some_and(|extension| extension == "json");
        if is_json && path.file_name().is_some_and(|file| file != ABOUT) {
            let text = fs::read_to_string(&path)?;
            let found = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
            observed.insert(name.to_owned(), found);
        }
    }
    ensure!(
        !observed.is_empty(),
        "{} has no recorded fact",
        folder.display()
    );
    Ok(Recording { about, observed })
}

/// How the fake AWS differs from what was observed elsewhere, a line for each. Messages may differ
/// as long as both are of the expected class.
#[must_use]
pub fn differences(expected: &Expected, elsewhere: &Observed, fake: &Observed) -> Vec<String> {
    let mut found = Vec::new();
    if elsewhere.code != fake.code {
        found.push(format!(
            "observed {}, on the fake AWS {}",
            elsewhere.error(),
            fake.error()
        ));
    } else if expected.has_words(elsewhere) != expected.has_words(fake) {
        found.push(format!(
            "observed the message {:?}, on the fake AWS {:?}",
            elsewhere.message.as_deref().unwrap_or_default(),
            fake.message.as_deref().unwrap_or_default()
        ));
    }
    let names = elsewhere.fields.keys().chain(fake.fields.keys());
    let names: std::collections::BTreeSet<&String> = names.collect();
    for name in names {
        let of = |observed: &Observed| observed.fields.get(name).cloned();
        let (there, here) = (of(elsewhere), of(fake));
        if there != here {
            let word = |value: Option<String>| value.unwrap_or_else(|| "nothing".to_owned());
            found.push(format!(
                "{name}: observed {}, on the fake AWS {}",
                word(there),
                word(here)
            ));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPECTED: Expected = Expected::refusal(&["A", "B"]).with_words(&["in use"]);

    fn refused(code: &str, message: &str) -> Observed {
        Observed {
            code: Some(code.to_owned()),
            message: Some(message.to_owned()),
            ..Observed::new()
        }
    }

    #[test]
    fn wording_may_differ_within_its_class_only() {
        let recorded = refused("A", "Interface: [eni-ID] in use.");
        let same_class = refused("A", "It is currently in use");
        assert!(differences(&EXPECTED, &recorded, &same_class).is_empty());
        let other_class = refused("A", "It is taken");
        assert_eq!(differences(&EXPECTED, &recorded, &other_class).len(), 1);
        // Both are expected, and yet the fake AWS is not like AWS.
        let other_code = refused("B", "in use");
        assert_eq!(differences(&EXPECTED, &recorded, &other_code).len(), 1);
    }

    #[test]
    fn value_that_only_one_of_them_has_is_a_difference() {
        let expected = Expected::values(&[]);
        let (some, none) = (Observed::new().value("n", 1), Observed::new());
        assert_eq!(
            differences(&expected, &some, &none),
            ["n: observed 1, on the fake AWS nothing"]
        );
        assert_eq!(
            differences(&expected, &some, &some.clone().measure("s", 2)).len(),
            0
        );
    }
}
