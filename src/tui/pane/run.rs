//! One run: header, steps, artifacts and log.

pub mod log;
pub mod runs;
pub mod whole;

mod artifacts;
mod people;

use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};

use self::runs::took;
use super::{Delivery, Destination, Opening, Pointing, Reaction, Scene, View};
use crate::bus::Notice;
use crate::core::base::time::human_ms;
use crate::core::run::act::Act;
use crate::core::run::orders::{Ending, Pace};
use crate::core::run::plan::PlanStep;
use crate::core::run::summary::RunSummary;
use crate::core::run::{Run, RunId, RunStatus, RunStep, StepStatus};
use crate::tui::facts::Facts;
use crate::tui::frame::Frame;
use crate::tui::keys::{Action, Context};
use crate::tui::logs::LogPane;
use crate::tui::msg::{Effect, Msg, RunDetail};
use crate::tui::picker::{Picker, first_visible};
use crate::tui::theme::{run_symbol, run_word, step_symbol, step_word};
use crate::tui::verbs;
use crate::tui::view::canvas::{Canvas, column, fit, foot_of, row, safe, wrapped};
use crate::tui::view::layout;

/// The panes of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Steps,
    Log,
    Artifacts,
}

const PARTS: [Part; 3] = [Part::Steps, Part::Log, Part::Artifacts];

/// The view of one run.
#[derive(Debug, Clone)]
pub struct RunScreen {
    run: RunId,
    detail: Option<RunDetail>,
    focus: Part,
    full: bool,
    steps: Picker<u32>,
    artifacts: Picker<usize>,
    /// The artifact requested last, until it arrives.
    opening: Option<u32>,
    /// Asked about once the run has been read.
    wanted: Option<Act>,
    /// Start options of the console, including the operator.
    facts: Facts,
    in_flight: bool,
    stale: bool,
    error: Option<String>,
}

impl RunScreen {
    /// The view of a run.
    #[must_use]
    pub fn open(run: RunId, act: Option<Act>, opening: &Opening<'_>) -> Self {
        Self {
            run,
            detail: None,
            focus: Part::Log,
            full: false,
            steps: Picker::default(),
            artifacts: Picker::default(),
            opening: None,
            wanted: act,
            facts: opening.facts.clone(),
            in_flight: false,
            stale: true,
            error: None,
        }
    }

    /// Takes the result of reading the run.
    fn take(&mut self, detail: &Result<Box<RunDetail>, String>) {
        self.in_flight = false;
        match detail {
            Err(why) => self.error = Some(why.clone()),
            Ok(detail) => {
                self.error = None;
                self.steps
                    .sync(&(0..count(detail.run.plan.numbered().count())).collect::<Vec<_>>());
                self.artifacts
                    .sync(&(0..detail.artifacts.len()).collect::<Vec<_>>());
                self.detail = Some((**detail).clone());
            }
        }
    }

    /// The first step that failed, of a run that has ended.
    fn first_failure(&self) -> Option<u32> {
        let detail = self.detail.as_ref()?;
        let failed = detail.steps.iter().filter(|step| is_failure(step.status));
        failed
            .map(|step| step.index)
            .min()
            .filter(|_| detail.run.status.is_terminal())
    }

    /// Selects a step and goes to it in the log.
    fn show_failure(&mut self, step: u32) -> Reaction {
        let steps = self
            .detail
            .as_ref()
            .map_or(0, |d| d.run.plan.numbered().count());
        let keys: Vec<u32> = (0..count(steps)).collect();
        self.steps.select(&step, &keys);
        Reaction::Step(step)
    }

    fn area(&self, part: Part, body: Rect) -> Rect {
        let areas = layout::run(body);
        match part {
            _ if self.full => body,
            Part::Steps => areas.steps,
            Part::Log => areas.log,
            Part::Artifacts => areas.artifacts,
        }
    }

    fn move_focus(&mut self, step: usize) {
        let at = PARTS.iter().position(|p| *p == self.focus).unwrap_or(0);
        self.focus = PARTS[(at + step) % PARTS.len()];
    }

