//! What the requests of the fixture are about.

use hookline_local::iam::AuthorizationRequest;

use crate::attacks::Outcomes;
use crate::attacks::target::PARTLY;
use crate::deployment::FUNCTIONS;

/// The id of the subnet or the security group that the profiles of the fixture name: interfaces are
/// created in it.
pub(super) fn own(outcomes: &Outcomes, kind: &str) -> String {
    let mut requests = outcomes.allowed.iter().flat_map(|one| &one.requests);
    let id = requests.find_map(|request| {
        let is_create = request.action == "ec2:CreateNetworkInterface";
        let (_, id) = request.resource.split_once(kind)?;
        is_create.then(|| id.to_owned())
    });
    id.unwrap_or_default()
}

/// Which of the groups this is that carry some of the tags of a selector.
pub(super) fn partly(name: &str) -> Option<usize> {
    PARTLY.iter().position(|(group, ..)| *group == name)
}

/// The name of the group that a request is about, or whose instance it is about.
pub(super) fn group_of(request: &AuthorizationRequest) -> Option<&str> {
    let of_instance = request
        .context
        .get("aws:ResourceTag/aws:autoscaling:groupName");
    match of_instance.first() {
        Some(name) => Some(name),
        None => request
            .resource
            .split_once("autoScalingGroupName/")
            .map(|(_, name)| name),
    }
}

/// Whether this is a subnet or a security group, which stands for one that no profile names unless the
/// deployment has one in its place.
pub(super) fn is_of_no_network(resource: &str) -> bool {
    let kinds = [":subnet/", ":security-group/"];
    kinds.iter().any(|kind| resource.contains(kind))
}

/// Whether this is the name of a function or a state machine of the fixture.
pub(super) fn is_own(name: &str) -> bool {
    let mut functions = FUNCTIONS.iter().map(|(function, _)| *function);
    functions.any(|function| function == name)
        || ["reconcile", "adopt", "launch-node", "name-node"].contains(&name)
}
