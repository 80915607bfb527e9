//! IAM's own API: GetRole, ListRoles and GetAccountAuthorizationDetails for a look at roles, GetPolicy and
//! GetPolicyVersion for managed policies, SimulateCustomPolicy and SimulatePrincipalPolicy (IAM API
//! Reference).

use serde_json::{Value, json};

use super::roles::{Iam, LOCAL_ROLE};
use super::simulate;
use crate::wire::error::ApiError;
use crate::wire::query::Params;
use crate::wire::xml::Xml;

/// Answers one call with the inner XML of its result element.
pub(crate) fn act(iam: &Iam, action: &str, params: &mut Params) -> Result<String, ApiError> {
    match action {
        "GetRole" => get(iam, params),
        "ListRoles" => list(iam, params),
        "GetAccountAuthorizationDetails" => authorization_details(iam, params),
        "GetPolicy" => policy(iam, params),
        "GetPolicyVersion" => policy_version(iam, params),
        "SimulateCustomPolicy" => simulate::custom_policy(params),
        "SimulatePrincipalPolicy" => simulate::principal_policy(iam, params),
        _ => Err(ApiError::invalid_action(action)),
    }
}

/// The ARNs of all roles, in the order of ListRoles: by name.
fn arns(iam: &Iam) -> Vec<String> {
    let mut arns: Vec<String> = iam.roles().iter().map(|role| role.arn.clone()).collect();
    arns.push(LOCAL_ROLE.to_owned());
    arns.sort_by(|a, b| name(a).cmp(name(b)));
    arns.dedup();
    arns
}

fn name(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or_default()
}

fn get(iam: &Iam, params: &mut Params) -> Result<String, ApiError> {
    let wanted = params.required_str("RoleName")?;
    params.finish()?;
    let arns = arns(iam);
    let found = arns.iter().find(|arn| name(arn) == wanted);
    let arn = found.ok_or_else(|| {
        ApiError::with_status(
            404,
            "NoSuchEntity",
            format!("The role with name {wanted} cannot be found."),
        )
    })?;
    let mut xml = Xml::new();
    xml.element("Role", |xml| write(iam, xml, arn));
    Ok(xml.into_string())
}

fn list(iam: &Iam, params: &mut Params) -> Result<String, ApiError> {
    let page = Page::read(iam, params)?;
    params.finish()?;
    let mut xml = Xml::new();
    xml.text("IsTruncated", page.next.is_some());
    xml.members("Roles", &page.arns, |xml, arn| write(iam, xml, arn));
    xml.optional("Marker", page.next.as_deref());
    Ok(xml.into_string())
}

/// The only version of a managed policy.
const VERSION: &str = "v1";

fn policy(iam: &Iam, params: &mut Params) -> Result<String, ApiError> {
    let arn = params.required_str("PolicyArn")?;
    params.finish()?;
    // The API Reference has no text; this one is in public output of `aws iam get-policy`.
    iam.policy(&arn)
        .ok_or_else(|| no_such_entity(format!("Policy {arn} was not found.")))?;
    let mut xml = Xml::new();
    xml.element("Policy", |xml| {
        xml.text("PolicyName", name(&arn));
        xml.text("Arn", &arn);
        xml.text("DefaultVersionId", VERSION);
        xml.text("AttachmentCount", 0);
        xml.text("IsAttachable", true);
    });
    Ok(xml.into_string())
}

fn policy_version(iam: &Iam, params: &mut Params) -> Result<String, ApiError> {
    let arn = params.required_str("PolicyArn")?;
    let version = params.required_str("VersionId")?;
    params.finish()?;
    let document = iam.policy(&arn).filter(|_| version == VERSION);
    // The code is documented (IAM API Reference, GetPolicyVersion); the text is the fake's own.
    let document = document.ok_or_else(|| {
        no_such_entity(format!(
            "Policy {arn} has no version {version}, or is not there."
        ))
    })?;
    let mut xml = Xml::new();
    xml.element("PolicyVersion", |xml| {
        xml.text("Document", url_encoded(&document.to_string()));
        xml.text("VersionId", VERSION);
        xml.text("IsDefaultVersion", true);
    });
    Ok(xml.into_string())
}

