//! Where credentials come from, by what the environment and the AWS configuration files say.

use super::*;

const CONFIG: &str = "
[default]
region = us-west-2
[profile keys]
aws_access_key_id = id
aws_secret_access_key = secret
[profile program]
credential_process = /bin/true
[profile center]
sso_session = ours
sso_account_id = 123456789012
sso_role_name = Operators
[profile console]
login_session = arn:aws:iam::123456789012:user/ops
[profile role]
role_arn = arn:aws:iam::123456789012:role/Operators
source_profile = keys
[profile role-of-center]
role_arn = arn:aws:iam::123456789012:role/Operators
source_profile = role-2
[profile role-2]
role_arn = arn:aws:iam::123456789012:role/Between
source_profile = center
[profile loop]
role_arn = arn:aws:iam::123456789012:role/Operators
source_profile = loop-2
[profile loop-2]
role_arn = arn:aws:iam::123456789012:role/Operators
source_profile = loop
[sso-session ours]
sso_region = us-west-2
sso_start_url = https://example.com/start
";

async fn read(option: Option<&str>, environment: &[(&str, &str)]) -> Result<Origin, Error> {
    let mut environment = environment.to_vec();
    environment.push(("HOME", "/home"));
    let files = Fs::from_slice(&[("/home/.aws/config", CONFIG)]);
    Origin::of(option, &Env::from_slice(&environment), &files).await
}

#[tokio::test]
async fn each_field_of_a_profile_has_its_method() {
    for (name, expected, base) in [
        ("keys", Method::Keys, "keys"),
        ("program", Method::Process, "program"),
        ("center", Method::IdentityCenter, "center"),
        ("console", Method::Login, "console"),
        ("role", Method::Role, "role"),
        ("role-of-center", Method::IdentityCenter, "center"),
        ("loop", Method::Role, "loop"),
    ] {
        for (option, variable) in [(Some(name), ""), (None, name)] {
            let variable = [(PROFILE_VARIABLE, variable)];
            let environment = variable.iter().filter(|(_, value)| !value.is_empty());
            let environment: Vec<_> = environment.copied().collect();
            let found = read(option, &environment).await.unwrap();
            let expected = Origin::Profile {
                name: name.to_owned(),
                method: expected,
                base: base.to_owned(),
                by_option: option.is_some(),
            };
            assert_eq!(found, expected);
        }
    }
}

#[tokio::test]
async fn keys_of_the_environment_win_over_the_variable_and_not_over_the_option() {
    let keys = [
        ("AWS_ACCESS_KEY_ID", "id"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        (PROFILE_VARIABLE, "nobody"),
    ];
    assert_eq!(read(None, &keys).await.unwrap(), Origin::Environment);
    let chosen = read(Some("keys"), &keys).await.unwrap();
    assert_eq!(chosen.profile(), Some("keys"));
    // A key without its secret is none.
    let one = [keys[0]];
    assert_eq!(read(None, &one).await.unwrap(), Origin::Elsewhere);
}

#[tokio::test]
async fn profile_that_does_not_exist_is_refused_with_those_that_do() {
    for (option, setting) in [(Some("nobody"), "--aws-profile"), (None, PROFILE_VARIABLE)] {
        let error = read(option, &[(PROFILE_VARIABLE, "nobody")])
            .await
            .unwrap_err();
        let text = format!("{error}. {}", error.remedy());
        let expected = format!(
            "{setting} names the AWS profile \"nobody\", which does not exist. Correct {setting}. There are: \
             center, console, default, keys, loop, loop-2, program, role, role-2, role-of-center."
        );
        assert_eq!(text, expected);
    }
}

#[tokio::test]
async fn profile_without_credentials_is_told_only_if_the_option_chose_it() {
    let found = read(None, &[(PROFILE_VARIABLE, "default")]).await.unwrap();
    assert_eq!(found, Origin::Elsewhere);
    assert_eq!(read(None, &[]).await.unwrap(), Origin::Elsewhere);
    let found = read(Some("default"), &[]).await.unwrap();
    assert_eq!(found.profile(), Some("default"));
}

#[tokio::test]
async fn file_that_is_none_is_told_with_its_line() {
    let files = Fs::from_slice(&[("/home/.aws/config", "[default]\nnothing\n")]);
    let environment = Env::from_slice(&[("HOME", "/home")]);
    let error = Origin::of(None, &environment, &files).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("/home/.aws/config on line 2"), "{text}");
}

#[test]
fn only_some_profiles_are_listed() {
    let known: Vec<_> = (0..12).map(|number| format!("p{number}")).collect();
    assert!(known_words(&known).ends_with("p9 and 2 more."));
    assert!(known_words(&[]).contains("aws configure"));
}
