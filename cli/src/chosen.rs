//! Where this run works, as far as its command line says it: the AWS profile, the Region and the
//! stack.
//!
//! A command that this run prints is copied into a shell whose environment may choose another
//! account or Region. So each printed command of `hookline` and `aws` gets the options of this run.

use std::sync::OnceLock;

use crate::judge::finding::quoted;

/// The options of this process. Without them, as in unit tests, a command is printed as it is.
static OF_THIS_RUN: OnceLock<Chosen> = OnceLock::new();

/// What the command line chose. `None`: what the environment, the AWS configuration files and the
/// Region say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Chosen {
    pub(crate) stack: Option<String>,
    pub(crate) aws_profile: Option<String>,
    pub(crate) region: Option<String>,
}

impl Chosen {
    /// Makes these the options of the printed commands, for as long as the process runs.
    pub(crate) fn remember(self) {
        // It is called once, by `main`.
        let _ = OF_THIS_RUN.set(self);
    }

    /// The words of a command with these options.
    fn add_to(&self, words: &[String]) -> Vec<String> {
        let (stack, profile) = match words.first().map(String::as_str) {
            Some("hookline") => (Some("--stack"), "--aws-profile"),
            // Of the shell's commands in one line, that of the AWS CLI is the last one. One inside
            // `$(…)` is one word here: whoever makes it adds the options to it.
            _ if words.iter().any(|word| word == "aws") => (None, "--profile"),
            _ => return words.to_vec(),
        };
        let options = [
            stack.zip(self.stack.as_ref()),
            Some(profile).zip(self.aws_profile.as_ref()),
            Some("--region").zip(self.region.as_ref()),
        ];
        let options = options
            .into_iter()
            .flatten()
            .flat_map(|(option, value)| [option.to_owned(), value.clone()]);
        words.iter().cloned().chain(options).collect()
    }
}

/// The words of a printed command, with the options of this run.
pub(crate) fn with_options(words: &[String]) -> Vec<String> {
    OF_THIS_RUN
        .get()
        .map_or_else(|| words.to_vec(), |chosen| chosen.add_to(words))
}

/// The same of words that a shell can read already.
pub(crate) fn with_quoted_options(words: &[String]) -> Vec<String> {
    let mut all = with_options(words);
    for option in all.iter_mut().skip(words.len()) {
        *option = quoted(option);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn printed_command_gets_the_options_of_the_run() {
        let all = Chosen {
            stack: Some("core".to_owned()),
            aws_profile: Some("ops".to_owned()),
            region: Some("eu-west-1".to_owned()),
        };
        let region = Chosen {
            region: Some("eu-west-1".to_owned()),
            ..Chosen::default()
        };
        for (chosen, line, expected) in [
            (
                &all,
                "hookline pause upf --yes",
                "hookline pause upf --yes --stack core --aws-profile ops --region eu-west-1",
            ),
            (
                &all,
                "aws events enable-rule --name x",
                "aws events enable-rule --name x --profile ops --region eu-west-1",
            ),
            (
                &all,
                "python3 -c p > t.json && aws events put-targets",
                "python3 -c p > t.json && aws events put-targets --profile ops --region eu-west-1",
            ),
            (&all, "kubectl get nodes", "kubectl get nodes"),
            (
                &region,
                "hookline explain upf",
                "hookline explain upf --region eu-west-1",
            ),
            (
                &Chosen::default(),
                "hookline explain upf",
                "hookline explain upf",
            ),
        ] {
            assert_eq!(chosen.add_to(&words(line)), words(expected), "{line}");
        }
    }
}