fn no_such_entity(message: String) -> ApiError {
    ApiError::with_status(404, "NoSuchEntity", message)
}

/// Roles with their policies, which are inline. The fake AWS has no users and groups, and shows no managed
/// policies here.
fn authorization_details(iam: &Iam, params: &mut Params) -> Result<String, ApiError> {
    let filter = params.list("Filter.member");
    let mut page = Page::read(iam, params)?;
    params.finish()?;
    if !filter.is_empty() && !filter.iter().any(|kind| kind == "Role") {
        page = Page::default();
    }
    let mut xml = Xml::new();
    xml.text("IsTruncated", page.next.is_some());
    xml.element("UserDetailList", |_| {});
    xml.element("GroupDetailList", |_| {});
    xml.members("RoleDetailList", &page.arns, |xml, arn| {
        write(iam, xml, arn);
        let documents = documents(iam, arn).into_iter().enumerate();
        xml.members("RolePolicyList", documents, |xml, (n, document)| {
            xml.text("PolicyName", format!("policy-{n}"));
            xml.text("PolicyDocument", url_encoded(&document.to_string()));
        });
        xml.element("AttachedManagedPolicies", |_| {});
        xml.element("InstanceProfileList", |_| {});
    });
    xml.element("Policies", |_| {});
    xml.optional("Marker", page.next.as_deref());
    Ok(xml.into_string())
}

/// The documents of a role. The calls of a function that was registered without one are not
/// restricted.
fn documents(iam: &Iam, arn: &str) -> Vec<Value> {
    match iam.role(arn) {
        Some(role) => {
            let policies = role.policies.iter();
            policies.map(|policy| policy.document().clone()).collect()
        }
        None => vec![json!({
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
        })],
    }
}

/// URL-encodes by RFC 3986, as IAM does with documents.
fn url_encoded(text: &str) -> String {
    let encoded: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
    encoded.replace('+', "%20")
}

/// The ARNs of roles on a page, and the marker of the next one.
#[derive(Default)]
struct Page {
    arns: Vec<String>,
    next: Option<String>,
}

impl Page {
    /// MaxItems is 1 to 1,000, and 100 by default. A Marker is the name after which the page
    /// begins.
    fn read(iam: &Iam, params: &mut Params) -> Result<Self, ApiError> {
        let most = max_items(params)?;
        let after = params.str("Marker").unwrap_or_default();
        let mut arns = arns(iam);
        arns.retain(|arn| name(arn) > after.as_str());
        let truncated = arns.len() > most;
        arns.truncate(most);
        let last = arns.last().filter(|_| truncated);
        Ok(Self {
            next: last.map(|arn| name(arn).to_owned()),
            arns,
        })
    }
}

fn max_items(params: &mut Params) -> Result<usize, ApiError> {
    match params.u32("MaxItems")? {
        None => Ok(100),
        Some(most) if (1..=1000).contains(&most) => Ok(usize::try_from(most).unwrap_or(100)),
        Some(other) => Err(ApiError::new(
            "ValidationError",
            format!(
                "1 validation error detected: Value '{other}' at 'maxItems' failed to satisfy constraint"
            ),
        )),
    }
}

