//! The same rules decide whether a profile is valid wherever it is checked: in [`Profile::read`],
//! in the JSON Schema, and in the words of `docs/profile.md`. The examples in
//! `functions/fixtures/profiles` are also those of the CDK constructs' tests.

// Helpers of tests may panic as tests do. JSON is indexed by name, which gives null for an absent
// field.
#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use hookline_domain::Error;
use hookline_domain::profile::NamingProfile;
use hookline_domain::profile::Profile;
use hookline_domain::profile::schema;
use jsonschema::Validator;
use proptest::prelude::*;
use proptest::sample::Index;
use serde::Deserialize;
use serde_json::{Value, json};

const SCHEMA: &str = include_str!("../../../functions/profile.schema.json");
const PROFILE: &str = include_str!("../../../docs/profile.md");

/// A profile that breaks one rule (see `functions/fixtures/profiles/README.md`).
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wrong {
    profile: Value,
    field: String,
    why: String,
    /// Whether the schema has the rule too.
    #[serde(default = "yes")]
    schema: bool,
}

fn yes() -> bool {
    true
}

/// The files of one kind, `profiles/valid`, by name.
fn fixtures(kind: &str) -> Result<BTreeMap<String, Value>> {
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../functions/fixtures")
        .join(kind);
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(&folder)? {
        let path = entry?.path();
        let name = path
            .file_stem()
            .context("no name")?
            .to_string_lossy()
            .into_owned();
        let value = serde_json::from_slice(&std::fs::read(&path)?)
            .with_context(|| path.display().to_string())?;
        found.insert(name, value);
    }
    ensure!(!found.is_empty(), "nothing in {}", folder.display());
    Ok(found)
}

/// A kind of profile: its fixtures, its schema, and how the functions read it.
struct Kind {
    folder: &'static str,
    schema: Value,
    written: &'static str,
    read: fn(Value) -> Result<(), Error>,
}

fn kinds() -> [Kind; 2] {
    [
        Kind {
            folder: "profiles",
            schema: schema::profile().into(),
            written: SCHEMA,
            read: |value| Profile::read(value).map(drop),
        },
        Kind {
            folder: "naming-profiles",
            schema: schema::naming_profile().into(),
            written: include_str!("../../../functions/naming-profile.schema.json"),
            read: |value| NamingProfile::read(value).map(drop),
        },
    ]
}

impl Kind {
    fn fixtures(&self, verdict: &str) -> Result<BTreeMap<String, Value>> {
        fixtures(&format!("{}/{verdict}", self.folder))
    }

    fn validator(&self) -> Result<Validator> {
        jsonschema::draft202012::new(&self.schema).map_err(|error| anyhow::anyhow!("{error}"))
    }
}

#[test]
fn schema_files_are_those_of_the_types() -> Result<()> {
    for kind in kinds() {
        let written: Value = serde_json::from_str(kind.written)?;
        ensure!(
            written == kind.schema,
            "{}: the schema is not what the types say; run `cargo xtask schema`",
            kind.folder
        );
        jsonschema::draft202012::meta::validate(&written)
            .map_err(|error| anyhow::anyhow!("{error}"))?;
    }
    Ok(())
}

#[test]
fn valid_profile_is_accepted_by_code_and_schema() -> Result<()> {
    for kind in kinds() {
        let validator = kind.validator()?;
        for (name, profile) in kind.fixtures("valid")? {
            validator
                .validate(&profile)
                .map_err(|error| anyhow::anyhow!("{name}: {}: {error}", error.instance_path()))?;
            (kind.read)(profile).context(name)?;
        }
    }
    Ok(())
}

#[test]
fn invalid_profile_is_refused_with_its_field_and_by_the_schema_where_it_can() -> Result<()> {
    for kind in kinds() {
        is_refused(&kind)?;
    }
    Ok(())
}

