//! A minimal Lambda function: it speaks the Runtime API over plain TCP, without any crate.
//!
//! The tests of the function host run it. Its payload tells it what to do: a JSON text that
//! contains one of `fail`, `exit`, `sleep`, `environment`, `large`, `measure`. It returns any other payload.
//! With `INIT=exit` or `INIT=error` in its environment, it does not start.

use std::env;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::exit;
use std::thread::sleep;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

fn main() -> io::Result<()> {
    match env::var("INIT").as_deref() {
        Ok("exit") => exit(3),
        Ok("error") => {
            call(
                "POST",
                "init/error",
                r#"{"errorType":"Init","errorMessage":"no"}"#,
            )?;
            sleep(Duration::from_secs(30));
        }
        _ => {}
    }
    let mut served = 0;
    loop {
        let (id, payload) = call("GET", "invocation/next", "")?;
        served += 1;
        println!(r#"{{"message":"working","served":{served}}}"#);
        let (route, answer) = if payload.contains("fail") {
            (
                "error",
                r#"{"errorType":"NoAddress","errorMessage":"none left"}"#.to_owned(),
            )
        } else if payload.contains("exit") {
            eprintln!("about to exit");
            exit(1)
        } else if payload.contains("sleep") {
            sleep(Duration::from_millis(600));
            ("response", payload)
        } else if payload.contains("environment") {
            let mut variables: Vec<String> = env::vars()
                .map(|(name, value)| format!("{name:?}:{value:?}"))
                .collect();
            variables.sort();
            ("response", format!("{{{}}}", variables.join(",")))
        } else if payload.contains("measure") {
            println!("{}", measured());
            ("response", payload)
        } else if payload.contains("large") {
            ("response", format!("\"{}\"", "x".repeat(7 * 1024 * 1024)))
        } else {
            ("response", payload)
        };
        // The host may refuse the response as too large. That is part of the test.
        let _ = call("POST", &format!("invocation/{id}/{route}"), &answer);
    }
}

/// A document of CloudWatch's embedded metric format: one `Served`, now.
fn measured() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.unwrap_or_default().as_millis();
    format!(
        r#"{{"_aws":{{"Timestamp":{now},"CloudWatchMetrics":[{{"Namespace":"Test","Dimensions":[["Kind"]],"Metrics":[{{"Name":"Served"}}]}}]}},"Kind":"a","Served":1}}"#
    )
}

/// One call of the Runtime API: the request id (if there is one) and the body of its answer.
fn call(method: &str, route: &str, body: &str) -> io::Result<(String, String)> {
    let address = env::var("AWS_LAMBDA_RUNTIME_API").map_err(io::Error::other)?;
    let mut stream = TcpStream::connect(&address)?;
    let length = body.len();
    write!(
        stream,
        "{method} /2018-06-01/runtime/{route} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )?;
    let mut reader = BufReader::new(stream);
    let (mut id, mut line) = (String::new(), String::new());
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let header = line.trim_end();
        if header.is_empty() {
            break;
        }
        if let Some((name, value)) = header.split_once(": ")
            && name.eq_ignore_ascii_case("Lambda-Runtime-Aws-Request-Id")
        {
            value.clone_into(&mut id);
        }
    }
    let mut answer = String::new();
    reader.read_to_string(&mut answer)?;
    Ok((id, answer))
}
