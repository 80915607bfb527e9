//! What launches need beside the network: the state machine, its functions, and quotas.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_lambda::types::FunctionVersion;
use aws_smithy_runtime_api::client::result::SdkError;
use hookline_domain::execution::names::StateMachine;
use serde_json::Value;

use super::{Aws, Error};
use crate::observed::account::{Concurrency, Machine, Revision};
use crate::observed::function::{Function, FunctionRef, release_of};

/// The quota *Network interfaces per Region* of Amazon VPC (`aws service-quotas list-service-quotas
/// --service-code vpc`).
const NETWORK_INTERFACES: (&str, &str) = ("vpc", "L-DF5E4CA3");
/// The most functions of a page (Lambda API Reference, ListFunctions: 50 come in any case).
const FUNCTIONS_OF_A_PAGE: i32 = 50;
/// The most pages that are read. What is not on them is looked up by its name.
const MAX_PAGES: usize = 3;

impl Aws {
    /// What the definition of a state machine says (DescribeStateMachine).
    ///
    /// # Errors
    /// Returns why the call failed.
    pub(crate) async fn machine(&self, machine: &StateMachine) -> Result<Machine, Error> {
        let call = self
            .sfn
            .describe_state_machine()
            .state_machine_arn(machine.arn());
        let found = self.answer("states:DescribeStateMachine", call.send().await)?;
        let definition: Value = serde_json::from_str(&found.definition).unwrap_or_default();
        Ok(Machine {
            role: found.role_arn,
            functions: functions_of(&definition).into_iter().collect(),
            timeout_seconds: definition.get("TimeoutSeconds").and_then(Value::as_i64),
        })
    }

    /// The definition with which an execution began (DescribeStateMachineForExecution); `None` if
    /// there is no such execution.
    ///
    /// # Errors
    /// Returns why the call failed.
    pub(crate) async fn definition_of(&self, execution: &str) -> Result<Option<Revision>, Error> {
        let call = self.sfn.describe_state_machine_for_execution();
        let answer = call.execution_arn(execution).send().await;
        if let Err(SdkError::ServiceError(error)) = &answer
            && error.err().is_execution_does_not_exist()
        {
            return Ok(None);
        }
        let found = self.answer("states:DescribeStateMachineForExecution", answer)?;
        let definition: Value = serde_json::from_str(&found.definition).unwrap_or_default();
        Ok(Some(Revision {
            id: found.revision_id,
            functions: functions_of(&definition),
        }))
    }

    /// The functions on the first pages of all, with their published versions, and whether these
    /// are all (ListFunctions). Aliases are not listed.
    ///
    /// # Errors
    /// Returns why a call failed.
    pub(crate) async fn functions(&self) -> Result<(BTreeMap<FunctionRef, Function>, bool), Error> {
        let mut found = BTreeMap::new();
        let mut marker = None;
        for _ in 0..MAX_PAGES {
            let call = self
                .lambda
                .list_functions()
                .function_version(FunctionVersion::All)
                .max_items(FUNCTIONS_OF_A_PAGE)
                .set_marker(marker);
            let page = self.answer("lambda:ListFunctions", call.send().await)?;
            let functions = page.functions.unwrap_or_default().into_iter();
            found.extend(functions.filter_map(|it| {
                let reference = FunctionRef::new(&it.function_name?, it.version.as_deref());
                let function = function(it.role?, it.description, it.code_sha256);
                Some((reference, function))
            }));
            marker = page.next_marker.filter(|marker| !marker.is_empty());
            if marker.is_none() {
                return Ok((found, true));
            }
        }
        Ok((found, false))
    }

    /// A function, or a version of one; `None` if there is none (GetFunctionConfiguration).
    ///
    /// # Errors
    /// Returns why the call failed.
    pub(crate) async fn function(&self, of: &FunctionRef) -> Result<Option<Function>, Error> {
        let call = self.lambda.get_function_configuration();
        let call = call.function_name(&of.name);
        let call = call.set_qualifier(of.qualifier.clone());
        let answer = call.send().await;
        if let Err(SdkError::ServiceError(error)) = &answer
            && error.err().is_resource_not_found_exception()
        {
            return Ok(None);
        }
        let found = self.answer("lambda:GetFunctionConfiguration", answer)?;
        let role = found.role.unwrap_or_default();
        Ok(Some(function(role, found.description, found.code_sha256)))
    }

