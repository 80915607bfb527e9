//! Whatever a function is given, it answers with a value or with a typed error, and never panics.

use hookline_domain::Error;
use hookline_testkit::calls::FunctionCalls as _;
use hookline_testkit::launch::{Launch, State};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value, json};

/// Any JSON, with numbers at the ends of their ranges and texts that look like ids.
pub(crate) fn any_json() -> impl Strategy<Value = Value> {
    let known = [
        "",
        "i-0123456789abcdef0",
        "eni-0123456789abcdef0",
        "subnet-0123456789abcdef0",
        "10.0.0.4",
        "::",
        "0.0.0.0/0",
        "CONTINUE",
        "lowest-free",
        "{{ asg }}",
        "{{ private_ip | octets(18446744073709551615) }}",
        "autoscaling:EC2_INSTANCE_LAUNCHING",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(vec![
            i64::MIN,
            -1,
            0,
            1,
            255,
            256,
            u32::MAX.into(),
            i64::MAX
        ])
        .prop_map(Value::from),
        prop::sample::select(known.to_vec()).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// One change of a valid payload.
#[derive(Debug, Clone)]
pub(crate) enum Mutation {
    Replace(Value),
    Remove,
    Double,
}

pub(crate) fn mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        4 => any_json().prop_map(Mutation::Replace),
        1 => Just(Mutation::Remove),
        1 => Just(Mutation::Double),
    ]
}

fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let key = key.replace('~', "~0").replace('/', "~1");
                pointers(value, &format!("{at}/{key}"), found);
            }
        }
        Value::Array(items) => {
            for (n, value) in items.iter().enumerate() {
                pointers(value, &format!("{at}/{n}"), found);
            }
        }
        _ => {}
    }
}

pub(crate) fn mutate(payload: &mut Value, place: &prop::sample::Index, mutation: Mutation) {
    let mut found = Vec::new();
    pointers(payload, "", &mut found);
    let pointer = place.get(&found);
    match mutation {
        Mutation::Replace(value) => *payload.pointer_mut(pointer).unwrap() = value,
        Mutation::Remove => {
            // The whole payload cannot be removed.
            let Some((parent, key)) = pointer.rsplit_once('/') else {
                return;
            };
            match payload.pointer_mut(parent).unwrap() {
                Value::Array(items) => drop(items.remove(key.parse().unwrap())),
                object => {
                    let key = key.replace("~1", "/").replace("~0", "~");
                    drop(object.as_object_mut().unwrap().remove(&key));
                }
            }
        }
        Mutation::Double => {
            if let Some(Value::Array(items)) = payload.pointer_mut(pointer) {
                items.extend(items.clone());
            }
        }
    }
}

fn answers(
    runtime: &tokio::runtime::Runtime,
    launch: &Launch,
    state: State,
    payload: Value,
) -> Result<(), TestCaseError> {
    match runtime.block_on(launch.handle(state, payload)) {
        Ok(_) => {}
        Err(error) => {
            prop_assert!(Error::TYPES.contains(&error.error_type()));
            let says = error.to_string();
            // A panic of a concurrent task is caught and becomes an error.
            prop_assert!(!says.contains("panic"), "{says}");
            prop_assert!(says.len() < 5_000, "{} characters", says.len());
        }
    }
    Ok(())
}

pub(crate) fn virtual_time() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().start_paused(true).build().unwrap()
}

fn states() -> impl Strategy<Value = State> {
    prop::sample::select(State::ALL.to_vec())
}

/// The number of cases: PROPTEST_CASES for a long run, otherwise `usual`.
pub(crate) fn cases(usual: u32) -> u32 {
    let asked = std::env::var("PROPTEST_CASES").ok();
    asked.and_then(|asked| asked.parse().ok()).unwrap_or(usual)
}

#[test]
fn any_json_payload_gets_a_result_or_an_error() {
    let runtime = virtual_time();
    let launch = runtime.block_on(Launch::running()).unwrap();
    let mark = launch.mark();
    let inputs = (states(), any_json(), any_json());
    TestRunner::new(Config::with_cases(cases(1_000)))
        .run(&inputs, |(state, whole, part)| {
            answers(&runtime, &launch, state, whole)?;
            let payload = json!({"launch": part.clone(), "result": "CONTINUE"});
            answers(&runtime, &launch, state, payload)?;
            let payload = json!({"event": part.clone(), "input": part, "result": "CONTINUE"});
            answers(&runtime, &launch, state, payload)
        })
        .unwrap();
    assert_eq!(launch.calls_since(mark).len(), 0, "nothing was done for it");
}

#[test]
fn mutated_payload_gets_a_result_or_an_error() {
    let runtime = virtual_time();
    let mut launch = runtime.block_on(Launch::running()).unwrap();
    runtime
        .block_on(launch.run_to(State::CreateInterfaces))
        .unwrap();
    let inputs = (
        states(),
        prop::collection::vec((any::<prop::sample::Index>(), mutation()), 1..4),
    );
    TestRunner::new(Config::with_cases(cases(1_500)))
        .run(&inputs, |(state, mutations)| {
            let mut payload = launch.payload(state);
            for (place, mutation) in mutations {
                mutate(&mut payload, &place, mutation);
            }
            answers(&runtime, &launch, state, payload)
        })
        .unwrap();
    let contradictions = launch
        .local()
        .with_world(|world| world.ec2.contradictions());
    assert_eq!(contradictions, Vec::<String>::new());
}
