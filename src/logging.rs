//! The program's own log: rolling daily files, never the screen. Panics are reported there too.

use std::backtrace::Backtrace;
use std::panic::PanicHookInfo;
use std::path::Path;

use tracing_appender::non_blocking::WorkerGuard;
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::EnvFilter;

use crate::config::settings::LogLevel;

/// Days kept.
const KEEP: usize = 7;

/// A started log. Keep it until the end: dropping it writes what is still buffered.
#[derive(Debug, Default)]
pub struct Logging {
    /// Why there is no log file; to be shown, not to stop for.
    pub problem: Option<String>,
    _guard: Option<WorkerGuard>,
}

/// Starts logging into `folder`: opsroom's own messages from `level` up, warnings of others. Call it once.
#[must_use]
pub fn start(folder: &Path, level: LogLevel) -> Logging {
    let files = match appender(folder) {
        Ok(files) => files,
        Err(why) => {
            let problem = Some(format!("no log file: {} cannot be used ({why})", folder.display()));
            return Logging { problem, _guard: None };
        }
    };
    let filter = EnvFilter::new(format!("warn,opsroom={}", level.name()));
    let (writer, guard) = tracing_appender::non_blocking(files);
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(writer).finish();
    let started = tracing::subscriber::set_global_default(subscriber);
    let problem = started.err().map(|_| "the log was started twice; the first one stays".to_owned());
    report_panics();
    Logging { problem, _guard: Some(guard) }
}

fn appender(folder: &Path) -> Result<RollingFileAppender, String> {
    std::fs::create_dir_all(folder).map_err(|e| e.to_string())?;
    RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix("opsroom")
        .filename_suffix("log")
        .max_log_files(KEEP)
        .build(folder)
        .map_err(|e| std::error::Error::source(&e).map_or_else(|| e.to_string(), ToString::to_string))
}

/// Writes every panic to the log before whatever hook was there already does its part.
fn report_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        tracing::error!(target: "panic", "{}", report(info));
        before(info);
    }));
}

fn report(info: &PanicHookInfo<'_>) -> String {
    let thread = std::thread::current();
    format!("thread {}: {info}\n{}", thread.name().unwrap_or("unnamed"), Backtrace::force_capture())
}

#[cfg(test)]
mod tests {
    use super::*;

    // One test: the subscriber and the panic hook are global to the process.
    #[test]
    fn panics_and_messages_reach_the_file_and_a_bad_folder_is_only_a_problem() {
        let folder = tempfile::tempdir().unwrap();
        let blocked = folder.path().join("file");
        std::fs::write(&blocked, "").unwrap();
        let nowhere = start(&blocked.join("logs"), LogLevel::Info);
        assert!(nowhere.problem.as_ref().is_some_and(|p| p.contains("no log file")), "{:?}", nowhere.problem);

        let logs = folder.path().join("state").join("opsroom");
        let logging = start(&logs, LogLevel::Warn);
        assert_eq!(logging.problem, None);
        tracing::info!("not wanted");
        tracing::warn!("escape \u{1b}[31mred");
        let caught =
            std::thread::Builder::new().name("doomed".to_owned()).spawn(|| panic!("as planned")).unwrap().join();
        assert!(caught.is_err());
        drop(logging);
        let text: String = std::fs::read_dir(&logs)
            .unwrap()
            .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
            .collect();
        assert!(text.contains("thread doomed") && text.contains("as planned"), "{text}");
        assert!(text.contains("red") && !text.contains('\u{1b}') && !text.contains("not wanted"), "{text}");
    }
}