fn write(iam: &Iam, xml: &mut Xml, arn: &str) {
    let path = arn.split_once(":role").map_or("/", |(_, rest)| {
        rest.rsplit_once('/').map_or("/", |(path, _)| path)
    });
    let path = match path {
        "" => "/".to_owned(),
        path => format!("{}/", path.trim_end_matches('/')),
    };
    xml.text("Path", path);
    xml.text("RoleName", name(arn));
    xml.text("RoleId", "AROALOCALROLE00000000");
    xml.text("Arn", arn);
    xml.text("CreateDate", "2026-01-01T00:00:00Z");
    // "URL-encoded compliant with RFC 3986" (IAM API Reference, Role).
    if let Some(trust) = iam.trust(arn) {
        xml.text("AssumeRolePolicyDocument", url_encoded(&trust.to_string()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iam::{Policy, Role};
    use crate::wire::query::Dialect;

    fn call(action: &str, params: &str) -> Result<String, ApiError> {
        let iam = Iam::default();
        for name in ["b", "path/c"] {
            iam.put_role(Role {
                arn: format!("arn:aws:iam::123456789012:role/{name}"),
                policies: Vec::new(),
            });
        }
        act(
            &iam,
            action,
            &mut Params::parse(Dialect::Query, "", params.as_bytes()),
        )
    }

    #[test]
    fn role_is_found_by_its_name_and_another_one_is_not() {
        let found = call("GetRole", "RoleName=c").unwrap();
        assert!(
            found.contains("<Path>/path/</Path><RoleName>c</RoleName>"),
            "{found}"
        );
        let missing = call("GetRole", "RoleName=d").unwrap_err();
        assert_eq!((missing.status, &*missing.code), (404, "NoSuchEntity"));
    }

    #[test]
    fn policy_that_is_not_there_is_told_by_each_action() {
        let arn = "arn:aws:iam::123456789012:policy/gone";
        let gone = call("GetPolicy", &format!("PolicyArn={arn}")).unwrap_err();
        assert_eq!((gone.status, &*gone.code), (404, "NoSuchEntity"));
        assert_eq!(gone.message, format!("Policy {arn} was not found."));
        let version = format!("PolicyArn={arn}&VersionId=v1");
        let gone = call("GetPolicyVersion", &version).unwrap_err();
        assert_eq!((gone.status, &*gone.code), (404, "NoSuchEntity"));
    }

    #[test]
    fn simulation_names_what_is_not_there_by_its_kind() {
        for kind in ["role", "user", "group"] {
            let params = format!(
                "PolicySourceArn=arn:aws:iam::123456789012:{kind}/gone&ActionNames.member.1=ec2:RunInstances"
            );
            let gone = call("SimulatePrincipalPolicy", &params).unwrap_err();
            assert_eq!(&*gone.code, "NoSuchEntity");
            let text = format!("The {kind} with name gone cannot be found.");
            assert_eq!(gone.message, text);
        }
    }

    #[test]
    fn list_of_roles_has_pages_by_name() {
        let first = call("ListRoles", "MaxItems=2").unwrap();
        assert!(first.contains("<IsTruncated>true"), "{first}");
        assert!(first.contains("role/b") && first.contains("role/path/c"));
        assert!(first.contains("<Marker>c</Marker>"), "{first}");
        let rest = call("ListRoles", "MaxItems=2&Marker=c").unwrap();
        assert!(rest.contains("<IsTruncated>false"), "{rest}");
        assert!(rest.contains(LOCAL_ROLE) && !rest.contains("Marker"));
        assert_eq!(
            call("ListRoles", "MaxItems=1001").unwrap_err().code,
            "ValidationError"
        );
    }

    #[test]
    fn authorization_details_have_the_documents_of_each_role() {
        let document = json!({
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "ec2:CreateTags", "Resource": "*"}],
        });
        let iam = Iam::default();
        iam.put_role(Role {
            arn: "arn:aws:iam::123456789012:role/b".to_owned(),
            policies: vec![Policy::parse(&document).unwrap()],
        });
        let details = |params: &str| {
            let mut params = Params::parse(Dialect::Query, "", params.as_bytes());
            act(&iam, "GetAccountAuthorizationDetails", &mut params).unwrap()
        };
        let first = details("Filter.member.1=Role&MaxItems=1");
        let encoded = "%7B%22Action%22%3A%22ec2%3ACreateTags%22%2C";
        assert!(first.contains(encoded), "{first}");
        assert!(first.contains("<Marker>b</Marker>"), "{first}");
        let rest = details("Filter.member.1=Role&Marker=b");
        assert!(
            rest.contains(LOCAL_ROLE) && rest.contains("%22Action%22%3A%22*%22"),
            "{rest}"
        );
        let users = details("Filter.member.1=User");
        assert!(!users.contains("<Arn>"), "{users}");
    }
}
