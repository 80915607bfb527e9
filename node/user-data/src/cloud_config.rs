//! `#cloud-config`: the files that it writes, and the commands that it runs.

use serde_json::{Map, Value};

use crate::decode;
use crate::findings::Findings;
use crate::limits::{Budget, Refusal};
use crate::parts::{Part, Reader};
use crate::shell::Shell;
use crate::{show, yaml};

/// All `#cloud-config` parts, as cloud-init merges them: a later value of a key replaces the
/// earlier one, unless the part asks for another way (cloud-init's documentation, "Merging user
/// data sections").
#[derive(Debug, Default)]
pub(crate) struct CloudConfig {
    /// Each key with the part that it is of.
    keys: Map<String, Value>,
    places: std::collections::BTreeMap<String, String>,
}

impl CloudConfig {
    /// Adds a part.
    pub(crate) fn add(&mut self, part: &Part, findings: &mut Findings) {
        let place = part.place();
        let yaml = match yaml::read(&part.text) {
            Ok(yaml) => yaml.first,
            Err(error) => {
                findings.problem(
                    "not-yaml",
                    Some(&place),
                    format_args!("it is not YAML, at {}: cloud-init ignores it", error.place),
                );
                return;
            }
        };
        let Some(keys) = yaml.as_object() else {
            if !yaml.is_null() {
                findings.problem(
                    "not-a-map",
                    Some(&place),
                    "it is not a map of modules: cloud-init ignores it",
                );
            }
            return;
        };
        let merges = keys.contains_key("merge_how") || keys.contains_key("merge_type");
        for (key, value) in keys {
            if let (Some(earlier), Some(from), false) =
                (self.keys.get(key), self.places.get(key), merges)
                && earlier != value
                && !earlier.is_null()
            {
                findings.warning(
                    "replaced-key",
                    Some(&place),
                    format_args!(
                        "its {} replaces that of {from}, which has no effect",
                        show::text(key)
                    ),
                );
            }
            let value = match (merges, self.keys.get(key), value) {
                (true, Some(Value::Array(earlier)), Value::Array(later)) => {
                    Value::Array([earlier.as_slice(), later].concat())
                }
                (_, _, value) => value.clone(),
            };
            self.keys.insert(key.clone(), value);
            self.places.insert(key.clone(), place.clone());
        }
    }

    fn list(&self, key: &str) -> (&[Value], &str) {
        let list = self.keys.get(key).and_then(Value::as_array);
        let place = self.places.get(key).map_or("", String::as_str);
        (list.map_or(&[], Vec::as_slice), place)
    }

    /// Runs `bootcmd`, which comes before the files.
    pub(crate) fn run_boot_commands(&self, shell: &mut Shell) {
        self.run("bootcmd", shell);
    }

    /// Writes the files of `write_files`.
    pub(crate) fn write_files(
        &self,
        shell: &mut Shell,
        budget: &mut Budget,
        findings: &mut Findings,
    ) -> Result<(), Refusal> {
        let (files, place) = self.list("write_files");
        for file in files {
            let field = |name: &str| file.get(name).and_then(Value::as_str);
            let Some(path) = field("path") else { continue };
            let content = field("content").unwrap_or_default();
            let content = match decoded(content, field("encoding").unwrap_or_default(), budget) {
                Err(Refusal::BrokenGzip) => {
                    let path = show::text(path);
                    findings.problem(
                        "file-encoding",
                        Some(place),
                        format_args!("the content of {path} is not what its encoding says"),
                    );
                    continue;
                }
                other => other?,
            };
            let is_appended = file.get("append").and_then(Value::as_bool) == Some(true);
            shell.write(path, &content, is_appended, place);
        }
        Ok(())
    }

    /// Runs `runcmd`, which comes after the scripts of other parts.
    pub(crate) fn run_commands(&self, shell: &mut Shell) {
        self.run("runcmd", shell);
    }

    fn run(&self, key: &str, shell: &mut Shell) {
        let (commands, place) = self.list(key);
        // cloud-init writes one script of all commands (cloudinit/util.py, `shellify`).
        for command in commands {
            match command {
                Value::String(text) => shell.run(text, place),
                Value::Array(words) => {
                    let words: Vec<String> = words
                        .iter()
                        .map(|word| {
                            word.as_str()
                                .map_or_else(|| word.to_string(), str::to_owned)
                        })
                        .collect();
                    shell.exec(&words, place);
                }
                _ => {}
            }
        }
    }
}

/// Whether cloud-init reads the part.
pub(crate) fn counts(part: &Part) -> bool {
    part.read_by.contains(&Reader::CloudInit)
}

/// The content of a file (cloudinit/config/cc_write_files.py, `canonicalize_extraction`).
fn decoded(content: &str, encoding: &str, budget: &mut Budget) -> Result<String, Refusal> {
    let encoding = encoding.to_lowercase();
    let base64 = |text: &str| decode::base64(text.as_bytes()).ok_or(Refusal::BrokenGzip);
    let bytes = match encoding.trim() {
        "gz" | "gzip" => decode::gunzip(content.as_bytes(), budget)?,
        "gz+base64" | "gzip+base64" | "gz+b64" | "gzip+b64" => {
            decode::gunzip(&base64(content)?, budget)?
        }
        "b64" | "base64" => {
            let bytes = base64(content)?;
            budget.take_bytes(bytes.len())?;
            bytes
        }
        _ => content.as_bytes().to_vec(),
    };
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
