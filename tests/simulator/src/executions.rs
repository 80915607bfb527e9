//! The executions of a run. Each is walked in a task of its own, until it ends or is stopped.

use std::rc::Rc;

use hookline_local::stepfunctions::{ExecutionEnd, StartExecution};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::shared::Shared;
use crate::walker::{self, Verdict};

/// Walks every execution that is started, each in a task of its own.
pub(super) async fn walk_all(
    shared: Rc<Shared>,
    mut started: mpsc::UnboundedReceiver<StartExecution>,
) {
    while let Some(start) = started.recv().await {
        let shared = Rc::clone(&shared);
        *shared.running.borrow_mut() += 1;
        let began = Instant::now();
        tokio::task::spawn_local(async move {
            let (arn, name) = (&start.execution_arn, &start.name);
            let engine = shared.local.stepfunctions();
            let verdict = tokio::select! {
                biased;
                // A stopped execution does nothing more. On AWS, a function that is running then
                // still runs to its end.
                () = engine.stopped(arn) => Ok(Verdict::aborted()),
                verdict = walker::run(&shared.machine, &start, &*shared) => verdict,
            };
            let verdict = verdict.unwrap_or_else(|error| {
                shared.note(&format!("{name}  the walker gave up: {error:#}"));
                Verdict::gave_up(&error)
            });
            let why = verdict.cause.as_deref().unwrap_or_default();
            shared.note(&format!("{name}  {} {why}", verdict.status));
            let end = ExecutionEnd {
                status: verdict.status.to_owned(),
                error: verdict.error.clone(),
                cause: verdict.cause.clone(),
                output: verdict.output.clone(),
            };
            engine.end_execution(&shared.local, arn, end);
            shared.starts.borrow_mut().push(began);
            shared.verdicts.borrow_mut().push(verdict);
            *shared.running.borrow_mut() -= 1;
        });
    }
}
