//! The errors of a call that is not allowed, in the words of each service.
//!
//! EC2 (User Guide, "Troubleshooting Amazon EC2 instance launch issues", and as reported in
//! terraform-aws-modules/terraform-aws-iam, issue 630): status 403, `UnauthorizedOperation`, with an
//! encoded message. Auto Scaling (mattclay/aws-terminator, pull request 203): `AccessDenied`, status
//! 403. CloudWatch (prometheus-community/yet-another-cloudwatch-exporter, issue 57): the same. Step
//! Functions (FormidableLabs/aws-lambda-serverless-reference, issue 31) and the other JSON
//! services: `AccessDeniedException`, status 400. Lambda and EKS: the same code, status 403.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::policy::{AuthorizationRequest, Decision};
use crate::service::Service;
use crate::wire::error::ApiError;

/// The error for a request of a role that its policies do not allow.
pub(crate) fn denied(
    service: &Service,
    role_arn: &str,
    request: &AuthorizationRequest,
    decision: Decision,
) -> ApiError {
    let action = &request.action;
    let resource = match request.resource.as_str() {
        "*" => String::new(),
        arn => format!(" on resource: {arn}"),
    };
    let reason = match decision {
        Decision::ExplicitlyDenied => {
            "with an explicit deny in an identity-based policy".to_owned()
        }
        _ => format!("because no identity-based policy allows the {action} action"),
    };
    let user = session_of(role_arn);
    let message = format!("User: {user} is not authorized to perform: {action}{resource} {reason}");
    match service {
        Service::Ec2 => ApiError::with_status(
            403,
            "UnauthorizedOperation",
            format!(
                "You are not authorized to perform this operation. {message}. Encoded authorization failure message: {}",
                encoded(&user, request, decision)
            ),
        ),
        Service::AutoScaling
        | Service::Sts
        | Service::Iam
        | Service::CloudWatch
        | Service::CloudFormation => ApiError::with_status(403, "AccessDenied", message),
        Service::Lambda | Service::Eks => {
            ApiError::with_status(403, "AccessDeniedException", message)
        }
        Service::Events
        | Service::Sqs
        | Service::States
        | Service::Quotas
        | Service::Forwarded(_) => ApiError::new("AccessDeniedException", message),
    }
}

/// The ARN of a session of a role: `arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION`.
pub(crate) fn session_of(role_arn: &str) -> String {
    let name = role_arn.rsplit('/').next().unwrap_or_default();
    let mut parts = role_arn.split(':').skip(1);
    let partition = parts.next().unwrap_or_default();
    let account = parts.nth(2).unwrap_or_default();
    format!("arn:{partition}:sts::{account}:assumed-role/{name}/hookline-local")
}

/// What `sts:DecodeAuthorizationMessage` returns for a denied call (AWS STS API Reference). On AWS
/// it is encrypted; here it is only encoded.
fn encoded(user: &str, request: &AuthorizationRequest, decision: Decision) -> String {
    let conditions: Vec<Value> = request
        .context
        .iter()
        .map(|(key, values)| {
            let values: Vec<Value> = values.iter().map(|value| json!({"value": value})).collect();
            json!({"key": key, "values": {"items": values}})
        })
        .collect();
    let message = json!({
        "allowed": false,
        "explicitDeny": decision == Decision::ExplicitlyDenied,
        "matchedStatements": {"items": []},
        "failures": {"items": []},
        "context": {
            "principal": {"arn": user},
            "action": request.action,
            "resource": request.resource,
            "conditions": {"items": conditions},
        },
    });
    URL_SAFE_NO_PAD.encode(message.to_string())
}

/// The error for a call of a role whose action is not in the table: it is neither allowed nor
/// denied by guess.
pub(crate) fn not_known(service: &Service, action: &str) -> ApiError {
    ApiError::with_status(
        501,
        "NotImplemented",
        format!(
            "The fake AWS does not know which resources IAM authorises {}:{action} on, so no role may call it.",
            service.name()
        ),
    )
}

/// The error for credentials of a role that does not exist (EC2 Developer Guide, "Error codes";
/// IAM, "Common errors").
pub(crate) fn unknown_role(service: &Service) -> ApiError {
    match service {
        Service::Ec2 => ApiError::with_status(
            401,
            "AuthFailure",
            "AWS was not able to validate the provided access credentials",
        ),
        Service::AutoScaling
        | Service::Sts
        | Service::Iam
        | Service::CloudWatch
        | Service::CloudFormation => ApiError::with_status(
            403,
            "InvalidClientTokenId",
            "The security token included in the request is invalid",
        ),
        _ => ApiError::with_status(
            403,
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iam::Context;

    const ROLE: &str = "arn:aws:iam::123456789012:role/hookline-release-interfaces";

    fn request(resource: &str) -> AuthorizationRequest {
        AuthorizationRequest {
            action: "ec2:DeleteNetworkInterface".to_owned(),
            resource: resource.to_owned(),
            context: Context::default(),
        }
    }

    #[test]
    fn each_service_answers_in_its_own_words() {
        let arn = "arn:aws:ec2:us-west-2:123456789012:network-interface/eni-1";
        for (service, status, code) in [
            (Service::Ec2, 403, "UnauthorizedOperation"),
            (Service::AutoScaling, 403, "AccessDenied"),
            (Service::States, 400, "AccessDeniedException"),
            (Service::Lambda, 403, "AccessDeniedException"),
        ] {
            let error = denied(&service, ROLE, &request(arn), Decision::ImplicitlyDenied);
            assert_eq!((error.status, error.code.as_ref()), (status, code));
            let words = "User: arn:aws:sts::123456789012:assumed-role/hookline-release-interfaces/hookline-local is \
                         not authorized to perform: ec2:DeleteNetworkInterface on resource: arn:aws:ec2:us-west-2:\
                         123456789012:network-interface/eni-1 because no identity-based policy allows the \
                         ec2:DeleteNetworkInterface action";
            assert!(error.message.contains(words), "{}", error.message);
        }
    }

    #[test]
    fn message_of_ec2_can_be_decoded() {
        let error = denied(
            &Service::Ec2,
            ROLE,
            &request("*"),
            Decision::ExplicitlyDenied,
        );
        assert!(
            error.message.contains("with an explicit deny"),
            "{}",
            error.message
        );
        let (_, encoded) = error.message.rsplit_once(": ").unwrap();
        let decoded: Value =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(encoded).unwrap()).unwrap();
        assert_eq!(decoded["explicitDeny"], true);
        assert_eq!(decoded["context"]["action"], "ec2:DeleteNetworkInterface");
    }
}
