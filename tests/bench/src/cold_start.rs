//! The cold start of the functions' executables: the time from the start of the process to its
//! first request for an invocation, its memory at that time, and its size in a zip file.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use flate2::Compression;
use flate2::write::DeflateEncoder;
use hookline_testkit::deployment::functions_of_launches;

use crate::launch::median;

/// The functions that launches need.
fn functions() -> impl Iterator<Item = &'static str> {
    functions_of_launches().chain(["reconcile"])
}
/// The first request of a function.
const NEXT: &str = "GET /2018-06-01/runtime/invocation/next ";
/// A program that has not sent it by then never will.
const LIMIT: Duration = Duration::from_secs(10);

/// The results of one function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured {
    /// Its name.
    pub function: String,
    /// The median of its starts.
    pub start: Duration,
    /// The slowest of its starts.
    pub slowest: Duration,
    /// Its peak memory before its first request (VmHWM), in KiB; `None` where there is no /proc.
    pub memory_kib: Option<u64>,
    /// The size of the executable, in bytes.
    pub size: u64,
    /// The same, compressed as in a zip file.
    pub zipped: u64,
}

/// Measures every function in the folder, `runs` times each.
///
/// # Errors
/// If there is no such executable, or it does not ask for an invocation.
pub fn measure(folder: &Path, runs: usize) -> Result<Vec<Measured>> {
    functions()
        .map(|function| {
            measure_one(&folder.join(function), runs)
                .with_context(|| format!("measuring {function}"))
        })
        .collect()
}

fn measure_one(program: &Path, runs: usize) -> Result<Measured> {
    let runs = runs.max(1);
    // The first start reads the executable from the disk, so it does not count.
    let mut memory_kib = start(program)?.1;
    let mut starts = Vec::new();
    for _ in 0..runs {
        let (took, memory) = start(program)?;
        starts.push(took);
        memory_kib = memory_kib.max(memory);
    }
    let bytes = fs::read(program).with_context(|| format!("reading {}", program.display()))?;
    Ok(Measured {
        function: program
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        slowest: starts.iter().copied().max().unwrap_or_default(),
        start: median(starts),
        memory_kib,
        size: u64::try_from(bytes.len())?,
        zipped: deflated(&bytes)?,
    })
}

/// Starts the program with a Runtime API that has no invocation for it, and ends it.
fn start(program: &Path) -> Result<(Duration, Option<u64>)> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("listening on loopback")?;
    let address = listener.local_addr()?;
    let mut command = Command::new(program);
    command
        .env_clear()
        .envs([
            ("AWS_LAMBDA_RUNTIME_API", address.to_string()),
            ("AWS_LAMBDA_FUNCTION_NAME", "function".to_owned()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128".to_owned()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "group".to_owned()),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "stream".to_owned()),
            ("AWS_REGION", "us-west-2".to_owned()),
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let began = Instant::now();
    let mut child = Ended(
        command
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?,
    );
    let connection = accept(&listener, &mut child.0, began)?;
    let request = first_line(&connection)?;
    let took = began.elapsed();
    ensure!(
        request.starts_with(NEXT),
        "it asked for something else: {request:?}"
    );
    let status = PathBuf::from(format!("/proc/{}/status", child.0.id()));
    let memory = fs::read_to_string(status).ok();
    Ok((took, memory.as_deref().and_then(high_water_mark)))
}

/// Waits for the program's connection, while the program runs.
fn accept(listener: &TcpListener, child: &mut Child, began: Instant) -> Result<TcpStream> {
    // A thread accepts, so that the time of the connection does not depend on a polling interval.
    let waiting = listener.try_clone()?;
    let accepting = thread::spawn(move || waiting.accept());
    while !accepting.is_finished() {
        let exit = child.try_wait()?;
        if exit.is_some() || began.elapsed() > LIMIT {
            // A connection from here ends the thread.
            drop(TcpStream::connect(listener.local_addr()?));
            let _ = accepting.join();
            match exit {
                Some(status) => bail!("it ended before it asked for work ({status})"),
                None => bail!("it did not ask for work within {LIMIT:?}"),
            }
        }
        thread::sleep(Duration::from_micros(200));
    }
    match accepting.join() {
        Ok(accepted) => Ok(accepted?.0),
        Err(_) => bail!("accepting the connection panicked"),
    }
}

fn first_line(connection: &TcpStream) -> Result<String> {
    connection.set_read_timeout(Some(LIMIT))?;
    let mut line = String::new();
    BufReader::new(connection)
        .read_line(&mut line)
        .context("reading the request")?;
    Ok(line)
}

/// A process that is killed when this is dropped.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The peak memory of a process, in KiB, from its /proc/PID/status.
fn high_water_mark(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// The peak memory of this process so far, in KiB; `None` where there is no /proc.
#[must_use]
pub fn high_water_mark_of_this_process() -> Option<u64> {
    high_water_mark(&fs::read_to_string("/proc/self/status").ok()?)
}

/// The size of the bytes as `cargo xtask package` packs them (level 9); the frame of a zip file
/// adds some hundred bytes.
fn deflated(bytes: &[u8]) -> io::Result<u64> {
    let mut encoder = DeflateEncoder::new(Counter(0), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?.0)
}

struct Counter(u64);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The table for docs/performance.md.
#[must_use]
pub fn table(measured: &[Measured], runs: usize) -> String {
    let mut table = format!(
        "{runs} starts of each executable of `cargo build --release`, the file in the page cache:\n\n\
         | function | start → first `next`, median | slowest | memory | executable | zipped |\n|---|---|---|---|---|---|\n"
    );
    for one in measured {
        let memory = one
            .memory_kib
            .map_or("–".to_owned(), |kib| megabytes(kib * 1024));
        table += &format!(
            "| `{}` | {:.1} ms | {:.1} ms | {memory} | {} | {} |\n",
            one.function,
            one.start.as_secs_f64() * 1e3,
            one.slowest.as_secs_f64() * 1e3,
            megabytes(one.size),
            megabytes(one.zipped),
        );
    }
    table
}

/// A million bytes is a MB.
fn megabytes(bytes: u64) -> String {
    let hundredths = bytes / 10_000;
    format!("{}.{:02} MB", hundredths / 100, hundredths % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peak_memory_is_read_from_status() {
        let status =
            "Name:\ttag-node\nVmPeak:\t  20000 kB\nVmHWM:\t    7964 kB\nVmRSS:\t    7000 kB\n";
        assert_eq!(high_water_mark(status), Some(7964));
        assert_eq!(high_water_mark("Name:\ttag-node\n"), None);
    }

    #[test]
    fn repetitive_bytes_are_compressed() {
        let packed = deflated(&[7; 100_000]).unwrap();
        assert!((10..1_000).contains(&packed), "{packed} bytes");
    }

    #[test]
    fn program_that_never_asks_is_an_error() {
        let error = format!("{:#}", start(Path::new("/bin/true")).unwrap_err());
        assert!(error.contains("before it asked for work"), "{error}");
        assert!(measure_one(Path::new("/nowhere/tag-node"), 1).is_err());
    }

    #[test]
    fn table_has_a_row_for_each_function() {
        let one = Measured {
            function: "tag-node".to_owned(),
            start: Duration::from_micros(6_840),
            slowest: Duration::from_micros(9_000),
            memory_kib: Some(8_000),
            size: 8_600_000,
            zipped: 3_456_789,
        };
        let text = table(&[one], 30);
        assert!(
            text.ends_with("| `tag-node` | 6.8 ms | 9.0 ms | 8.19 MB | 8.60 MB | 3.45 MB |\n"),
            "{text}"
        );
    }
}