    fn act_steps(&mut self, action: Action, scene: Scene<'_>) -> Reaction {
        let Some(detail) = &self.detail else {
            return Reaction::Ignored;
        };
        let page = layout::rows(self.area(Part::Steps, scene.body));
        let keys: Vec<u32> = (0..count(detail.run.plan.numbered().count())).collect();
        let selected = self.steps.key().copied();
        match (action, selected) {
            (Action::Open, Some(step)) if status_of(detail, step) == StepStatus::Waiting => {
                self.answer()
            }
            (Action::Open, Some(step)) => {
                (self.focus, self.full) = (Part::Log, false);
                Reaction::Step(step)
            }
            (Action::CopyLine, Some(step)) => {
                let spec = detail
                    .run
                    .plan
                    .numbered_step(step)
                    .map(|(s, _)| safe(&s.spec.describe()));
                spec.map_or(Reaction::Done, |text| Reaction::Ask(Effect::Copy(text)))
            }
            _ if self.steps.act(action, &keys, page) => Reaction::Done,
            _ => Reaction::Ignored,
        }
    }

    /// The menu of the run.
    fn verbs(&self, scene: Scene<'_>) -> Reaction {
        let known = scene
            .overview
            .and_then(|o| o.runs.iter().find(|r| r.id == self.run));
        let read = self
            .detail
            .as_ref()
            .map(|detail| RunSummary::from(&detail.run));
        let run = read.as_ref().or(known);
        run.and_then(|run| verbs::of_runs(&[run]))
            .map_or(Reaction::Ignored, |menu| Reaction::Popup(menu.into()))
    }

    fn draw_header(&self, frame: Frame<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        let theme = canvas.theme;
        let Some(detail) = &self.detail else {
            let what = self.error.as_deref().unwrap_or("reading …");
            return canvas.line(
                area,
                &Line::raw(format!(" run {}: {}", self.run, safe(what))),
            );
        };
        let run = &detail.run;
        let status = format!("{} {}", run_symbol(run.status), run_word(run.status));
        let first = Line::from(vec![
            Span::styled(
                format!(" Run {} {}  ", run.id, safe(&run.plan.title)),
                theme.strong(),
            ),
            Span::styled(status, theme.run(run.status)),
            Span::raw(format!(
                "  {}",
                took(run.started_at, run.finished_at, frame.now)
            )),
        ]);
        let reason = run
            .reason
            .as_ref()
            .map(|r| format!(" · {}", safe(r)))
            .unwrap_or_default();
        let parent = run
            .parent
            .map(|p| format!(" · after {p}"))
            .unwrap_or_default();
        let priority = if run.priority.is_normal() {
            String::new()
        } else {
            format!(" · {}", run.priority.name())
        };
        let by = format!(
            " by {} from {} at {}Z{priority}{parent}{reason}",
            safe(&run.actor),
            safe(&run.trigger),
            run.requested_at.clock_utc()
        );
        let cancel = run
            .cancel_requested_by
            .as_ref()
            .filter(|_| !run.status.is_terminal());
        if let Some(question) = detail.approval.as_ref().and_then(|a| a.question(run)) {
            let votes = wrapped(
                &safe(&question.describe(&self.facts.actor)),
                usize::from(area.width.saturating_sub(2)),
            );
            let votes = votes
                .iter()
                .map(|l| Line::styled(format!(" {l}"), theme.attention()));
            let by = Line::styled(by, theme.dim());
            // Without room for both, the approval replaces the requester.
            let lines: Vec<_> = std::iter::once(first)
                .chain((votes.len() < 2).then_some(by))
                .chain(votes)
                .collect();
            return canvas.lines(area, &lines);
        }
        let status_line = match (cancel, run.why(), &self.error) {
            (_, _, Some(error)) => format!(" not read again: {}", safe(error)),
            (Some(who), ..) if run.orders.ending == Some(Ending::AfterStep) => {
                format!(" {} asked to stop it after this step", safe(who))
            }
            (Some(who), ..) => format!(" {} asked to cancel it; it ends within seconds", safe(who)),
            (None, Some(message), _) => format!(" {}", safe(message)),
            (None, None, _) if run.status == RunStatus::Queued => {
                format!(
                    " {}",
                    safe(
                        &run.status_reason(detail.queued.as_ref())
                            .unwrap_or_default()
                    )
                )
            }
            (None, None, _) if !run.status.is_terminal() && run.orders.pace != Pace::Free => {
                format!(" {}", safe(&run.orders.describe().unwrap_or_default()))
            }
            (None, None, _) if run.status == RunStatus::Waiting => {
                " waits for an answer (a)".to_owned()
            }
            _ => format!(" {}", safe(&run.plan.restatement)),
        };
        canvas.lines(
            area,
            &[first, Line::styled(by, theme.dim()), Line::raw(status_line)],
        );
    }