fn is_refused(kind: &Kind) -> Result<()> {
    let validator = kind.validator()?;
    let mut wrong = Vec::new();
    for (name, value) in kind.fixtures("invalid")? {
        let fixture: Wrong = serde_json::from_value(value).context(name.clone())?;
        ensure!(!fixture.why.is_empty(), "{name}: no reason");
        if validator.is_valid(&fixture.profile) == fixture.schema {
            wrong.push(format!(
                "{name}: the schema {} it",
                if fixture.schema { "accepts" } else { "refuses" }
            ));
        }
        let wanted = if fixture.field.is_empty() {
            "profile".to_owned()
        } else {
            format!("profile.{}", fixture.field)
        };
        match (kind.read)(fixture.profile) {
            Err(Error::Invalid { field, .. }) if field == wanted => {}
            other => wrong.push(format!("{name}: wanted {wanted}, found {other:?}")),
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

/// Every rule of `profile/validation.rs` has an invalid profile that it refuses: its remedy is in
/// an error.
#[test]
fn every_rule_has_a_fixture_that_breaks_it() -> Result<()> {
    let rules = include_str!("../../../functions/domain/src/profile/validation.rs");
    let (rules, _) = rules.split_once("#[cfg(test)]").context("no tests")?;
    let of_tags = include_str!("../../../functions/domain/src/profile/validation/tags.rs");
    let mut answers = Vec::new();
    for kind in kinds() {
        for value in kind.fixtures("invalid")?.into_values() {
            let fixture: Wrong = serde_json::from_value(value)?;
            if let Err(Error::Invalid { remedy, .. }) = (kind.read)(fixture.profile) {
                answers.push(remedy);
            }
        }
    }
    // A call `invalid(field, problem, "Remedy")` ends with a line that is one text, or holds it as
    // its last argument.
    let mut found = 0;
    for call in [rules, of_tags]
        .iter()
        .flat_map(|rules| rules.split("invalid(").skip(1))
    {
        let Some(remedy) = call
            .split(";\n")
            .next()
            .and_then(|call| call.split('"').rev().nth(1))
            .filter(|text| text.starts_with(char::is_uppercase))
        else {
            continue;
        };
        found += 1;
        ensure!(
            answers.iter().any(|answer| answer == remedy),
            "no fixture is answered by: {remedy}"
        );
    }
    ensure!(found >= 15, "{found} rules found in validation.rs");
    Ok(())
}

/// Replaces one value somewhere in `profile`.
fn put(profile: &mut Value, at: &Index, value: Value) {
    fn count(value: &Value) -> usize {
        1 + match value {
            Value::Array(items) => items.iter().map(count).sum(),
            Value::Object(fields) => fields.values().map(count).sum(),
            _ => 0,
        }
    }
    fn replace(place: &mut Value, left: &mut usize, value: &Value) {
        if *left == 0 {
            *place = value.clone();
        }
        *left = left.wrapping_sub(1);
        let inner: Vec<&mut Value> = match place {
            Value::Array(items) => items.iter_mut().collect(),
            Value::Object(fields) => fields.values_mut().collect(),
            _ => Vec::new(),
        };
        for place in inner {
            replace(place, left, value);
        }
    }
    let mut left = at.index(count(profile));
    replace(profile, &mut left, &value);
}

/// Whether every object was written as an object. Serde also accepts a list of the fields' values;
/// the schema does not.
fn has_the_objects_of(given: &Value, read: &Value) -> bool {
    match (given, read) {
        (Value::Object(given), Value::Object(read)) => given.iter().all(|(name, value)| {
            read.get(name)
                .is_none_or(|read| has_the_objects_of(value, read))
        }),
        (_, Value::Object(_)) => false,
        (Value::Array(given), Value::Array(read)) => given
            .iter()
            .zip(read)
            .all(|(given, read)| has_the_objects_of(given, read)),
        _ => true,
    }
}

fn value() -> impl Strategy<Value = Value> {
    let address = (any::<[u8; 4]>(), 0..34u8, any::<[u8; 4]>());
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-2..260i64).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        // A text of any length near the limits.
        (
            prop::sample::select(vec![63, 64, 65, 255, 256, 257]),
            any::<char>()
        )
            .prop_map(|(length, c)| json!(c.to_string().repeat(length))),
        prop::sample::select(vec![
            "lowest-free",
            "subnet-assigned",
            "none",
            "sg-00000000",
            "subnet-0a1b2c3d"
        ])
        .prop_map(Value::from),
        any::<[u16; 8]>().prop_map(|parts| json!([std::net::Ipv6Addr::from(parts).to_string()])),
        address.prop_map(|(first, bits, last)| {
            let (first, last) = (
                std::net::Ipv4Addr::from(first),
                std::net::Ipv4Addr::from(last),
            );
            json!([format!("{first}/{bits}"), format!("{first}-{last}")])
        }),
        prop::collection::btree_map("(?s).{0,130}|aws:.?|Hookline:", "(?s).{0,4}", 0..3)
            .prop_map(|tags| json!(tags)),
        Just(json!([])),
        Just(json!({})),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// The schema refuses no profile that the functions accept.
    #[test]
    fn profile_that_the_functions_accept_is_accepted_by_the_schema(
        changes in prop::collection::vec((any::<Index>(), value()), 1..4),
    ) {
        thread_local! {
            static VALIDATOR: Validator = kinds()[0].validator().unwrap();
            static RIGHT: Value = fixtures("profiles/valid").unwrap()["everything-said"].clone();
        }
        let mut profile = RIGHT.with(Value::clone);
        for (at, value) in changes {
            put(&mut profile, &at, value);
        }
        if let Ok(read) = Profile::read(profile.clone())
            && has_the_objects_of(&profile, &serde_json::to_value(read).unwrap())
        {
            let verdict = VALIDATOR.with(|validator| validator.validate(&profile).map_err(|error| error.to_string()));
            prop_assert!(verdict.is_ok(), "{verdict:?}");
        }
    }
}

/// A property with the schema it refers to. One that may be null or an object is the object.
fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let forms = schema["anyOf"].as_array().into_iter().flatten();
    let objects: Vec<&Value> = forms.filter(|form| form["$ref"].is_string()).collect();
    let schema = match objects.as_slice() {
        [only] => only,
        _ => schema,
    };
    match schema["$ref"]
        .as_str()
        .and_then(|name| name.strip_prefix('#'))
    {
        Some(pointer) => root.pointer(pointer).unwrap_or(&Value::Null),
        None => schema,
    }
}

/// The rows of a table: the name in its first column, and its other columns.
fn rows(document: &str) -> BTreeMap<&str, Vec<&str>> {
    document
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` |"))
        .map(|(name, rest)| (name, rest.split('|').map(str::trim).collect()))
        .collect()
}

/// The fields of an object of the schema, with their names as `docs/profile.md` has them. `of` is
/// the name of the object.
fn fields<'a>(
    root: &'a Value,
    object: &'a Value,
    of: &str,
    found: &mut Vec<(String, &'a Value, bool)>,
) {
    for (name, property) in object["properties"].as_object().into_iter().flatten() {
        let required = object["required"]
            .as_array()
            .is_some_and(|names| names.iter().any(|required| required == name));
        let path = if of.is_empty() {
            name.clone()
        } else {
            format!("{of}.{name}")
        };
        let inner = resolve(root, property);
        // A bucket is one row with its two numbers.
        if inner["properties"].is_object() && path != "selector" && of != "requestRates" {
            fields(root, inner, &path, found);
        } else {
            found.push((path.clone(), property, required));
            if path == "selector" {
                fields(root, inner, &path, found);
            }
        }
    }
}

#[test]
fn profile_md_has_each_field_with_its_default_and_its_limits() -> Result<()> {
    let root: Value = serde_json::from_str(SCHEMA)?;
    let (above, slots) = PROFILE
        .split_once("### Slots")
        .context("no heading Slots")?;
    let (slots, _) = slots
        .split_once("### Which")
        .context("no heading after Slots")?;
    let (_, profile) = above.split_once("## Fields").context("no heading Fields")?;
    for (table, object) in [(profile, &root), (slots, &root["$defs"]["Slot"])] {
        let rows = rows(table);
        let mut wanted = Vec::new();
        fields(&root, object, "", &mut wanted);
        for (name, property, required) in &wanted {
            let row = rows
                .get(name.as_str())
                .with_context(|| format!("docs/profile.md has no row for {name}"))?;
            let [_, default, limits, ..] = row.as_slice() else {
                bail!("docs/profile.md: the row of {name} is too short");
            };
            let said = match &property["default"] {
                // Of the two kinds of selector, what is required is so within the kind.
                Value::Null if *required && !name.starts_with("selector.") => "required".to_owned(),
                Value::Null => String::new(),
                Value::String(text) => format!("`{text}`"),
                other => format!("`{other}`"),
            };
            ensure!(
                *default == said || (said.is_empty() && *default != "required"),
                "docs/profile.md says of {name} that its default is {default:?}, the schema says {said:?}"
            );
            for key in ["maxLength", "maxItems", "maxProperties", "maximum"] {
                let Some(limit) = property[key].as_u64() else {
                    continue;
                };
                ensure!(
                    limits
                        .split(|c: char| !c.is_ascii_digit())
                        .any(|number| number == limit.to_string()),
                    "docs/profile.md says of {name} {limits:?}, the schema has {key} {limit}"
                );
            }
        }
        let names: Vec<&str> = wanted.iter().map(|(name, ..)| name.as_str()).collect();
        for name in rows.keys() {
            ensure!(
                names.contains(name),
                "docs/profile.md has a row for {name}, which there is not"
            );
        }
    }
    Ok(())
}
