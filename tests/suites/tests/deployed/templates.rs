//! The templates that the CDK app makes: linted by AWS's own rules, and the state machines in them
//! validated as Step Functions will be given them, after CloudFormation's substitutions.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use hookline_testkit::deployment::Tools;
use serde_json::{Map, Value};
use tokio::process::Command;

use crate::app::{packages, run};

/// The rules of cfn-lint that are not checked.
///
/// W3005, a DependsOn that a reference makes needless: the CDK lets what uses a role depend on the
/// role's policies, and names the role beside them.
const LEFT_OUT: &str = "W3005";

/// Lints the template of an assembly, which is a folder that the CDK wrote, and validates the state
/// machine in it.
///
/// # Errors
/// What cfn-lint or asl-validator reports.
pub(crate) async fn check(tools: &Tools, assembly: &Path) -> Result<()> {
    let templates = find(assembly)?;
    ensure!(templates.len() == 1, "in {assembly:?}: {templates:?}");
    let mut lint = Command::new(tools.python.with_file_name("cfn-lint"));
    lint.args(["--ignore-checks", LEFT_OUT, "--template"])
        .args(&templates);
    run(&mut lint).await?;

    let machines = write_definitions(&templates, assembly)?;
    ensure!(!machines.is_empty(), "no state machine in {templates:?}");
    let mut validate = Command::new(packages()?.join(".bin/asl-validator"));
    for machine in &machines {
        validate.arg("--json-path").arg(machine);
    }
    run(&mut validate).await
}

/// The templates in a folder.
fn find(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for file in std::fs::read_dir(folder)? {
        let file = file?.path();
        if file.to_string_lossy().ends_with(".template.json") {
            found.push(file);
        }
    }
    Ok(found)
}

/// Writes each state machine of the templates as a file of its own.
fn write_definitions(templates: &[PathBuf], folder: &Path) -> Result<Vec<PathBuf>> {
    let mut written = Vec::new();
    for (number, path) in templates.iter().enumerate() {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        let template: Value =
            serde_json::from_str(&text).with_context(|| format!("reading {}", path.display()))?;
        let assets = path.parent().unwrap_or(path);
        for (id, definition) in definitions(&template, assets)
            .with_context(|| format!("state machines of {}", path.display()))?
        {
            let file = folder.join(format!("{number}-{id}.asl.json"));
            std::fs::write(&file, definition)
                .with_context(|| format!("writing {}", file.display()))?;
            written.push(file);
        }
    }
    Ok(written)
}

/// The state machines of a template, by logical id, as Step Functions gets them. A value that is
/// known only after deployment is a placeholder of the right form. `assets` is the folder of the
/// template's files.
fn definitions(template: &Value, assets: &Path) -> Result<Vec<(String, String)>> {
    let resources = template.get("Resources").and_then(Value::as_object);
    let resources = resources.context("the template has no Resources")?;
    let text = |value: &Value| text(value, resources);
    let mut found = Vec::new();
    for (id, resource) in resources {
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
            std::fs::read_to_string(&path)
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

/// A value of a template as text, with a placeholder for each function that only CloudFormation can
/// resolve.
fn text(value: &Value, resources: &Map<String, Value>) -> Result<String> {
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
            // The version's ARN (CloudFormation User Guide, AWS::Lambda::Version, "Return values").
            version if kind_of(version, resources) == Some("AWS::Lambda::Version") => {
                format!("arn:aws:lambda:us-west-2:123456789012:function:{version}:1")
            }
            other => other.to_owned(),
        });
    }
    match value
        .get("Fn::Join")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
    {
        Some([Value::String(separator), Value::Array(parts)]) => {
            let parts = parts.iter().map(|part| text(part, resources));
            let parts: Result<Vec<String>> = parts.collect();
            Ok(parts?.join(separator))
        }
        _ => bail!("not understood: {value}"),
    }
}

/// The type of a resource.
fn kind_of<'a>(id: &str, resources: &'a Map<String, Value>) -> Option<&'a str> {
    resources.get(id)?.get("Type")?.as_str()
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
    fn definition_in_the_template_gets_its_references_resolved() -> Result<()> {
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
    fn definition_among_the_assets_is_read_and_substituted() -> Result<()> {
        let folder = std::env::temp_dir().join(format!("hookline-assets-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        std::fs::write(
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
        std::fs::remove_dir_all(&folder)?;
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
    fn unresolved_reference_is_named_in_the_error() {
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
