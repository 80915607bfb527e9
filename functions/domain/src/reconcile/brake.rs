//! The brake: a group in a launch loop whose profile has `brake` launches nothing until a person
//! resumes it.
//!
//! The process Launch of the group is suspended (Auto Scaling API Reference, *SuspendProcesses*). Tags
//! of the group say since when and why, because Auto Scaling keeps only a time. While the process is
//! suspended nothing launches, so a launch that began before the brake is one from before the resume:
//! by [`Marks::counts_from`] it does not count again.

use std::collections::BTreeMap;

use super::loops::{EndedLaunch, LaunchEnd, LaunchLoop};
use super::profiles::{ProfileInput, Profiles};
use crate::profile::Profile;
use crate::tags::own;

/// What the tags of a group say of its brake. Times are in seconds since the epoch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks {
    /// The last brake.
    pub brake: Option<Brake>,
    /// When the group was found to launch again after a brake, or resumed by the command.
    pub resumed_at: Option<i64>,
}

/// When a group was braked, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brake {
    /// When, in seconds since the epoch.
    pub at: i64,
    /// The error that its launches failed by, as `Hookline.ResourceNotFound`.
    pub error: String,
    /// The profile of these launches.
    pub profile: String,
}

impl Marks {
    /// Reads the tags of a group, by key.
    #[must_use]
    pub fn read(tags: &BTreeMap<String, String>) -> Self {
        let text = |key: &str| tags.get(key).cloned();
        let time = |key: &str| tags.get(key)?.parse().ok();
        Self {
            brake: time(own::BRAKED_AT).map(|at| Brake {
                at,
                error: text(own::BRAKED_BY).unwrap_or_default(),
                profile: text(own::BRAKED_PROFILE).unwrap_or_default(),
            }),
            resumed_at: time(own::RESUMED_AT),
        }
    }

    /// The brake that holds, of a group whose process Launch is suspended or not.
    #[must_use]
    pub fn holds(&self, launch_is_suspended: bool) -> Option<&Brake> {
        self.not_resumed().filter(|_| launch_is_suspended)
    }

    /// The brake that somebody has ended by resuming the process, and of which no tag says so yet.
    #[must_use]
    pub fn was_released(&self, launch_is_suspended: bool) -> Option<&Brake> {
        self.not_resumed().filter(|_| !launch_is_suspended)
    }

    fn not_resumed(&self) -> Option<&Brake> {
        let brake = self.brake.as_ref()?;
        self.resumed_at
            .is_none_or(|resumed_at| resumed_at < brake.at)
            .then_some(brake)
    }

    /// Launches that began before do not count as generations of a loop.
    #[must_use]
    pub fn counts_from(&self) -> Option<i64> {
        let braked_at = self.brake.as_ref().map(|brake| brake.at);
        braked_at.max(self.resumed_at)
    }
}

/// The tags of a group that is braked now.
#[must_use]
pub fn brake_tags(found: &LaunchLoop, now: i64) -> BTreeMap<String, String> {
    [
        (own::BRAKED_AT, now.to_string()),
        (own::BRAKED_BY, found.error.clone()),
        (own::BRAKED_PROFILE, found.profile.clone()),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value))
    .collect()
}

/// The tag of a group that launches again.
#[must_use]
pub fn resume_tags(now: i64) -> BTreeMap<String, String> {
    BTreeMap::from([(own::RESUMED_AT.to_owned(), now.to_string())])
}

/// An Auto Scaling group, as far as the brake looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupState {
    /// Its name.
    pub name: String,
    /// Whether it has fewer instances InService than it wants, or a warm pool, of which this is not
    /// known. A group in a launch loop has.
    pub may_lack_instances: bool,
    /// Whether its process Launch is suspended.
    pub launch_is_suspended: bool,
    /// What its tags say.
    pub marks: Marks,
}

impl GroupState {
    /// The brake that holds.
    #[must_use]
    pub fn brake(&self) -> Option<&Brake> {
        self.marks.holds(self.launch_is_suspended)
    }

    /// The brake that somebody has ended, and of which no tag says so yet.
    #[must_use]
    pub fn released(&self) -> Option<&Brake> {
        self.marks.was_released(self.launch_is_suspended)
    }
}

/// The profiles of this name with which launches begin, and whose hook Hookline completes.
fn watched<'a>(name: &'a str, profiles: &'a Profiles) -> impl Iterator<Item = &'a Profile> {
    let active = profiles.active.iter().map(|input| &input.profile);
    active.filter(move |it| it.name == name && it.hook.complete)
}

/// Whether launches begin with a profile of this name, whose hook Hookline completes.
#[must_use]
pub fn is_watched(profile: &str, profiles: &Profiles) -> bool {
    watched(profile, profiles).next().is_some()
}

/// Whether such a profile has `brake`.
#[must_use]
pub fn has_brake(profile: &str, profiles: &Profiles) -> bool {
    watched(profile, profiles).any(|it| it.brake)
}

/// Whether a launch tells of a loop: a success does, and a failure with the profile that launches begin
/// with now, but for its brake. Another value of the profile may be the one that was wrong.
#[must_use]
pub fn counts(launch: &EndedLaunch, profiles: &Profiles) -> bool {
    let same = |input: &ProfileInput| input.value == launch.profile_value;
    if launch.end == LaunchEnd::Continued || profiles.active.iter().any(same) {
        return true;
    }
    // Written otherwise, it may be the same profile.
    let Ok(mut of_launch) = Profile::read(launch.profile_value.clone()) else {
        return false;
    };
    profiles.active.iter().any(|input| {
        of_launch.brake = input.profile.brake;
        of_launch == input.profile
    })
}

#[cfg(test)]
#[path = "brake_tests.rs"]
mod tests;
