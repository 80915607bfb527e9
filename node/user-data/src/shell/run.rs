//! Follows the commands of scripts.

use std::collections::BTreeMap;

use super::command::{Command, Joint};
use super::lexer;
use super::word::{MAX_WORD, UNKNOWN, Variables, Word, filled};
use crate::limits::{MAX_COMMANDS, MAX_SCRIPT_DEPTH, MAX_SHELL_BYTES};

/// A file that user data writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct File {
    pub(crate) content: String,
    /// The part that writes it.
    pub(crate) place: String,
}

/// A call of a program that makes the node join.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    /// The part, or the script, that calls.
    pub(crate) place: String,
    /// The arguments.
    pub(crate) arguments: Vec<String>,
}

/// A node, as far as scripts change it.
#[derive(Debug, Default)]
pub(crate) struct Shell {
    pub(crate) variables: Variables,
    pub(crate) files: BTreeMap<String, File>,
    /// Calls of `/etc/eks/bootstrap.sh`.
    pub(crate) bootstrap_calls: Vec<Call>,
    /// Calls of `nodeadm`.
    pub(crate) nodeadm_calls: Vec<Call>,
    /// Changes of `/etc/eks/bootstrap.sh` by `sed`.
    pub(crate) edits: Vec<Call>,
    /// What other commands read from documents, and where that is.
    pub(crate) inputs: Vec<Call>,
    /// Whether `snap` is called, as on Ubuntu.
    pub(crate) has_snap: bool,
    /// Whether something was too long to follow.
    pub(crate) is_cut: bool,
    commands: usize,
    bytes: usize,
}

/// Words that stand before a command.
const BEFORE: [&str; 17] = [
    "if", "then", "else", "elif", "fi", "do", "done", "while", "until", "!", "{", "}", "time",
    "exec", "sudo", "command", "nohup",
];

impl Shell {
    /// Writes a file, as cloud-init does.
    pub(crate) fn write(&mut self, path: &str, content: &str, is_appended: bool, place: &str) {
        self.bytes += path.len() + content.len();
        if self.bytes > MAX_SHELL_BYTES {
            self.is_cut = true;
            return;
        }
        let file = self.files.entry(path.to_owned()).or_insert_with(|| File {
            content: String::new(),
            place: place.to_owned(),
        });
        if !is_appended {
            file.content.clear();
        }
        file.content.push_str(content);
        file.place = place.to_owned();
    }

    /// Follows a script. `place` is the part that it is in.
    pub(crate) fn run(&mut self, text: &str, place: &str) {
        self.script(text, place, 0);
    }

    /// Follows a command of words, without a shell's reading of them.
    pub(crate) fn exec(&mut self, words: &[String], place: &str) {
        self.called(words, None, place, 0);
    }

    fn script(&mut self, text: &str, place: &str, depth: usize) {
        self.bytes += text.len();
        if depth > MAX_SCRIPT_DEPTH || self.bytes > MAX_SHELL_BYTES {
            self.is_cut = true;
            return;
        }
        let left = MAX_COMMANDS.saturating_sub(self.commands);
        let (commands, is_all) = lexer::commands(text, left);
        self.commands += commands.len();
        self.is_cut |= !is_all;
        let mut status = None;
        for command in &commands {
            let runs = match command.joint {
                Joint::Next | Joint::Pipe => true,
                Joint::And => status != Some(false),
                // What follows a command that may fail is how it is handled.
                Joint::Or => status == Some(false),
            };
            if runs {
                status = self.command(command, place, depth);
            }
        }
    }