    fn draw_steps(&self, frame: Frame<'_>, area: Rect, focused: bool, canvas: &mut Canvas<'_>) {
        let theme = canvas.theme;
        let plan = self.detail.as_ref().map(|d| &d.run.plan);
        let steps: Vec<_> = plan
            .into_iter()
            .flat_map(|p| {
                p.numbered()
                    .filter_map(|(number, _)| p.numbered_step(number))
            })
            .collect();
        let done = self
            .detail
            .as_ref()
            .map_or(0, |d| d.steps.iter().filter(|s| is_over(s.status)).count());
        let failed = self.detail.as_ref().map_or(0, |d| {
            d.steps.iter().filter(|s| is_failure(s.status)).count()
        });
        let title = if failed > 0 {
            format!(" Steps: {failed} failed of {} ", steps.len())
        } else {
            format!(" Steps {done}/{} ", steps.len())
        };
        let title = Span::styled(title, theme.strong());
        let inner = canvas.pane(area, title.into(), &Line::default(), focused);
        let Some(detail) = &self.detail else { return };
        let (notes, most) = self.notes(detail, inner, focused);
        let inner = canvas.foot(inner, notes, most);
        let first = self.first_step(detail, steps.len(), inner, focused);
        for (y, (i, (step, place))) in
            (inner.y..inner.bottom()).zip(steps.iter().enumerate().skip(first))
        {
            let record = detail.steps.iter().find(|s| s.index as usize == i);
            let width = usize::from(inner.width);
            let line = step_line((step, place), (self.run, record), frame, width);
            canvas.line(row(inner, y), &fit(line, width));
            if i == self.steps.index() && focused {
                canvas.select(row(inner, y), true);
            }
        }
    }

    /// The step that the list keeps visible: without focus, the one in progress.
    fn step_shown(&self, detail: &RunDetail, focused: bool) -> usize {
        let followed = under_way(detail).filter(|_| !focused);
        followed.unwrap_or(self.steps.index())
    }

    fn first_step(&self, detail: &RunDetail, all: usize, list: Rect, focused: bool) -> usize {
        let shown = self.step_shown(detail, focused);
        first_visible(shown, all, usize::from(list.height))
    }

    /// The runbook notes of the step in progress, or of the selected one, for below the list, and how
    /// many rows they may take: at least half stay for the steps.
    fn notes(&self, detail: &RunDetail, inner: Rect, focused: bool) -> (Vec<String>, u16) {
        let shown = self.step_shown(detail, focused);
        let step = detail.run.plan.numbered_step(count(shown));
        let notes = step.and_then(|(step, _)| step.rules.notes.as_deref());
        let width = usize::from(inner.width.saturating_sub(2));
        let lines = notes
            .unwrap_or_default()
            .lines()
            .map(safe)
            .flat_map(|line| wrapped(&line, width))
            .map(|line| format!("│ {line}"));
        (lines.collect(), inner.height / 2)
    }

    /// Selects the step at this row; false if there is none.
    fn click_step(&mut self, y: u16, area: Rect, focused: bool) -> bool {
        let Some(detail) = &self.detail else {
            return false;
        };
        let inner = layout::inner(area);
        let (notes, most) = self.notes(detail, inner, focused);
        let list = foot_of(inner, notes.len(), most).0;
        let keys: Vec<u32> = (0..count(detail.run.plan.numbered().count())).collect();
        let first = self.first_step(detail, keys.len(), list, focused);
        self.steps.click(&keys, y, list, first)
    }
}

