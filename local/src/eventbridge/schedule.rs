//! Rules with a schedule: `rate(5 minutes)`.

use std::time::Duration;

use serde_json::json;

use super::delivery::{RuleName, deliver_to_target};
use crate::WeakLocalAws;
use crate::local_aws::lock;
use crate::wire::iso8601_seconds;

/// Reads `rate(N unit)`. The fake AWS has no `cron(…)`.
pub(super) fn parse(expression: &str) -> Option<Duration> {
    let (number, unit) = expression
        .strip_prefix("rate(")?
        .strip_suffix(')')?
        .split_once(' ')?;
    let number: u32 = number.parse().ok().filter(|number| *number > 0)?;
    let unit_seconds: u64 = match (unit, number) {
        ("minute", 1) => 60,
        ("minutes", 2..) => 60,
        ("hour", 1) => 3600,
        ("hours", 2..) => 3600,
        ("day", 1) => 86400,
        ("days", 2..) => 86400,
        _ => return None,
    };
    Some(Duration::from_secs(unit_seconds * u64::from(number)))
}

/// Fires a rule at its rate until it is replaced or deleted, or the fake AWS is dropped.
pub(super) fn start(local: WeakLocalAws, rule: RuleName, version: u64, every: Duration) {
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(every).await;
            let Some(local) = local.upgrade() else { return };
            let targets = {
                let state = lock(&local.eventbridge().state);
                match state.rules.scheduled(&rule.name, version) {
                    Some(targets) => targets,
                    None => return,
                }
            };
            let (id, time, account, region) = local.with_world(|world| {
                let settings = &world.kernel.settings;
                let (account, region) = (settings.account.clone(), settings.region.clone());
                (
                    world.kernel.new_uuid(),
                    iso8601_seconds(world.kernel.timestamp()),
                    account,
                    region,
                )
            });
            let event = json!({
                "version": "0",
                "id": id,
                "detail-type": "Scheduled Event",
                "source": "aws.events",
                "account": account,
                "time": time,
                "region": region,
                "resources": [rule.arn],
                "detail": {},
            });
            for target in targets {
                deliver_to_target(&local, &rule, target, &event);
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_expressions_are_read() {
        assert_eq!(parse("rate(1 minute)"), Some(Duration::from_secs(60)));
        assert_eq!(parse("rate(5 minutes)"), Some(Duration::from_secs(300)));
        assert_eq!(parse("rate(1 hour)"), Some(Duration::from_secs(3600)));
        for bad in [
            "rate(1 minutes)",
            "rate(0 minutes)",
            "rate(x days)",
            "cron(0 10 * * ? *)",
            "rate(5 weeks)",
            "",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
