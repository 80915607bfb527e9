//! The templates that the CDK app makes: found, linted by AWS's own rules, and the state machines in them validated as they
//! will be after CloudFormation's substitutions.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::workspace::Workspace;
use crate::{command, node, python};

const REMEDY: &str = "run `cargo xtask setup`";

/// The rules that are left out.
///
/// W3005, a DependsOn that a reference makes needless: the CDK lets what uses a role depend on the role's policies, and
/// names the role beside them.
const LEFT_OUT: &str = "W3005";

/// Lints every template under a folder, and validates every state machine in them.
pub(crate) fn check(workspace: &Workspace, folder: &Path) -> Result<()> {
    let templates = find(folder)?;
    ensure!(
        !templates.is_empty(),
        "there is no *.template.json under {}",
        folder.display()
    );
    let python = python::set_up(workspace)?;
    let validator = node::set_up(workspace)?;
    command::run(
        Command::new(python.with_file_name("cfn-lint"))
            .args(["--ignore-checks", LEFT_OUT, "--template"])
            .args(&templates),
        REMEDY,
    )?;
    let definitions = write_definitions(&templates, &folder.join("state-machines"))?;
    let mut validate = Command::new(validator);
    for definition in &definitions {
        validate.arg("--json-path").arg(definition);
    }
    command::run(&mut validate, REMEDY)?;
    println!(
        "{} templates and {} state machines in them are valid",
        templates.len(),
        definitions.len()
    );
    Ok(())
}

