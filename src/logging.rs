//! The program's own log: rolling daily files, never the screen. Panics are logged too. Values of
//! secrets are redacted.

use std::backtrace::Backtrace;
use std::io::{self, Write};
use std::panic::PanicHookInfo;
use std::path::Path;

use tracing_appender::non_blocking::{NonBlocking, WorkerGuard};
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::config::settings::LogLevel;
use crate::core::base::text;
use crate::vault::Vault;

/// Number of daily files kept.
const KEEP: usize = 7;

/// A started log. Keep it until the end: dropping it flushes the buffer.
#[derive(Debug, Default)]
pub struct Logging {
    /// Why there is no log file; shown to the operator, not fatal.
    pub problem: Option<String>,
    _guard: Option<WorkerGuard>,
}

/// Starts logging into `folder`: opsroom's own messages from `level` up, warnings of libraries.
/// Call it once.
#[must_use]
pub fn start(folder: &Path, level: LogLevel, vault: &Vault) -> Logging {
    let files = match appender(folder) {
        Ok(files) => files,
        Err(why) => {
            let problem = Some(format!(
                "no log file: {} cannot be used ({why})",
                folder.display()
            ));
            return Logging {
                problem,
                _guard: None,
            };
        }
    };
    let filter = EnvFilter::new(format!("warn,opsroom={}", level.name()));
    let (writer, guard) = tracing_appender::non_blocking(files);
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(Redacted(writer, vault.clone()))
        .finish();
    let started = tracing::subscriber::set_global_default(subscriber);
    let problem = started
        .err()
        .map(|_| "the log was started twice; the first one stays".to_owned());
    report_panics(vault.clone());
    Logging {
        problem,
        _guard: Some(guard),
    }
}

fn appender(folder: &Path) -> Result<RollingFileAppender, String> {
    std::fs::create_dir_all(folder).map_err(|e| e.to_string())?;
    RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix("opsroom")
        .filename_suffix("log")
        .max_log_files(KEEP)
        .build(folder)
        .map_err(|e| {
            std::error::Error::source(&e).map_or_else(|| e.to_string(), ToString::to_string)
        })
}

/// Redacts the values of secrets and makes messages safe to show. Each write is a whole message.
struct Redacted(NonBlocking, Vault);

impl<'a> MakeWriter<'a> for Redacted {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        Self(self.0.clone(), self.1.clone())
    }
}

impl Write for Redacted {
    fn write(&mut self, message: &[u8]) -> io::Result<usize> {
        let clean = self.1.redactor().redact(&String::from_utf8_lossy(message));
        self.0.write_all(text::show_lines(&clean).as_bytes())?;
        Ok(message.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Logs every panic before the previous hook runs. A panic message that holds a secret or terminal
/// control characters is printed without them, and the previous hook does not run.
fn report_panics(vault: Vault) {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        tracing::error!(target: "panic", "{}", report(info));
        let (message, redactor) = (info.to_string(), vault.redactor());
        if redactor.finds(&message) || message.contains(|c| c != '\n' && text::is_unsafe(c)) {
            // A closed stream leaves nothing to report to.
            let _ = writeln!(
                io::stderr(),
                "{}",
                text::show_lines(&redactor.redact(&message))
            );
        } else {
            before(info);
        }
    }));
}

fn report(info: &PanicHookInfo<'_>) -> String {
    let thread = std::thread::current();
    format!(
        "thread {}: {info}\n{}",
        thread.name().unwrap_or("unnamed"),
        Backtrace::force_capture()
    )
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
        let nowhere = start(&blocked.join("logs"), LogLevel::Info, &Vault::default());
        assert!(
            nowhere
                .problem
                .as_ref()
                .is_some_and(|p| p.contains("no log file")),
            "{:?}",
            nowhere.problem
        );

        let logs = folder.path().join("state").join("opsroom");
        let token = folder.path().join("token");
        std::fs::write(&token, "pl4nted-value").unwrap();
        std::fs::set_permissions(&token, std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .unwrap();
        let source = crate::core::base::secret::Source::File(token.display().to_string());
        let vault = Vault::new(vec![crate::core::base::secret::Secret {
            name: "T".to_owned(),
            source,
            hosts: vec![],
        }]);
        let logging = start(&logs, LogLevel::Warn, &vault);
        assert_eq!(logging.problem, None);
        tracing::info!("not wanted");
        tracing::warn!("escape \u{1b}[31mred \u{202e}turned\u{9b}1m\u{7f}");
        tracing::warn!(
            field = "pl4nted-value",
            "in a message: pl4nted-value, in base64: cGw0bnRlZC12YWx1ZQ=="
        );
        let panicked = std::thread::spawn(|| panic!("token pl4nted-value refused")).join();
        assert!(panicked.is_err());
        let caught = std::thread::Builder::new()
            .name("doomed".to_owned())
            .spawn(|| panic!("as planned"))
            .unwrap()
            .join();
        assert!(caught.is_err());
        drop(logging);
        let logged: String = std::fs::read_dir(&logs)
            .unwrap()
            .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
            .collect();
        assert!(
            logged.contains("token [secret T] refused")
                && logged.contains("in a message: [secret T]"),
            "{logged}"
        );
        assert!(
            !logged.contains("pl4nted") && !logged.contains("cGw0bnRlZC12"),
            "{logged}"
        );
        assert!(
            logged.contains("thread doomed") && logged.contains("as planned"),
            "{logged}"
        );
        assert!(
            logged.contains("red")
                && !logged.contains(|c| c != '\n' && text::is_unsafe(c))
                && !logged.contains("not wanted"),
            "{logged}"
        );
    }
}