impl View for RunScreen {
    fn context(&self) -> Context {
        match self.focus {
            Part::Log => Context::RunLog,
            Part::Steps | Part::Artifacts => Context::RunList,
        }
    }

    fn act(&mut self, action: Action, scene: Scene<'_>) -> Reaction {
        match action {
            Action::NextPane => self.move_focus(1),
            Action::PreviousPane => self.move_focus(PARTS.len() - 1),
            Action::Pane1 => self.focus = Part::Steps,
            Action::Pane2 => self.focus = Part::Log,
            Action::Pane3 => self.focus = Part::Artifacts,
            Action::Fullscreen if self.focus == Part::Log => {
                return Reaction::Open(Destination::Log { run: self.run });
            }
            Action::Fullscreen => self.full = !self.full,
            Action::CancelRun => return self.cancel(),
            Action::Answer => return self.answer(),
            Action::Control => return self.control(None),
            Action::LetGo => return self.let_go(),
            Action::Verbs => return self.verbs(scene),
            other => {
                return match self.focus {
                    Part::Log => log::act(other),
                    Part::Steps => self.act_steps(other, scene),
                    Part::Artifacts => self.act_artifacts(other, scene),
                };
            }
        }
        Reaction::Done
    }

    fn point(&mut self, at: Position, pointing: Pointing, scene: Scene<'_>) -> bool {
        let under = |part: &Part| {
            let shown = !self.full || *part == self.focus;
            shown && self.area(*part, scene.body).contains(at)
        };
        let Some(part) = PARTS.into_iter().find(under) else {
            return false;
        };
        let (area, had_focus) = (self.area(part, scene.body), part == self.focus);
        self.focus = part;
        match (part, pointing) {
            (Part::Steps, Pointing::Click) => self.click_step(at.y, area, had_focus),
            (Part::Artifacts, Pointing::Click) => self.click_artifact(at.y, area),
            _ => false,
        }
    }

    fn back(&mut self, _scene: Scene<'_>) -> bool {
        std::mem::take(&mut self.full)
    }

    fn log(&self, body: Rect) -> Option<LogPane> {
        let focused = self.focus == Part::Log;
        let area = log::below_rule(self.area(Part::Log, body), focused);
        (focused || !self.full).then_some(LogPane {
            log: self.run.into(),
            area,
            framed: true,
            focused,
        })
    }

    fn reads(&self, run: RunId) -> bool {
        self.run == run
    }

    fn known(&self, run: RunId) -> Option<&Run> {
        let detail = self.detail.as_ref().filter(|_| self.run == run);
        detail.map(|detail| &detail.run)
    }

    fn go_to(&mut self, destination: &Destination) -> bool {
        let Destination::Run {
            run,
            act: Some(act),
        } = destination
        else {
            return false;
        };
        if *run != self.run {
            return false;
        }
        (self.wanted, self.stale) = (Some(act.clone()), true);
        true
    }

    fn wants(&mut self) -> Vec<Effect> {
        let mut effects = Vec::new();
        if self.stale && !self.in_flight {
            (self.stale, self.in_flight) = (false, true);
            effects.push(Effect::Detail(self.run));
        }
        effects
    }

    fn receive(&mut self, msg: &Msg, delivery: Delivery<'_>) -> Reaction {
        match msg {
            Msg::Notice(Notice::Run(run, _)) => {
                // The reason why it is queued may have changed with any run.
                let queued = self.detail.as_ref().is_some_and(|d| d.queued.is_some());
                self.stale |= *run == self.run || queued;
            }
            Msg::Notice(Notice::Steps(run)) => self.stale |= *run == self.run,
            Msg::Detail(run, detail) if *run == self.run => {
                let is_first = self.detail.is_none();
                self.take(detail);
                let asked = self.wanted.is_some();
                let reaction = self.ask_about_wanted(delivery.cover);
                return match self.first_failure().filter(|_| is_first && !asked) {
                    Some(step) => self.show_failure(step),
                    None => reaction,
                };
            }
            Msg::Artifact(Ok(artifact)) => {
                return self.read_artifact(&artifact.0, &artifact.1, delivery.cover);
            }
            _ => return Reaction::Ignored,
        }
        Reaction::Done
    }

