//! What a run makes and what it costs, said before it begins.

use crate::fact::Need;
use crate::run::Plan;
use crate::stage::{INSTANCE_TYPE, LARGE_TYPE, NAME, TAG};

/// What a run of this plan makes in an account, how long it takes and what it costs, in lines.
///
/// Prices: Amazon EC2 On-Demand Pricing for Linux in us-east-1, and of a gp3 volume of 8 GiB.
/// Other Regions cost up to twice as much. EventBridge and SQS charge nothing for so few events
/// and messages that a thousandth of a cent would show.
#[must_use]
pub fn lines(plan: &Plan, run: &str, region: &str, account: &str) -> Vec<String> {
    if let Some(stack) = plan.stack.as_ref().filter(|_| plan.only_deployment) {
        return vec![format!(
            "This run only reads, in account {account}, Region {region}: the stack {stack}, its functions, state machines, rules, queues, roles and policies, a subnet and a security group of its profiles, the groups. It makes some hundreds of calls of IAM's simulator, which cost nothing."
        )];
    }
    let mut lines = vec![
        format!(
            "This run makes the following in account {account}, Region {region}, and removes all of it at its end:"
        ),
        format!(
            "- in {}: two or three subnets (a /25 block in all), a security group without rules, a launch template, up to 12 network interfaces at a time, CIDR reservations of these subnets",
            plan.vpc.as_deref().unwrap_or("a VPC of its own")
        ),
    ];
    let mut instances = 0;
    if plan.needs(Need::Instance) {
        instances += 1;
        lines.push(format!("- one instance, {INSTANCE_TYPE}, for some minutes"));
    }
    if plan.needs(Need::Group) {
        instances += 1;
        lines.push(format!(
            "- one Auto Scaling group with one instance, {INSTANCE_TYPE}, for some minutes; one EventBridge rule; one SQS queue"
        ));
    }
    if plan.needs(Need::NetworkCards) {
        lines.push(format!(
            "- one instance, {LARGE_TYPE}, for one or two minutes: some USD 0.12 for each minute"
        ));
    }
    lines.push(format!(
        "Everything has the tag {TAG} = {run}, or a name that begins with {NAME}{run}."
    ));
    // 15 minutes of an instance at USD 0.0208 an hour, and of 8 GiB at 0.08 a month for each.
    let cents = f64::from(instances) * (0.0208 * 0.25 + 8.0 * 0.08 / 730.0 * 0.25) * 100.0;
    let large = match plan.needs(Need::NetworkCards) {
        true => " without the large instance",
        false => "",
    };
    lines.push(format!(
        "It takes up to 15 minutes and costs about {:.0} cents (USD, us-east-1; at most twice that elsewhere){large}.",
        cents.ceil().max(1.0)
    ));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(plan: &Plan) -> String {
        lines(plan, "1a2b", "us-east-1", "123456789012").join("\n")
    }

    #[test]
    fn what_is_made_and_what_it_costs_is_said() {
        let all = said(&Plan {
            vpc: Some("vpc-1".to_owned()),
            ..Plan::default()
        });
        for wanted in [
            "vpc-1",
            "one instance, t3.small",
            "Auto Scaling group",
            "1a2b",
            "2 cents",
        ] {
            assert!(all.contains(wanted), "{wanted} in {all}");
        }
        assert!(!all.contains(LARGE_TYPE), "{all}");
    }

    #[test]
    fn look_at_a_deployment_is_said_to_only_read() {
        let look = said(&Plan {
            stack: Some("hookline".to_owned()),
            only_deployment: true,
            ..Plan::default()
        });
        assert!(
            look.contains("only reads") && look.contains("hookline"),
            "{look}"
        );
        assert!(!look.contains("makes the following"), "{look}");
    }

    #[test]
    fn only_what_the_chosen_facts_need_is_made() {
        let few = said(&Plan {
            only: Some("create_in_a_full_subnet".to_owned()),
            ..Plan::default()
        });
        assert!(!few.contains("instance"), "{few}");
        let large = said(&Plan {
            with_network_cards: true,
            ..Plan::default()
        });
        assert!(large.contains(LARGE_TYPE), "{large}");
    }
}
