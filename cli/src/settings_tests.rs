//! What is meant by command lines.

use clap::Parser;

use super::*;

const TERMINAL: Surroundings = Surroundings {
    stdout_colours: true,
    stderr_colours: true,
};

fn settings(line: &str) -> Settings {
    let args = Args::try_parse_from(line.split_whitespace()).unwrap();
    Settings::of(args, &TERMINAL)
}

#[test]
fn plain_command_gets_the_defaults() {
    let expected = Settings {
        format: Format::Text,
        colours: Colours {
            stdout: true,
            stderr: true,
        },
        verbosity: Verbosity {
            own: LevelFilter::WARN,
            libraries: LevelFilter::OFF,
        },
        command: Command::WhoAmI {
            aws: AwsSettings::default(),
        },
    };
    assert_eq!(settings("hookline whoami"), expected);
}

#[test]
fn global_options_count_before_and_after_the_command() {
    let before = settings("hookline --json --region eu-west-1 --aws-profile ops whoami");
    let after = settings("hookline whoami --json --region eu-west-1 --aws-profile ops");
    assert_eq!(before, after);
    assert_eq!(before.format, Format::Json);
    let Command::WhoAmI { aws } = before.command else {
        panic!("{:?}", before.command);
    };
    assert_eq!(aws.profile.as_deref(), Some("ops"));
    assert_eq!(aws.region.as_deref(), Some("eu-west-1"));
}

#[test]
fn stack_is_that_of_the_option_or_the_only_one() {
    let aws = AwsSettings::default();
    let explain = Command::Read {
        aws: aws.clone(),
        read: Read {
            stack: Some("core".to_owned()),
            what: Question::Explain("upf".to_owned()),
        },
    };
    assert_eq!(
        settings("hookline explain upf --stack core").command,
        explain
    );
    let read = Read {
        stack: None,
        what: Question::Status,
    };
    let status = Command::Read { aws, read };
    assert_eq!(settings("hookline status").command, status);
}

#[test]
fn every_command_of_aws_remembers_what_chose_where_it_works() {
    let options = "--region eu-west-1 --aws-profile ops";
    for (line, stack) in [
        ("status", Some("core")),
        ("timeline upf -o -", Some("core")),
        ("pause upf", Some("core")),
        ("adopt", Some("core")),
        ("migrate", Some("core")),
        ("versions", Some("core")),
        ("whoami", None),
        ("user-data explain x", None),
    ] {
        let of_stack = stack.map_or_else(String::new, |stack| format!(" --stack {stack}"));
        let chosen = settings(&format!("hookline {line} {options}{of_stack}")).command;
        let expected = Chosen {
            stack: stack.map(str::to_owned),
            aws_profile: Some("ops".to_owned()),
            region: Some("eu-west-1".to_owned()),
        };
        assert_eq!(chosen.chosen(), expected, "{line}");
    }
    assert_eq!(
        settings("hookline status").command.chosen(),
        Chosen::default()
    );
}

#[test]
fn live_view_is_not_asked_for_with_logs_or_json() {
    for option in ["-v", "--json"] {
        let line = format!("hookline status --watch {option}");
        let refused = Args::try_parse_from(line.split(' ')).unwrap_err();
        assert_eq!(
            refused.kind(),
            clap::error::ErrorKind::ArgumentConflict,
            "{line}"
        );
    }
}

#[test]
fn json_has_no_colours_on_a_terminal() {
    let off = Colours {
        stdout: false,
        stderr: false,
    };
    assert_eq!(settings("hookline --json schema").colours, off);
}

#[test]
fn each_stream_gets_colours_by_itself() {
    let args = Args::try_parse_from(["hookline", "schema"]).unwrap();
    let piped = Surroundings {
        stdout_colours: false,
        stderr_colours: true,
    };
    let colours = Settings::of(args, &piped).colours;
    assert!(!colours.stdout && colours.stderr, "{colours:?}");
}

#[test]
fn libraries_never_log_at_debug() {
    for (line, own, libraries) in [
        ("hookline schema", LevelFilter::WARN, LevelFilter::OFF),
        ("hookline schema -v", LevelFilter::INFO, LevelFilter::WARN),
        ("hookline schema -vv", LevelFilter::DEBUG, LevelFilter::INFO),
        (
            "hookline -vvvv schema",
            LevelFilter::DEBUG,
            LevelFilter::INFO,
        ),
    ] {
        let expected = Verbosity { own, libraries };
        assert_eq!(settings(line).verbosity, expected, "{line}");
    }
}

#[test]
fn launch_template_has_its_default_version_or_the_one_after_a_colon() {
    let source = |line: &str| match settings(line).command {
        Command::ExplainUserData { source, .. } => source,
        other => panic!("{other:?}"),
    };
    for (option, template, version) in [
        ("lt-1", "lt-1", "$Default"),
        ("nodes:$Latest", "nodes", "$Latest"),
    ] {
        let expected = UserDataSource::LaunchTemplate {
            template: template.to_owned(),
            version: version.to_owned(),
        };
        let line = format!("hookline user-data explain --launch-template {option}");
        assert_eq!(source(&line), expected);
    }
}

#[test]
fn dash_is_stdin_and_any_other_name_is_a_file() {
    let source = |line: &str| match settings(line).command {
        Command::CheckProfile { source, kind } => (source, kind),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        source("hookline profile check -"),
        (Source::Stdin, ProfileKind::Launch)
    );
    assert_eq!(
        source("hookline profile check --naming ./-"),
        (Source::File("./-".into()), ProfileKind::Naming)
    );
}