    fn invalidate(&mut self) {
        self.stale = true;
    }

    fn draw(&self, frame: Frame<'_>, body: Rect, canvas: &mut Canvas<'_>) {
        if !self.full {
            let areas = layout::run(body);
            self.draw_header(frame, areas.header, canvas);
            if body.width >= layout::WIDE {
                canvas.separator(areas.log);
            }
        }
        for part in PARTS
            .into_iter()
            .filter(|part| !self.full || *part == self.focus)
        {
            let (area, focused) = (self.area(part, body), part == self.focus);
            match part {
                Part::Steps => self.draw_steps(frame, area, focused, canvas),
                Part::Artifacts => self.draw_artifacts(area, focused, canvas),
                Part::Log => {
                    let title = Span::styled(format!(" Log {} ", self.run), canvas.theme.strong());
                    let silent = self.detail.as_ref().and_then(|d| {
                        log::silence(frame, self.run, d.run.status, d.run.started_at)
                    });
                    let title: Vec<Span<'_>> = std::iter::once(title).chain(silent).collect();
                    log::draw(
                        frame.logs.get(self.run),
                        title.into(),
                        area,
                        focused,
                        canvas,
                    );
                }
            }
        }
    }

    fn env(&self, frame: Frame<'_>) -> Option<String> {
        let read = self.detail.as_ref().map(|detail| &detail.run.plan.env);
        read.or_else(|| Some(&frame.run_of(self.run)?.env))?.clone()
    }

    fn crumb(&self) -> String {
        format!("run {}", self.run)
    }
}

fn step_line(
    (step, place): (&PlanStep, &str),
    (run, record): (RunId, Option<&RunStep>),
    frame: Frame<'_>,
    width: usize,
) -> Line<'static> {
    let status = record.map_or(StepStatus::Pending, |r| r.status);
    let took = record.map_or_else(String::new, |r| match (r.started_at, r.finished_at) {
        (Some(from), Some(to)) => human_ms(to.ms_since(from)),
        (Some(from), None) => human_ms(frame.now.ms_since(from)),
        (None, _) => String::new(),
    });
    let again = record
        .filter(|r| r.attempt > 1)
        .map(|r| format!(" try {}", r.attempt))
        .unwrap_or_default();
    let why = record
        .and_then(RunStep::result)
        .map_or_else(|| safe(&step.spec.describe()), |why| safe(&why));
    let silent = record
        .filter(|r| r.status == StepStatus::Running)
        .and_then(|r| frame.activity.silence(run, r.started_at?, frame.now));
    let why = silent.map_or(why.clone(), |_| format!("◇ silent  {why}"));
    let name = (width / 3).clamp(10, 28);
    // A narrow pane omits the phase in favour of the result.
    let phase = if width < 80 {
        String::new()
    } else {
        format!("{place:<10}")
    };
    Line::from(vec![
        Span::styled(
            format!("{} {:<10}", step_symbol(status), step_word(status)),
            frame.theme.step(status),
        ),
        Span::styled(phase, frame.theme.dim()),
        Span::raw(format!(
            "{} {took:>8}{again}  {why}",
            column(&step.name, name)
        )),
    ])
}

/// The last step that has started.
fn under_way(detail: &RunDetail) -> Option<usize> {
    let begun = detail
        .steps
        .iter()
        .filter(|s| s.started_at.is_some())
        .map(|s| s.index as usize)
        .max()?;
    Some(begun.min(detail.run.plan.numbered().count().saturating_sub(1)))
}

fn status_of(detail: &RunDetail, step: u32) -> StepStatus {
    detail
        .steps
        .iter()
        .find(|s| s.index == step)
        .map_or(StepStatus::Pending, |s| s.status)
}

const fn is_failure(status: StepStatus) -> bool {
    matches!(status, StepStatus::Failed | StepStatus::TimedOut)
}

const fn is_over(status: StepStatus) -> bool {
    !matches!(
        status,
        StepStatus::Pending | StepStatus::Running | StepStatus::Waiting
    )
}

fn count(steps: usize) -> u32 {
    u32::try_from(steps).unwrap_or(u32::MAX)
}
