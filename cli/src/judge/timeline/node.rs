//! One node: how it stands, and why.

use hookline_domain::event::WAITS;
use hookline_domain::execution::Node as DomainNode;
use hookline_domain::ids::InstanceId;
use serde_json::Value;

use super::bars::{self, end, push};
use super::{Bar, Node, Phase, State, given};
use crate::judge::launches::EVENT_SECONDS;
use crate::judge::story::{self, ending};
use crate::observed::execution::{Execution, HistoryEvent, message};
use crate::observed::group::Activity;
use crate::observed::scale_out::{ScaleOut, Traced};

/// What is known of a node's launch.
struct Launch<'a> {
    seen: &'a ScaleOut,
    instance: &'a InstanceId,
    /// Its executions, oldest first.
    traced: &'a [&'a Traced],
    /// Auto Scaling's newest launch of it.
    activity: Option<&'a Activity>,
}

/// The node of an instance, whose executions are these, oldest first.
pub(super) fn of(seen: &ScaleOut, instance: &InstanceId, traced: &[&Traced]) -> Node {
    let mut activities = seen.activities.iter();
    let launch = Launch {
        seen,
        instance,
        traced,
        activity: activities
            .find(|activity| activity.is_launch && activity.instance.as_ref() == Some(instance)),
    };
    let (bars, state) = launch.bars();
    let told: Option<DomainNode> = given::newest(traced, "node");
    let shown = seen.instances.get(instance).map(|seen| &seen.instance);
    Node {
        instance: instance.to_string(),
        name: told
            .as_ref()
            .and_then(|node| node.name.clone())
            .or_else(|| shown?.tags.get("Name").cloned()),
        instance_type: told
            .as_ref()
            .map(|node| node.instance_type.clone())
            .or_else(|| Some(shown?.instance_type.clone())),
        availability_zone: told
            .as_ref()
            .map(|node| node.availability_zone.clone())
            .or_else(|| Some(shown?.availability_zone.clone())),
        state,
        why: launch.why(state),
        bars,
        addresses: given::of(traced),
        executions: traced.iter().map(|it| it.execution.name.clone()).collect(),
        story: traced
            .iter()
            .flat_map(|traced| story::steps(&traced.history))
            .collect(),
    }
}

