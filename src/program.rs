//! The entry point: takes the arguments, returns the exit code. It is in the library, not in
//! `main.rs`, because an asynchronous function is compiled where it is first awaited: here that
//! happens once, in parallel with the rest.

use std::process::ExitCode;
use std::time::Duration;

use crate::cli::{self, Code, Next, Start, Stop};
use crate::clock::Clock;
use crate::{logging, tui};

/// Runs the subcommand of the arguments.
#[must_use]
pub fn run() -> ExitCode {
    let arguments = match cli::read(std::env::args_os()) {
        Ok(arguments) => arguments,
        Err(code) => return code.into(),
    };
    let mut start = Start::new(&arguments.global, Clock::System);
    let log = start
        .settings()
        .ok()
        .map(|s| logging::start(&s.paths.state, s.log_level, &start.vault))
        .unwrap_or_default();
    start.log_problem.clone_from(&log.problem);
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return Stop::System(error).report().into(),
    };
    let code = runtime
        .block_on(go(arguments.command, &start))
        .unwrap_or_else(|stop| stop.report());
    runtime.shutdown_timeout(Duration::from_secs(1));
    code.into()
}

async fn go(command: Option<cli::Command>, start: &Start) -> Result<Code, Stop> {
    match cli::perform(command, start).await? {
        Next::Exit(code) => Ok(code),
        Next::View(view) => {
            let console = start.settings().map(|s| s.console).unwrap_or_default();
            let exit = tui::run_viewer(*view, start.console_keys(), console, start.clock)
                .await
                .map_err(Stop::System)?;
            Ok(exit.into())
        }
        Next::Console(session) => {
            let (keys, console) = (start.console_keys(), start.settings()?.console);
            let exit = tui::run(&session.control, keys, console, start.clock)
                .await
                .map_err(Stop::System)?;
            session.finish(exit).await
        }
    }
}