    /// Follows a command. Returns whether it succeeds, if that is known.
    fn command(&mut self, command: &Command, place: &str, depth: usize) -> Option<bool> {
        let mut words = command.words.as_slice();
        while let Some((first, rest)) = words.split_first() {
            let text = first.expanded(&self.variables);
            let is_before = matches!(text.as_slice(), [text] if BEFORE.contains(&text.as_str()));
            if !is_before && first.assignment().is_none() {
                break;
            }
            if let Some((name, is_appended, value)) = first.assignment() {
                self.assign(name, is_appended, &value);
            }
            words = rest;
        }
        let arguments: Vec<String> = words
            .iter()
            .flat_map(|word| word.expanded(&self.variables))
            .collect();
        let name = arguments.first()?;
        if matches!(
            name.as_str(),
            "export" | "declare" | "local" | "readonly" | "typeset"
        ) {
            for word in words {
                if let Some((name, is_appended, value)) = word.assignment() {
                    self.assign(name, is_appended, &value);
                }
            }
            return None;
        }
        let input = command.input.as_ref().map(|input| match input.is_filled {
            true => filled(&input.text, &self.variables),
            false => input.text.clone(),
        });
        if let Some((target, is_appended)) = &command.output {
            let target = target.joined(&self.variables);
            let content = match (basename(name), input) {
                ("echo" | "printf", _) => {
                    let words = arguments
                        .iter()
                        .skip(1)
                        .filter(|word| !matches!(word.as_str(), "-e" | "-n" | "%s\\n"));
                    let words: Vec<_> = words.map(String::as_str).collect();
                    format!("{}\n", words.join(" "))
                }
                ("cat", Some(input)) => input,
                _ => return self.called(&arguments, None, place, depth),
            };
            self.write(&target, &content, *is_appended, place);
            return None;
        }
        self.called(&arguments, input, place, depth)
    }

    fn called(
        &mut self,
        arguments: &[String],
        input: Option<String>,
        place: &str,
        depth: usize,
    ) -> Option<bool> {
        let (name, rest) = arguments.split_first()?;
        let call = |arguments: &[String]| Call {
            place: place.to_owned(),
            arguments: arguments.to_vec(),
        };
        match basename(name) {
            "[[" | "[" | "test" => return tested(rest),
            "true" | ":" => return Some(true),
            "false" => return Some(false),
            "source" | "." => {
                if let Some(file) = rest.first().and_then(|path| self.files.get(path)).cloned() {
                    self.script(&file.content, place, depth + 1);
                }
            }
            "bash" | "sh" => {
                let is_program = |word: &&String| !word.starts_with('-');
                let at = rest.iter().position(|word| is_program(&word));
                match (at, rest.iter().position(|word| word == "-c")) {
                    // `bash -c TEXT`
                    (Some(at), Some(flag)) if flag < at => {
                        let text = rest.get(at).cloned().unwrap_or_default();
                        self.script(&text, place, depth + 1);
                    }
                    (Some(at), _) if depth <= MAX_SCRIPT_DEPTH => {
                        return self.called(
                            rest.get(at..).unwrap_or_default(),
                            input,
                            place,
                            depth + 1,
                        );
                    }
                    _ => {}
                }
            }
            "tee" => {
                let is_appended = rest.iter().any(|word| word == "-a" || word == "--append");
                let target = rest.iter().find(|word| !word.starts_with('-'));
                if let (Some(target), Some(input)) = (target, input) {
                    self.write(&target.clone(), &input, is_appended, place);
                }
            }
            "bootstrap.sh" => self.bootstrap_calls.push(call(rest)),
            "nodeadm" => self.nodeadm_calls.push(call(rest)),
            "snap" => self.has_snap = true,
            "sed"
                if rest
                    .iter()
                    .any(|word| word.ends_with("/etc/eks/bootstrap.sh")) =>
            {
                self.edits.push(call(rest));
            }
            _ => {
                if let Some(file) = self.files.get(name).cloned() {
                    self.script(&file.content, place, depth + 1);
                } else if let Some(input) = input {
                    self.bytes += input.len();
                    self.inputs.push(call(&[input]));
                }
            }
        }
        None
    }