impl Launch<'_> {
    fn last(&self) -> Option<&Execution> {
        self.traced.last().map(|traced| &traced.execution)
    }

    fn lifecycle_state(&self) -> Option<&str> {
        let mut members = self.seen.group.members.iter();
        let member = members.find(|member| member.instance == *self.instance)?;
        Some(&member.lifecycle_state)
    }

    fn bars(&self) -> (Vec<Bar>, State) {
        let now = self.seen.now.saturating_mul(1_000);
        let mut bars = Vec::new();
        let began = self.activity.map(|activity| activity.started * 1_000);
        let first = self.traced.first().map(|traced| traced.execution.started);
        // Times of Auto Scaling have no fraction of a second.
        if let Some(began) = began.filter(|began| first.is_none_or(|first| *began < first)) {
            push(&mut bars, Phase::Starting, began);
        }
        for traced in self.traced {
            for bar in bars::of_execution(traced, now) {
                push(&mut bars, bar.phase, bar.from);
                end(&mut bars, bar.to);
            }
        }
        let state = self.state(&bars);
        match state {
            State::InService | State::InWarmPool | State::Gone => {
                let (phase, at) = match state {
                    State::InWarmPool => (Phase::InWarmPool, self.continued_at(&bars)),
                    _ => (Phase::InService, self.in_service_at(&bars)),
                };
                let terminated = self.terminated_at();
                // Of a node that is gone, nobody tells when, if its activity is not there.
                if state != State::Gone || terminated.is_some() {
                    push(&mut bars, phase, at);
                    end(&mut bars, terminated.unwrap_or(now));
                }
            }
            State::Abandoned => {
                let ended = self.activity.and_then(|activity| activity.ended);
                if let Some(ended) = ended
                    && bars.last().is_none_or(|bar| bar.phase != Phase::Abandoning)
                {
                    end(&mut bars, ended * 1_000);
                }
            }
            _ => end(&mut bars, now),
        }
        (bars, state)
    }

    /// When CONTINUE was accepted, or was about to be.
    fn continued_at(&self, bars: &[Bar]) -> i64 {
        let continued = self.traced.iter().flat_map(|traced| &traced.history).rev();
        let mut continued = continued.filter(|event| event.left() == Some("ContinueLaunch"));
        let last = bars.last().map_or(0, |bar| bar.to);
        continued.next().map_or(last, |event| event.at)
    }

    /// When Auto Scaling says that it went InService; without that, when CONTINUE was accepted.
    fn in_service_at(&self, bars: &[Bar]) -> i64 {
        let launched = self.activity.filter(|it| it.status == "Successful");
        let ended = launched.and_then(|activity| activity.ended);
        match ended {
            Some(ended) if self.traced.is_empty() => ended * 1_000,
            Some(ended) => self.continued_at(bars).max(ended * 1_000),
            None => self.continued_at(bars),
        }
    }

    /// When Auto Scaling began to terminate it.
    fn terminated_at(&self) -> Option<i64> {
        let ended = self.seen.activities.iter();
        let mut ended = ended.filter(|it| !it.is_launch);
        let ended = ended.find(|it| it.instance.as_ref() == Some(self.instance))?;
        Some(ended.started * 1_000)
    }

    /// Whether its newest execution has sent CONTINUE, or found that the launch had gone on.
    fn went_on(&self) -> bool {
        let Some(traced) = self.traced.last() else {
            return false;
        };
        let entered = |name: &str| {
            let mut events = traced.history.iter();
            events.any(|event| event.state.as_deref() == Some(name))
        };
        let mut events = traced.history.iter();
        let left = events.any(|event| event.left() == Some("ContinueLaunch"));
        (left && !entered("AbandonLaunch") && !entered("LaunchIsOver")) || entered("LaunchWentOn")
    }

    fn goes_to_warm_pool(&self) -> bool {
        let input = self.last().map(|execution| execution.input.as_str());
        let input: Option<Value> = input.and_then(|input| serde_json::from_str(input).ok());
        let input = input.unwrap_or_default();
        let destination = input.pointer("/event/detail/Destination");
        destination.and_then(Value::as_str) == Some("WarmPool")
    }

    fn state(&self, bars: &[Bar]) -> State {
        if let Some(state) = self.settled() {
            return state;
        }
        let runs = self.last().is_some_and(Execution::is_running);
        match bars.last().map(|bar| bar.phase) {
            Some(Phase::Abandoning) if runs || !self.hook_is_open() => State::Abandoned,
            // Another hook may hold it.
            Some(Phase::Proceeding) if runs || self.went_on() => State::Proceeding,
            _ if self.last().is_some_and(|it| !it.is_running()) => State::Stuck,
            _ if self.last().is_none() && self.waits_for_an_event() => State::Stuck,
            Some(Phase::Waiting) => State::Waiting,
            Some(Phase::Creating) => State::Creating,
            Some(Phase::Attaching) => State::Attaching,
            _ => State::Starting,
        }
    }

    /// The state, if Auto Scaling has the last word.
    fn settled(&self) -> Option<State> {
        let status = self.activity.map(|activity| activity.status.as_str());
        match self.lifecycle_state() {
            Some("InService" | "EnteringStandby" | "Standby") => return Some(State::InService),
            None if self.went_on() && self.goes_to_warm_pool() => return Some(State::InWarmPool),
            None if self.went_on() => return Some(State::Gone),
            _ => {}
        }
        match status {
            Some("Successful") => Some(State::Gone),
            Some("Cancelled" | "Failed") => Some(State::Abandoned),
            _ => None,
        }
    }

    /// Whether it waits for longer than an event takes.
    fn waits_for_an_event(&self) -> bool {
        let waits = self.lifecycle_state() == Some(WAITS);
        let began = self.activity.map_or(0, |activity| activity.started);
        waits && self.seen.now.saturating_sub(began) > EVENT_SECONDS
    }

    /// Whether its newest execution ended without completing the hook.
    fn hook_is_open(&self) -> bool {
        let last = self.traced.last().map(|traced| &traced.history);
        let mut events = last.into_iter().flatten();
        events.any(|event| {
            matches!(
                event.state.as_deref(),
                Some("HookNotCompleted" | "NodeNotWired" | "InputRefused")
            )
        })
    }

    /// Why it is abandoned or stuck, or what is wrong with it in spite of all.
    fn why(&self, state: State) -> Option<String> {
        let mut told: Vec<String> = Vec::new();
        let Some(traced) = self.traced.last() else {
            return self.why_without_execution(state);
        };
        let execution = &traced.execution;
        let last = traced.history.iter().rev().find_map(HistoryEvent::entered);
        let end = last
            .and_then(ending)
            .filter(|_| last != Some("LaunchAbandoned"));
        if state == State::Abandoned || end.is_some() {
            told.extend(cause(traced));
        }
        told.extend(end.map(|end| format!("{end}.")));
        let ended = match execution.status.as_str() {
            "ABORTED" => Some("was stopped"),
            "TIMED_OUT" => Some("reached the state machine's timeout"),
            "FAILED" if end.is_none() && state == State::Stuck => Some("broke off"),
            _ => None,
        };
        if let Some(ended) = ended.filter(|_| !matches!(state, State::InService | State::Gone)) {
            let place = last.map_or_else(String::new, |state| format!(" in {state}"));
            told.push(format!("Its execution {ended}{place}."));
            let cause = execution.cause.as_deref().unwrap_or_default();
            told.extend((!cause.is_empty()).then(|| message(cause)));
        }
        if state == State::Abandoned && told.is_empty() {
            let said = self.activity.map(|activity| activity.message.as_str());
            told.extend(said.map(|said| format!("Auto Scaling says: {said}")));
        }
        (!told.is_empty()).then(|| told.join(" "))
    }

    fn why_without_execution(&self, state: State) -> Option<String> {
        let missing = match self.seen.left_out.histories {
            0 => "No execution is found for it",
            _ => "No execution is found for it among those that were read",
        };
        let said = self.activity.map_or("", |activity| &activity.message);
        match state {
            State::Abandoned => Some(format!("{missing}. Auto Scaling says: {said}")),
            State::Starting => None,
            _ => Some(format!("{missing}.")),
        }
    }
}

/// The last failure of a function before the launch was given up.
fn cause(traced: &Traced) -> Option<String> {
    let mut events = traced.history.iter();
    let given_up = events.position(|event| event.entered().is_some_and(bars::gives_up));
    let before = traced.history.iter().take(given_up.unwrap_or(usize::MAX));
    let (error, cause) = before.rev().find_map(HistoryEvent::function_failure)?;
    Some(format!("{error}: {}", message(cause)))
}
