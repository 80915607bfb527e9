//! `hookline user-data explain`: how a node with this user data would join its cluster, and why it
//! would not.

use std::fs::File;
use std::io::{self, Read};

use anstyle::Style;
use hookline_domain::profile::Profile;
use hookline_user_data::{
    Context, Encodings, Explanation, Finding, MAX_INPUT, NetworkLimits, Origin, Setting, Severity,
    explain,
};
use serde::Serialize;

use crate::aws::Aws;
use crate::error::{Code, Error, Result};
use crate::observed::template::TemplateRef;
use crate::output::{BAD, GOOD, LABEL, Output, Page, Report, STRONG};
use crate::settings::{AwsSettings, Source, UserDataSource};

/// What was explained.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Explained {
    /// The file's path, `stdin`, the launch template or the instance.
    source: String,
    /// The instance type that maxPods is compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    instance_type: Option<String>,
    #[serde(flatten)]
    explanation: Explanation,
}

/// User data before it is explained.
struct UserDataInput {
    source: String,
    bytes: Vec<u8>,
    origin: Origin,
    instance_type: Option<String>,
}

/// Runs the command.
pub(super) async fn run(
    aws: &AwsSettings,
    source: &UserDataSource,
    profile: Option<&Source>,
    instance_type: Option<&str>,
    output: &Output,
) -> Result<Code> {
    let profile = profile.map(super::profile::read_valid).transpose()?;
    let given = given(aws, source).await?;
    let instance_type = instance_type.map(str::to_owned).or(given.instance_type);
    let explained = explained(
        given.source,
        &given.bytes,
        given.origin,
        profile.as_ref(),
        instance_type,
    )?;
    output.report(&explained)?;
    Ok(match explained.explanation.has_problems() {
        true => Code::ProblemsFound,
        false => Code::Success,
    })
}

fn explained(
    source: String,
    bytes: &[u8],
    origin: Origin,
    profile: Option<&Profile>,
    instance_type: Option<String>,
) -> Result<Explained> {
    let limits = match &instance_type {
        None => None,
        Some(name) => Some(NetworkLimits::of(name).ok_or_else(|| Error::NotFound {
            what: format!("{name:?} is not an instance type that Hookline knows"),
            remedy: "Correct --instance-type, or leave it out.".to_owned(),
        })?),
    };
    let context = Context {
        origin,
        profile,
        limits: limits.as_ref(),
    };
    match explain(bytes, context) {
        Ok(explanation) => Ok(Explained {
            source,
            instance_type,
            explanation,
        }),
        Err(refusal) => Err(Error::UserData {
            name: source,
            refusal,
        }),
    }
}

async fn given(settings: &AwsSettings, source: &UserDataSource) -> Result<UserDataInput> {
    let missing = |what: String| Error::NotFound {
        what,
        remedy: "Give one that has user data.".to_owned(),
    };
    match source {
        UserDataSource::File(file) => {
            let (source, bytes) = read(file)?;
            Ok(UserDataInput {
                source,
                bytes,
                origin: Origin::File,
                instance_type: None,
            })
        }
        UserDataSource::LaunchTemplate { template, version } => {
            let aws = Aws::connect(settings).await?;
            let source = format!("{template}, version {version}");
            let of = TemplateRef::named(template, version);
            let seen = aws.user_data_of_template(&of).await?;
            let seen =
                seen.ok_or_else(|| missing(format!("there is no launch template {source}")))?;
            let base64 = seen
                .base64
                .ok_or_else(|| missing(format!("the launch template {source} has no user data")))?;
            Ok(UserDataInput {
                source,
                bytes: base64.into_bytes(),
                origin: match seen.image {
                    Some(_) => Origin::TemplateWithImage,
                    None => Origin::TemplateWithoutImage,
                },
                instance_type: seen.instance_type,
            })
        }
        UserDataSource::Instance(instance) => {
            let aws = Aws::connect(settings).await?;
            let seen = aws.user_data_of_instance(instance).await?;
            let base64 = seen
                .base64
                .ok_or_else(|| missing(format!("the instance {instance} has no user data")))?;
            Ok(UserDataInput {
                source: instance.clone(),
                bytes: base64.into_bytes(),
                origin: Origin::Instance,
                instance_type: seen.instance_type,
            })
        }
    }
}

/// The name of the source, and its bytes. One byte more than the limit is enough to refuse it.
fn read(source: &Source) -> Result<(String, Vec<u8>)> {
    let limit = u64::try_from(MAX_INPUT)
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    let limited = |input: &mut dyn Read| -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        input.take(limit).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let (name, read) = match source {
        Source::Stdin => ("stdin".to_owned(), limited(&mut io::stdin().lock())),
        Source::File(path) => (
            path.display().to_string(),
            File::open(path).and_then(|mut file| limited(&mut file)),
        ),
    };
    match read {
        Ok(bytes) => Ok((name, bytes)),
        Err(source) => Err(Error::Read { name, source }),
    }
}

