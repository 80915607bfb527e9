//! IAM's own API: GetRole and ListRoles for a look at roles, and SimulateCustomPolicy (IAM API
//! Reference).

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
        "SimulateCustomPolicy" => simulate::custom_policy(params),
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
    xml.element("Role", |xml| write(xml, arn));
    Ok(xml.into_string())
}

/// MaxItems is 1 to 1,000, and 100 by default. A Marker is the name after which the page begins.
fn list(iam: &Iam, params: &mut Params) -> Result<String, ApiError> {
    let most = match params.u32("MaxItems")? {
        None => 100,
        Some(most) if (1..=1000).contains(&most) => usize::try_from(most).unwrap_or(100),
        Some(other) => {
            return Err(ApiError::new(
                "ValidationError",
                format!(
                    "1 validation error detected: Value '{other}' at 'maxItems' failed to satisfy constraint"
                ),
            ));
        }
    };
    let after = params.str("Marker").unwrap_or_default();
    params.finish()?;
    let rest: Vec<String> = arns(iam)
        .into_iter()
        .filter(|arn| name(arn) > after.as_str())
        .collect();
    let page = rest.get(..most.min(rest.len())).unwrap_or_default();
    let mut xml = Xml::new();
    let truncated = rest.len() > page.len();
    xml.text("IsTruncated", truncated);
    xml.members("Roles", page, |xml, arn| write(xml, arn));
    xml.optional(
        "Marker",
        page.last().filter(|_| truncated).map(|arn| name(arn)),
    );
    Ok(xml.into_string())
}

fn write(xml: &mut Xml, arn: &str) {
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iam::Role;
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
}
