//! Faults that a test injects: which calls they hit, and what happens to those.

use rand::RngExt;
use std::collections::BTreeMap;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;

/// What happens to a call that a fault hits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// Refused with this error; no effect.
    Error {
        /// The HTTP status.
        status: u16,
        /// The error code.
        code: String,
        /// The message.
        message: String,
    },
    /// Refused with the service's throttling error; no effect.
    Throttle,
    /// HTTP 500; no effect.
    InternalError,
    /// HTTP 500, but the call took effect.
    InternalErrorAfter,
    /// The connection is reset; no effect.
    ResetBefore,
    /// The connection is reset, but the call took effect: a lost response.
    ResetAfter,
    /// The call takes longer by this duration, before it takes effect.
    Delay(Duration),
}

/// A fault. It hits matching calls: a number of times, after letting some pass.
#[derive(Clone, Debug)]
pub struct Fault {
    action: String,
    service: Option<String>,
    parameter: Option<(String, String)>,
    skip: u32,
    times: u32,
    chance: f64,
    kind: FaultKind,
}

impl Fault {
    /// Hits the first call of an action (`"*"`: any action), once.
    pub fn on(action: impl Into<String>, kind: FaultKind) -> Self {
        Self {
            action: action.into(),
            service: None,
            parameter: None,
            skip: 0,
            times: 1,
            chance: 1.0,
            kind,
        }
    }

    /// Hits only calls of this service (`ec2`, `autoscaling`, `events`, `lambda`, `states`, `sts`).
    #[must_use]
    pub fn service(mut self, service: impl Into<String>) -> Self {
        self.service = Some(service.into());
        self
    }

    /// Hits only calls with this parameter, as it is on the wire: `("DeviceIndex", "2")`.
    #[must_use]
    pub fn when(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameter = Some((name.into(), value.into()));
        self
    }

    /// Lets this many matching calls pass first.
    #[must_use]
    pub fn skip(mut self, calls: u32) -> Self {
        self.skip = calls;
        self
    }

    /// Hits this many matching calls.
    #[must_use]
    pub fn times(mut self, calls: u32) -> Self {
        self.times = calls;
        self
    }

    /// Hits every matching call.
    #[must_use]
    pub fn always(self) -> Self {
        self.times(u32::MAX)
    }

    /// Hits a matching call with this probability (0 to 1).
    #[must_use]
    pub fn chance(mut self, probability: f64) -> Self {
        self.chance = probability.clamp(0.0, 1.0);
        self
    }

    fn matches(&self, service: &str, action: &str, params: &BTreeMap<String, String>) -> bool {
        (self.action == "*" || self.action == action)
            && self.service.as_deref().is_none_or(|s| s == service)
            && self
                .parameter
                .as_ref()
                .is_none_or(|(name, value)| params.get(name) == Some(value))
    }
}

/// The faults in force.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    faults: Vec<Fault>,
}

impl Faults {
    pub(crate) fn add(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    pub(crate) fn left(&self) -> usize {
        self.faults.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.faults.is_empty()
    }

    /// The fault that hits this call, if any: the first one that matches and does not let it pass.
    pub(crate) fn hit(
        &mut self,
        service: &str,
        action: &str,
        params: &BTreeMap<String, String>,
        rng: &mut ChaCha8Rng,
    ) -> Option<FaultKind> {
        let mut hit = None;
        for fault in &mut self.faults {
            if !fault.matches(service, action, params) {
                continue;
            }
            if fault.skip > 0 {
                fault.skip -= 1;
                continue;
            }
            if fault.times == 0 || (fault.chance < 1.0 && !rng.random_bool(fault.chance)) {
                continue;
            }
            if fault.times < u32::MAX {
                fault.times -= 1;
            }
            hit = Some(fault.kind.clone());
            break;
        }
        self.faults.retain(|fault| fault.times > 0);
        hit
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn a_fault_hits_the_requested_calls() {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let mut faults = Faults::default();
        faults.add(
            Fault::on("A", FaultKind::Throttle)
                .service("ec2")
                .when("X", "1")
                .skip(1)
                .times(2),
        );
        let matching = BTreeMap::from([("X".to_owned(), "1".to_owned())]);
        let mut hit = |service: &str, action: &str, params: &BTreeMap<String, String>| {
            faults.hit(service, action, params, &mut rng).is_some()
        };
        assert!(!hit("ec2", "A", &BTreeMap::new()));
        assert!(!hit("ec2", "B", &matching));
        assert!(!hit("sts", "A", &matching));
        assert!(!hit("ec2", "A", &matching), "skipped");
        assert!(hit("ec2", "A", &matching));
        assert!(hit("ec2", "A", &matching));
        assert!(!hit("ec2", "A", &matching), "run out");
        assert_eq!(faults.left(), 0);
    }

    #[test]
    fn a_fault_with_a_probability_hits_some_calls() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut faults = Faults::default();
        faults.add(Fault::on("*", FaultKind::ResetAfter).chance(0.5).always());
        let hit = (0..100)
            .filter(|_| faults.hit("ec2", "A", &BTreeMap::new(), &mut rng).is_some())
            .count();
        assert!((20..80).contains(&hit), "{hit}");
    }
}
