//! The rules of the default bus, the calls that change them, and the table of all calls.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::delivery::RuleName;
use super::pattern::Pattern;
use super::targets::Target;
use super::{EventBridge, put_events, schedule, targets};
use crate::LocalAws;
use crate::local_aws::lock;
use crate::wire::error::ApiError;

#[derive(Debug, Default)]
pub(super) struct Rules {
    rules: BTreeMap<String, Rule>,
    versions: u64,
}

#[derive(Debug)]
pub(super) struct Rule {
    arn: String,
    description: Option<String>,
    pattern: Option<(String, Pattern)>,
    schedule: Option<String>,
    enabled: bool,
    role_arn: Option<String>,
    /// In the order in which they were put.
    pub(super) targets: Vec<Target>,
    /// Changes with every PutRule. A schedule's task ends when its rule has another version.
    version: u64,
}

impl Rules {
    /// The targets of all enabled rules that match the event.
    pub(super) fn matching(&self, event: &Value) -> Vec<(RuleName, Target)> {
        self.rules
            .iter()
            .filter(|(_, rule)| {
                rule.enabled
                    && rule
                        .pattern
                        .as_ref()
                        .is_some_and(|(_, pattern)| pattern.matches(event))
            })
            .flat_map(|(name, rule)| {
                rule.targets.iter().map(|target| {
                    (
                        RuleName {
                            name: name.clone(),
                            arn: rule.arn.clone(),
                        },
                        target.clone(),
                    )
                })
            })
            .collect()
    }

    /// The targets of a scheduled rule. `None` if the rule no longer has this version.
    pub(super) fn scheduled(&self, name: &str, version: u64) -> Option<Vec<Target>> {
        let rule = self
            .rules
            .get(name)
            .filter(|rule| rule.version == version)?;
        Some(if rule.enabled {
            rule.targets.clone()
        } else {
            Vec::new()
        })
    }

    pub(super) fn get(&mut self, name: &str) -> Result<&mut Rule, ApiError> {
        self.rules.get_mut(name).ok_or_else(|| {
            ApiError::new(
                "ResourceNotFoundException",
                format!("Rule {name} does not exist on EventBus default."),
            )
        })
    }
}

/// Answers one call of the EventBridge API.
pub(crate) async fn act(local: &LocalAws, action: &str, body: Value) -> Result<Value, ApiError> {
    let bus = local.eventbridge();
    match action {
        "PutRule" => put_rule(local, read(body)?),
        "DeleteRule" => delete_rule(bus, &read(body)?),
        "DescribeRule" => describe_rule(local, &read(body)?),
        "ListRules" => list_rules(bus, &read(body)?),
        "EnableRule" => enable_rule(bus, &read(body)?, true),
        "DisableRule" => enable_rule(bus, &read(body)?, false),
        "PutTargets" => targets::put(bus, read(body)?),
        "RemoveTargets" => targets::remove(bus, &read(body)?),
        "ListTargetsByRule" => targets::list(bus, &read(body)?),
        "PutEvents" => put_events::put(local, read(body)?),
        "TestEventPattern" => put_events::test_pattern(&read(body)?),
        _ => Err(ApiError::new(
            "UnknownOperationException",
            format!("The operation {action} is not known"),
        )),
    }
}

pub(super) fn read<T: DeserializeOwned>(body: Value) -> Result<T, ApiError> {
    serde_json::from_value(body)
        .map_err(|error| ApiError::new("ValidationException", error.to_string()))
}