    /// How many interfaces the Region may have (GetServiceQuota; GetAWSDefaultServiceQuota where
    /// the account has no value of its own).
    ///
    /// # Errors
    /// Returns why a call failed.
    pub(crate) async fn interface_quota(&self) -> Result<Option<u64>, Error> {
        let (service, code) = NETWORK_INTERFACES;
        let call = self.quotas.get_service_quota();
        let answer = call.service_code(service).quota_code(code).send().await;
        let own = match &answer {
            Err(SdkError::ServiceError(error)) if error.err().is_no_such_resource_exception() => {
                None
            }
            _ => self.answer("servicequotas:GetServiceQuota", answer)?.quota,
        };
        let quota = match own {
            Some(own) => Some(own),
            None => {
                let call = self.quotas.get_aws_default_service_quota();
                let answer = call.service_code(service).quota_code(code).send().await;
                self.answer("servicequotas:GetAWSDefaultServiceQuota", answer)?
                    .quota
            }
        };
        Ok(quota.and_then(|quota| quota.value).map(whole))
    }

    /// How many invocations may run at once (GetAccountSettings).
    ///
    /// # Errors
    /// Returns why the call failed.
    pub(crate) async fn concurrency(&self) -> Result<Option<Concurrency>, Error> {
        let call = self.lambda.get_account_settings();
        let answer = self.answer("lambda:GetAccountSettings", call.send().await)?;
        Ok(answer.account_limit.map(|limit| {
            let all = limit.concurrent_executions;
            Concurrency {
                limit: count(all),
                unreserved: count(limit.unreserved_concurrent_executions.unwrap_or(all)),
            }
        }))
    }

    /// The reserved concurrency of a function, if it has one (GetFunctionConcurrency).
    ///
    /// # Errors
    /// Returns why the call failed.
    pub(crate) async fn reserved_concurrency(&self, name: &str) -> Result<Option<u64>, Error> {
        let call = self.lambda.get_function_concurrency().function_name(name);
        let answer = self.answer("lambda:GetFunctionConcurrency", call.send().await)?;
        Ok(answer.reserved_concurrent_executions.map(count))
    }
}

fn count(number: i32) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

/// A quota is a number with a fraction in the API, and a whole one here.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // `as` stays within the bounds
fn whole(value: f64) -> u64 {
    value.max(0.0) as u64
}

fn function(role: String, description: Option<String>, code: Option<String>) -> Function {
    Function {
        role,
        release: description.as_deref().and_then(release_of),
        code,
    }
}

/// Every function that a definition names: as the resource of a task, or as a parameter of
/// `lambda:invoke`.
fn functions_of(definition: &Value) -> BTreeSet<FunctionRef> {
    let mut functions = BTreeSet::new();
    collect_functions(definition, &mut functions);
    functions
}

fn collect_functions(value: &Value, found: &mut BTreeSet<FunctionRef>) {
    match value {
        Value::String(text) => found.extend(FunctionRef::of_arn(text)),
        Value::Array(items) => items.iter().for_each(|item| collect_functions(item, found)),
        Value::Object(fields) => {
            if let Some(name) = fields.get("FunctionName").and_then(Value::as_str)
                && !name.contains(":function:")
            {
                found.extend(FunctionRef::of_name(name));
            }
            fields
                .values()
                .for_each(|value| collect_functions(value, found));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn functions_of_a_definition_are_found_in_each_form() {
        let definition = json!({"States": {
            "A": {"Resource": "arn:aws:lambda:us-west-2:123456789012:function:hookline-a"},
            "B": {"Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "hookline-b:live"}},
            "C": {"Parameters": {"FunctionName": "arn:aws-cn:lambda:cn-north-1:123456789012:function:hookline-c:7"}},
            "D": {"Branches": [{"Resource": "arn:aws:lambda:us-west-2:123456789012:function:hookline-a"}]},
            "E": {"Resource": "arn:aws:states:::ec2:describeInstances"},
        }});
        let found = functions_of(&definition);
        let found: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, ["hookline-a", "hookline-b:live", "hookline-c:7"]);
    }
}