    fn assign(&mut self, name: &str, is_appended: bool, value: &Word) {
        let mut value = value.joined(&self.variables);
        if is_appended {
            let before = self.variables.get(name).cloned().unwrap_or_default();
            value = match before.is_empty() {
                true => value,
                false => format!("{before} {value}"),
            };
        }
        self.bytes += name.len() + value.len();
        if value.len() > MAX_WORD || self.bytes > MAX_SHELL_BYTES {
            self.is_cut = true;
            value = UNKNOWN.to_owned();
        }
        self.variables.insert(name.to_owned(), value);
    }
}

/// The result of a test that needs no node.
fn tested(words: &[String]) -> Option<bool> {
    let words: Vec<&str> = words
        .iter()
        .map(String::as_str)
        .filter(|word| !matches!(*word, "]]" | "]"))
        .collect();
    let is_known = words.iter().all(|word| !word.contains(['$', '…']));
    match words.as_slice() {
        // An empty word is gone from the list if it was not quoted.
        ["-n"] => Some(false),
        ["-z"] => Some(true),
        ["-n", text] => (!text.is_empty() || is_known).then_some(!text.is_empty()),
        ["-z", text] => Some(text.is_empty()),
        [left, "=" | "==", right] if is_known => Some(left == right),
        [left, "!=", right] if is_known => Some(left != right),
        _ => None,
    }
}

/// The name of a program without its folder.
fn basename(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(text: &str) -> Shell {
        let mut shell = Shell::default();
        shell.run(text, "part 1");
        shell
    }

    fn arguments(text: &str) -> Vec<Vec<String>> {
        let calls = shell(text).bootstrap_calls.into_iter();
        calls.map(|call| call.arguments).collect()
    }

    #[test]
    fn variables_of_the_script_are_in_the_call() {
        let text = "#!/bin/bash\nset -ex\nCLUSTER=core\nexport ARGS=\"--max-pods=20\"\n\
            if true; then sudo /etc/eks/bootstrap.sh $CLUSTER --kubelet-extra-args \"$ARGS $MORE\"; fi\n";
        assert_eq!(
            arguments(text),
            [["core", "--kubelet-extra-args", "--max-pods=20 $MORE"]]
        );
    }

    #[test]
    fn files_that_are_written_can_be_sourced_and_called() {
        let text = "cat > /etc/x.env <<EOF\nNAME=core\nEOF\n\
            cat <<'EOF' | tee /unused\nEOF\n\
            tee -a /etc/x.env <<EOF\nMORE=1\nEOF\n\
            cat > /opt/join.sh <<'EOF'\nsource /etc/x.env\n/etc/eks/bootstrap.sh $NAME $MORE\nEOF\n\
            bash -x /opt/join.sh\n";
        assert_eq!(arguments(text), [["core", "1"]]);
    }

    #[test]
    fn test_that_fails_skips_what_depends_on_it() {
        let text = "A=\"\"\nB=1\nARGS=(--x)\n[[ -n \"${A}\" ]] && ARGS+=(--a)\n[[ -n \"$B\" ]] && ARGS+=(\"--b=$B\")\n\
            [ -z $A ] || ARGS+=(--c)\n/etc/eks/bootstrap.sh \"${ARGS[@]}\"\n";
        assert_eq!(arguments(text), [["--x --b=1"]]);
    }

    #[test]
    fn scripts_that_call_themselves_come_to_an_end() {
        let text = "cat > /a <<'EOF'\n/a\n/a\n. /a\nbash -c '/a'\nEOF\n/a\n";
        assert!(shell(text).is_cut);
    }

    #[test]
    fn values_that_double_come_to_an_end() {
        let text = format!("A=0123456789\n{}", "A=$A$A\nB=\"$B $A\"\n".repeat(200));
        let shell = shell(&text);
        assert!(
            shell
                .variables
                .values()
                .all(|value| value.len() <= 2 * MAX_WORD)
        );
    }

    #[test]
    fn document_of_another_program_is_kept() {
        let found = shell("work=$(mktemp -d)\n\"$work/install.sh\" <<'EOF'\n{\"gate\":[]}\nEOF\n");
        assert_eq!(found.inputs[0].arguments, ["{\"gate\":[]}\n"]);
    }
}