pub(super) fn on_default_bus(name: Option<&String>) -> Result<(), ApiError> {
    match name.map(|name| name.rsplit('/').next().unwrap_or_default()) {
        None | Some("default") => Ok(()),
        Some(other) => Err(ApiError::new(
            "ResourceNotFoundException",
            format!("Event bus {other} does not exist."),
        )),
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct PutRule {
    name: String,
    schedule_expression: Option<String>,
    event_pattern: Option<String>,
    state: Option<String>,
    description: Option<String>,
    role_arn: Option<String>,
    #[serde(rename = "Tags")]
    _tags: Option<Value>,
    event_bus_name: Option<String>,
}

fn put_rule(local: &LocalAws, call: PutRule) -> Result<Value, ApiError> {
    on_default_bus(call.event_bus_name.as_ref())?;
    let name_fits = (1..=64).contains(&call.name.len())
        && call
            .name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
    if !name_fits {
        return Err(invalid(format!(
            "1 validation error detected: Value '{}' at 'name' failed to satisfy constraint: Member must satisfy \
             regular expression pattern: [\\.\\-_A-Za-z0-9]+",
            call.name
        )));
    }
    let enabled = match call.state.as_deref() {
        None | Some("ENABLED" | "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS") => true,
        Some("DISABLED") => false,
        Some(other) => {
            return Err(invalid(format!(
                "Value '{other}' at 'state' failed to satisfy constraint"
            )));
        }
    };
    let pattern = match call.event_pattern {
        Some(text) => {
            let pattern = Pattern::parse(&text).map_err(|error| {
                ApiError::new("InvalidEventPatternException", error.to_string())
            })?;
            Some((text, pattern))
        }
        None => None,
    };
    let every = match &call.schedule_expression {
        Some(expression) => Some(schedule::parse(expression).ok_or_else(|| {
            invalid("Parameter ScheduleExpression is not valid. (The fake AWS has only rate(…).)")
        })?),
        None => None,
    };
    if pattern.is_none() && every.is_none() {
        return Err(invalid(
            "Parameter(s) EventPattern or ScheduleExpression must be specified.",
        ));
    }
    let arn = local.with_world(|world| {
        format!(
            "arn:aws:events:{}:{}:rule/{}",
            world.kernel.settings.region, world.kernel.settings.account, call.name
        )
    });
    let version = {
        let mut state = lock(&local.eventbridge().state);
        state.rules.versions += 1;
        let version = state.rules.versions;
        let targets = state
            .rules
            .rules
            .remove(&call.name)
            .map(|rule| rule.targets)
            .unwrap_or_default();
        state.rules.rules.insert(
            call.name.clone(),
            Rule {
                arn: arn.clone(),
                description: call.description,
                pattern,
                schedule: call.schedule_expression,
                enabled,
                role_arn: call.role_arn,
                targets,
                version,
            },
        );
        version
    };
    if let Some(every) = every {
        schedule::start(
            local.downgrade(),
            RuleName {
                name: call.name,
                arn: arn.clone(),
            },
            version,
            every,
        );
    }
    Ok(json!({ "RuleArn": arn }))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct OneRule {
    name: String,
    event_bus_name: Option<String>,
    #[serde(rename = "Force")]
    _force: Option<bool>,
}

fn delete_rule(bus: &EventBridge, call: &OneRule) -> Result<Value, ApiError> {
    on_default_bus(call.event_bus_name.as_ref())?;
    let mut state = lock(&bus.state);
    if state
        .rules
        .rules
        .get(&call.name)
        .is_some_and(|rule| !rule.targets.is_empty())
    {
        return Err(invalid("Rule can't be deleted since it has targets."));
    }
    // Deleting a rule that does not exist succeeds, as on AWS.
    state.rules.rules.remove(&call.name);
    Ok(json!({}))
}

fn describe_rule(local: &LocalAws, call: &OneRule) -> Result<Value, ApiError> {
    on_default_bus(call.event_bus_name.as_ref())?;
    let account = local.with_world(|world| world.kernel.settings.account.clone());
    let mut state = lock(&local.eventbridge().state);
    let mut description = state.rules.get(&call.name)?.describe(&call.name);
    if let Some(fields) = description.as_object_mut() {
        fields.insert("CreatedBy".to_owned(), Value::from(account));
    }
    Ok(description)
}

impl Rule {
    fn describe(&self, name: &str) -> Value {
        let mut fields = serde_json::Map::new();
        let mut put = |name: &str, value: Option<&str>| {
            if let Some(value) = value {
                fields.insert(name.to_owned(), Value::from(value));
            }
        };
        put("Name", Some(name));
        put("Arn", Some(&self.arn));
        put(
            "EventPattern",
            self.pattern.as_ref().map(|(text, _)| text.as_str()),
        );
        put("ScheduleExpression", self.schedule.as_deref());
        put(
            "State",
            Some(if self.enabled { "ENABLED" } else { "DISABLED" }),
        );
        put("Description", self.description.as_deref());
        put("RoleArn", self.role_arn.as_deref());
        put("EventBusName", Some("default"));
        Value::Object(fields)
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ListRules {
    name_prefix: Option<String>,
    event_bus_name: Option<String>,
    next_token: Option<String>,
    limit: Option<usize>,
}

fn list_rules(bus: &EventBridge, call: &ListRules) -> Result<Value, ApiError> {
    on_default_bus(call.event_bus_name.as_ref())?;
    let state = lock(&bus.state);
    let prefix = call.name_prefix.as_deref().unwrap_or_default();
    let rules: Vec<Value> = state
        .rules
        .rules
        .iter()
        .filter(|(name, _)| name.starts_with(prefix))
        .map(|(name, rule)| rule.describe(name))
        .collect();
    page("Rules", rules, call.next_token.as_ref(), call.limit)
}

/// A page of a list. The token is the position of the next page.
pub(super) fn page(
    name: &str,
    all: Vec<Value>,
    token: Option<&String>,
    limit: Option<usize>,
) -> Result<Value, ApiError> {
    let from: usize = match token {
        Some(token) => token
            .parse()
            .map_err(|_| invalid("NextToken is not valid."))?,
        None => 0,
    };
    let limit = match limit {
        Some(limit @ 1..=100) => limit,
        None => 100,
        Some(_) => return Err(invalid("Limit must be between 1 and 100.")),
    };
    let count = all.len();
    let end = from.saturating_add(limit);
    let mut answer = serde_json::Map::new();
    answer.insert(
        name.to_owned(),
        all.into_iter().skip(from).take(limit).collect(),
    );
    if end < count {
        answer.insert("NextToken".to_owned(), Value::from(end.to_string()));
    }
    Ok(Value::Object(answer))
}

fn enable_rule(bus: &EventBridge, call: &OneRule, enabled: bool) -> Result<Value, ApiError> {
    on_default_bus(call.event_bus_name.as_ref())?;
    lock(&bus.state).rules.get(&call.name)?.enabled = enabled;
    Ok(json!({}))
}

pub(super) fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationException", message)
}