/// The templates under a folder, in the order of their paths.
fn find(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries =
            fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))?;
        for entry in entries {
            let path = entry
                .with_context(|| format!("reading {}", folder.display()))?
                .path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(".template.json") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Writes each state machine of the templates as a file of its own.
fn write_definitions(templates: &[PathBuf], folder: &Path) -> Result<Vec<PathBuf>> {
    fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    let mut written = Vec::new();
    for (number, path) in templates.iter().enumerate() {
        let text =
            fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        let template: Value =
            serde_json::from_str(&text).with_context(|| format!("reading {}", path.display()))?;
        let assets = path.parent().unwrap_or(path);
        for (id, definition) in definitions(&template, assets)
            .with_context(|| format!("state machines of {}", path.display()))?
        {
            let file = folder.join(format!("{number}-{id}.asl.json"));
            fs::write(&file, definition).with_context(|| format!("writing {}", file.display()))?;
            written.push(file);
        }
    }
    ensure!(
        !written.is_empty(),
        "no template has a state machine: is that still Hookline?"
    );
    Ok(written)
}

/// The state machines of a template, by logical id, as Step Functions will be given them. What is known only after
/// deployment is a stand-in of the right form. `assets` is the folder of the template's files.
fn definitions(template: &Value, assets: &Path) -> Result<Vec<(String, String)>> {
    let resources = template.get("Resources").and_then(Value::as_object);
    let mut found = Vec::new();
    for (id, resource) in resources.context("the template has no Resources")? {
        if resource.get("Type").and_then(Value::as_str) != Some("AWS::StepFunctions::StateMachine")
        {
            continue;
        }
        let property = |name: &str| resource.pointer(&format!("/Properties/{name}"));
        let mut definition = if let Some(definition) = property("Definition") {
            definition.to_string()
        } else if let Some(definition) = property("DefinitionString") {
            text(definition).with_context(|| format!("{id}: DefinitionString"))?
        } else if let Some(key) = property("DefinitionS3Location/Key").and_then(Value::as_str) {
            // The CDK's assets: `HASH.json` in the bucket is `asset.HASH.json` beside the template.
            let path = assets.join(format!("asset.{key}"));
            fs::read_to_string(&path)
                .with_context(|| format!("{id}: reading {}", path.display()))?
        } else {
            bail!("{id} has no definition");
        };
        let substitutions = property("DefinitionSubstitutions").and_then(Value::as_object);
        for (name, value) in substitutions.into_iter().flatten() {
            let value = text(value).with_context(|| format!("{id}: {name}"))?;
            definition = definition.replace(&format!("${{{name}}}"), &value);
        }
        if let Some((_, rest)) = definition.split_once("${") {
            let name = rest.split('}').next().unwrap_or(rest);
            bail!("{id}: nothing is substituted for ${{{name}}}");
        }
        found.push((id.clone(), definition));
    }
    Ok(found)
}

/// A value of a template as text, with a stand-in for each function that only CloudFormation can answer.
fn text(value: &Value) -> Result<String> {
    if let Some(text) = value.as_str() {
        return Ok(text.to_owned());
    }
    if let Some(parts) = value.get("Fn::GetAtt").and_then(Value::as_array) {
        let [Value::String(resource), Value::String(attribute)] = parts.as_slice() else {
            bail!("not understood: {value}");
        };
        ensure!(attribute == "Arn", "no stand-in for {value}");
        return Ok(format!(
            "arn:aws:lambda:us-west-2:123456789012:function:{resource}"
        ));
    }
    if let Some(name) = value.get("Ref").and_then(Value::as_str) {
        return Ok(match name {
            "AWS::Partition" => "aws".to_owned(),
            "AWS::Region" => "us-west-2".to_owned(),
            "AWS::AccountId" => "123456789012".to_owned(),
            other => other.to_owned(),
        });
    }
    match value
        .get("Fn::Join")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
    {
        Some([Value::String(separator), Value::Array(parts)]) => {
            let parts: Result<Vec<String>> = parts.iter().map(text).collect();
            Ok(parts?.join(separator))
        }
        _ => bail!("not understood: {value}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn machine(properties: Value) -> Value {
        json!({"Resources": {
            "Role": {"Type": "AWS::IAM::Role"},
            "Machine": {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties},
        }})
    }

    #[test]
    fn a_definition_in_the_template_has_its_references_filled_in() -> Result<()> {
        let template = machine(json!({"DefinitionString": {"Fn::Join": ["", [
            "{\"Resource\": \"arn:", {"Ref": "AWS::Partition"}, ":states:::x\", \"A\": \"",
            {"Fn::GetAtt": ["TagNode", "Arn"]}, "\"}",
        ]]}}));
        let expected = "{\"Resource\": \"arn:aws:states:::x\", \"A\": \
                        \"arn:aws:lambda:us-west-2:123456789012:function:TagNode\"}";
        assert_eq!(
            definitions(&template, Path::new("/nowhere"))?,
            [("Machine".to_owned(), expected.to_owned())]
        );
        Ok(())
    }

    #[test]
    fn a_definition_among_the_assets_is_read_and_substituted() -> Result<()> {
        let folder = std::env::temp_dir().join(format!("hookline-assets-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        fs::write(
            folder.join("asset.ab12.json"),
            "{\"Resource\": \"${TagNodeFunctionArn}\"}",
        )?;
        let properties = |substitutions: Value| {
            machine(json!({
                "DefinitionS3Location": {"Bucket": "assets", "Key": "ab12.json"},
                "DefinitionSubstitutions": substitutions,
            }))
        };
        let arn = json!({"TagNodeFunctionArn": {"Fn::GetAtt": ["TagNode", "Arn"]}});
        let found = definitions(&properties(arn), &folder);
        let without = definitions(&properties(json!({})), &folder);
        fs::remove_dir_all(&folder)?;
        assert_eq!(
            found?[0].1,
            "{\"Resource\": \"arn:aws:lambda:us-west-2:123456789012:function:TagNode\"}"
        );
        let error = without
            .map(drop)
            .expect_err("a placeholder is left")
            .to_string();
        assert!(error.contains("${TagNodeFunctionArn}"), "{error}");
        Ok(())
    }

    #[test]
    fn what_cannot_be_filled_in_is_an_error_that_names_it() {
        for properties in [
            json!({}),
            json!({"DefinitionString": {"Fn::ImportValue": "x"}}),
            json!({"DefinitionS3Location": {"Bucket": "b", "Key": "none.json"}}),
        ] {
            let error = definitions(&machine(properties), Path::new("/nowhere"));
            let error = format!("{:#}", error.map(drop).expect_err("no definition"));
            assert!(error.contains("Machine"), "{error}");
        }
    }
}