impl Report for Explained {
    fn write(&self, page: &mut Page) {
        let Explanation {
            size,
            encodings,
            parts,
            join,
            gate,
            findings,
        } = &self.explanation;
        page.paragraph(&[
            (STRONG, &self.source),
            (Style::new(), &format!("{size} bytes{}", encoded(encodings))),
        ]);
        page.blank();
        self.write_join(page);
        if let Some(gate) = gate {
            let networks = gate.networks.iter().map(|network| network.network.as_str());
            let networks: Vec<_> = networks.collect();
            let text = format!("waits for {} ({})", networks.join(", "), gate.from);
            page.table(LABEL, &[("Gate       ", &text)]);
        }
        for (name, list) in [
            (
                "Labels",
                join.labels
                    .iter()
                    .map(|one| format!("{}={}", one.key, one.value))
                    .collect::<Vec<_>>(),
            ),
            (
                "Taints",
                join.taints
                    .iter()
                    .map(|one| format!("{}={}:{}", one.key, one.value, one.effect))
                    .collect(),
            ),
        ] {
            if !list.is_empty() {
                page.blank();
                page.paragraph(&[(STRONG, name)]);
                for one in &list {
                    page.indented(&[(Style::new(), one)]);
                }
            }
        }
        page.blank();
        let rows: Vec<Vec<String>> = parts
            .iter()
            .map(|part| {
                let readers = part.read_by.iter().map(|reader| reader.name());
                let readers: Vec<_> = readers.collect();
                vec![
                    part.number.clone(),
                    part.kind.name().to_owned(),
                    format!("{}{}", part.bytes, encoded(&part.encodings)),
                    match readers.is_empty() {
                        true => "nobody".to_owned(),
                        false => readers.join(", "),
                    },
                ]
            })
            .collect();
        page.grid(LABEL, &["PART", "IS", "BYTES", "READ BY"], &rows);
        page.blank();
        if findings.is_empty() {
            page.paragraph(&[(GOOD, "Nothing is wrong with it.")]);
            return;
        }
        page.paragraph(&[(STRONG, "Findings")]);
        for finding in findings {
            write_finding(page, finding);
        }
    }
}

impl Explained {
    fn write_join(&self, page: &mut Page) {
        let join = &self.explanation.join;
        let bootstrap = join.bootstrap.to_string();
        let settings = [
            ("Cluster", &join.cluster),
            ("API server", &join.endpoint),
            ("Authority", &join.certificate_authority),
            ("Services", &join.service_cidr),
            ("DNS server", &join.cluster_dns),
            ("maxPods", &join.max_pods),
        ];
        let mut rows = vec![("Joins by   ", bootstrap)];
        rows.extend(
            settings
                .into_iter()
                .filter_map(|(name, setting)| Some((name, said(setting.as_ref()?)))),
        );
        if let (Some(pods), Some(name)) = (join.max_pods_on_type, &self.instance_type) {
            rows.push(("", format!("which is {pods} on {name}")));
        }
        let rows: Vec<_> = rows
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        page.table(LABEL, &rows);
    }
}

/// A value, where it is from, and which others it wins over.
fn said(setting: &Setting) -> String {
    let mut text = format!("{} ({})", setting.value, setting.from);
    let others = setting.overrides.iter();
    let others: Vec<_> = others
        .map(|one| format!("{} ({})", one.value, one.from))
        .collect();
    if !others.is_empty() {
        text.push_str(&format!("; it wins over {}", others.join(", ")));
    }
    text
}

fn encoded(encodings: &Encodings) -> String {
    let names = encodings.0.iter().map(|encoding| encoding.name());
    let names: Vec<_> = names.collect();
    match names.is_empty() {
        true => String::new(),
        false => format!(", in {}", names.join(" of ")),
    }
}

fn write_finding(page: &mut Page, finding: &Finding) {
    let (style, name) = match finding.severity {
        Severity::Problem => (BAD, "problem:"),
        Severity::Warning => (STRONG, "warning:"),
        Severity::Note => (LABEL, "note:"),
    };
    let at = finding.at.as_deref().map(|at| format!("{at}:"));
    let mut pieces = vec![(Style::new(), "-"), (style, name)];
    pieces.extend(at.as_deref().map(|at| (STRONG, at)));
    pieces.push((Style::new(), &finding.message));
    page.paragraph(&pieces);
}
