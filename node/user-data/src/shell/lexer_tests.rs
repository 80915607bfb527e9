use super::super::word::Variables;
use super::*;

/// The words of each command, with what variables come to.
fn words(text: &str, variables: &[(&str, &str)]) -> Vec<Vec<String>> {
    let variables: Variables = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let (commands, _) = commands(text, 100);
    let words = commands.into_iter().map(|command| {
        let words = command.words.into_iter();
        words.flat_map(|word| word.expanded(&variables)).collect()
    });
    words.collect()
}

#[test]
fn quotes_and_continued_lines_make_words() {
    let text = "/etc/eks/bootstrap.sh 'my cluster' --a \"$A\" \\\n  --b $B  # a comment\necho \"it's\" a\\ b";
    let found = words(text, &[("A", "x y"), ("B", "x y")]);
    assert_eq!(
        found,
        [
            vec![
                "/etc/eks/bootstrap.sh",
                "my cluster",
                "--a",
                "x y",
                "--b",
                "x",
                "y"
            ],
            vec!["echo", "it's", "a b"],
        ]
    );
}

#[test]
fn defaults_and_alternatives_of_variables_count() {
    let text = "a ${A:-x} ${B:-${C:-y}} ${A:+--flag} ${D:+--other} ${A} $E $(hostname) `id`";
    let found = words(text, &[("A", "1")]);
    assert_eq!(
        found,
        [["a", "1", "y", "--flag", "1", "$E", "$(…)", "$(…)"]]
    );
}

#[test]
fn document_goes_to_its_command() {
    let text = "cat <<'EOF' >/a; cat > /b <<-END\nx $A\nEOF\n\ty $A\n\tEND\necho z\n";
    let (commands, is_all) = commands(text, 100);
    assert!(is_all);
    let documents: Vec<_> = commands
        .iter()
        .map(|command| {
            command
                .input
                .as_ref()
                .map(|input| (input.text.as_str(), input.is_filled))
        })
        .collect();
    assert_eq!(
        documents,
        [Some(("x $A\n", false)), Some(("y $A\n", true)), None]
    );
    assert!(commands[0].output.is_some() && commands[1].output.is_some());
}

#[test]
fn redirections_are_no_words() {
    let text = "exec > >(tee /var/log/user-data.log|logger -t user-data -s 2>/dev/console) 2>&1\na 2>/dev/null --b &>/dev/null; c <in";
    let found = words(text, &[]);
    assert_eq!(found, [vec!["exec"], vec!["a", "--b"], vec!["c"]]);
}

#[test]
fn array_is_one_word() {
    let (commands, _) = commands("ARGS=(\"--a=1\" \\\n --b)\nARGS+=(--c)", 100);
    assert_eq!(commands.len(), 2);
    let variables = Variables::new();
    assert_eq!(commands[0].words[0].joined(&variables), "--a=1 --b");
    let (name, is_appended, value) = commands[1].words[0].assignment().unwrap();
    assert_eq!(
        (name, is_appended, value.joined(&variables).as_str()),
        ("ARGS", true, "--c")
    );
}

#[test]
fn text_that_ends_anywhere_is_read() {
    for text in [
        "'",
        "\"",
        "\"$",
        "${",
        "$(",
        "a=(",
        "<<",
        "<<EOF",
        "`",
        "\\",
        ">",
        "2>",
        "a ${b:-${",
    ] {
        let (_, is_all) = commands(text, 100);
        assert!(is_all, "{text}");
    }
}
