//! Dialog to answer a waiting step: done or not done, approve or reject, with a note. The initially
//! selected button does not answer.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::confirm::buttons;
use super::{Dialog, Outcome};
use crate::core::run::RunId;
use crate::core::run::act::Act;
use crate::core::run::plan::Rules;
use crate::core::run::step::approve::Comment;
use crate::tui::facts::Facts;
use crate::tui::field::Field;
use crate::tui::keys::{Action, Context, Keymap};
use crate::tui::msg::{Approval, Effect, RunDetail, Ticket};
use crate::tui::view::canvas::{Canvas, row, safe, wrapped};

/// The element with keyboard focus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Focus {
    Note,
    Later,
    Yes,
    No,
}

const ORDER: [Focus; 4] = [Focus::Note, Focus::Later, Focus::Yes, Focus::No];

/// The question.
#[derive(Debug, Clone)]
enum Question {
    /// Is step `step` done? `word`: the note that confirms it, if required. `optional`: "no" is a
    /// normal answer.
    Work {
        step: u32,
        word: Option<String>,
        optional: bool,
    },
    /// May the plan with this hash continue? And when is a comment required?
    Approval(String, Comment),
}

/// The form for one step.
#[derive(Debug, Clone)]
pub struct AnswerForm {
    run: RunId,
    question: Question,
    title: String,
    prompt: String,
    note: Field,
    focus: Focus,
    message: Option<String>,
}

impl AnswerForm {
    /// The question of a manual step; `rules` hold its notes and confirmation word.
    #[must_use]
    pub fn work(run: RunId, step: u32, name: &str, prompt: &str, rules: &Rules) -> Self {
        let question = Question::Work {
            step,
            word: rules.word.clone(),
            optional: rules.optional,
        };
        let title = format!("Run {run} asks: {}", safe(name));
        Self::new(run, question, title, prompt, rules.notes.as_deref())
    }

    /// The question of an approval step, with the votes so far.
    #[must_use]
    pub fn approval(
        detail: &RunDetail,
        approval: &Approval,
        me: &str,
        note: Option<&str>,
    ) -> Option<Self> {
        let (run, question) = (&detail.run, approval.question(&detail.run)?);
        let (step, _) = run.plan.numbered_step(approval.step)?;
        let hash = approval.plan_hash.get(..12).unwrap_or(&approval.plan_hash);
        let prompt = format!(
            "{}\n\n{} ({} asked for it, plan {hash})\n{}",
            question.ask.prompt,
            run.plan.title,
            run.actor,
            question.describe(me)
        );
        let subject = Question::Approval(approval.plan_hash.clone(), question.ask.comment);
        let title = format!("Run {} wants approval: {}", run.id, safe(&step.name));
        let mut new = Self::new(run.id, subject, title, &prompt, step.rules.notes.as_deref());
        new.note = Field::with(note.unwrap_or_default());
        Some(new)
    }

    fn new(
        run: RunId,
        question: Question,
        title: String,
        prompt: &str,
        notes: Option<&str>,
    ) -> Self {
        // The question comes first: a small window shows only the beginning.
        let notes = notes
            .map(|notes| format!("\n\n{notes}"))
            .unwrap_or_default();
        let prompt = format!("{prompt}{notes}")
            .lines()
            .map(safe)
            .collect::<Vec<_>>()
            .join("\n");
        Self {
            run,
            question,
            title,
            prompt,
            note: Field::default(),
            focus: Focus::Later,
            message: None,
        }
    }

    fn move_focus(&mut self, step: usize) {
        let at = ORDER.iter().position(|f| *f == self.focus).unwrap_or(0);
        self.focus = ORDER[(at + step) % ORDER.len()];
    }

    fn press(&mut self) -> Outcome {
        let yes = match self.focus {
            Focus::Yes => true,
            Focus::No => false,
            Focus::Later | Focus::Note => return Outcome::Close,
        };
        let (run, note) = (
            self.run,
            Some(self.note.text().trim().to_owned()).filter(|n| !n.is_empty()),
        );
        match &self.question {
            Question::Work {
                word: Some(word), ..
            } if yes && note.as_ref() != Some(word) => {
                self.insist(format!("not confirmed: type `{}` as the note", safe(word)))
            }
            Question::Work { step, .. } => Outcome::Finish(Effect::act(Act::Answer {
                run,
                step: *step,
                done: yes,
                note,
            })),
            Question::Approval(_, comment)
                if note.is_none()
                    && (*comment == Comment::Always || (*comment == Comment::OnDeny && !yes)) =>
            {
                self.insist("this needs a reason: say why".to_owned())
            }
            Question::Approval(hash, _) => Outcome::Finish(Effect::act(Act::Vote {
                run,
                approved: yes,
                plan_hash: hash.clone(),
                note,
            })),
        }
    }

    /// Keeps the form open and shows what the note must be.
    fn insist(&mut self, why: String) -> Outcome {
        (self.message, self.focus) = (Some(why), Focus::Note);
        Outcome::Stay
    }
}

impl Dialog for AnswerForm {
    fn context(&self) -> Context {
        if matches!(self.focus, Focus::Note) {
            Context::Text
        } else {
            Context::Dialog
        }
    }

    fn insert(&mut self, text: &str) {
        if self.focus == Focus::Note {
            self.note.insert(text);
        }
    }

    fn act(&mut self, action: Action, _keys: &Keymap, _ticket: Ticket) -> Outcome {
        match action {
            Action::NextField | Action::Complete | Action::Newer | Action::Accept => {
                self.move_focus(1);
            }
            Action::PreviousField | Action::PreviousChoice | Action::Older => {
                self.move_focus(ORDER.len() - 1);
            }
            Action::PickYes => self.focus = Focus::Yes,
            Action::PickNo => self.focus = Focus::No,
            Action::Press => return self.press(),
            other => drop(self.note.act(other)),
        }
        Outcome::Stay
    }

    fn paste(&mut self, text: &str) -> Option<String> {
        self.insert(text);
        None
    }

    fn draw(&self, _facts: &Facts, _keys: &Keymap, canvas: &mut Canvas<'_>) {
        let theme = canvas.theme;
        let width = canvas.area().width.min(72);
        let inside = usize::from(width.saturating_sub(4));
        let mut text: Vec<String> = self
            .prompt
            .lines()
            .flat_map(|line| wrapped(line, inside))
            .collect();
        text.extend(
            self.message
                .iter()
                .flat_map(|message| wrapped(message, inside)),
        );
        let height = u16::try_from(text.len())
            .unwrap_or(u16::MAX)
            .saturating_add(6);
        let title = Span::styled(format!(" {} ", self.title), theme.attention());
        let inner = canvas.window(
            width,
            height.min(canvas.area().height),
            title.into(),
            &Line::default(),
        );
        let lines: Vec<Line<'_>> = text.iter().map(|l| Line::raw(format!(" {l}"))).collect();
        let foot = inner.bottom().saturating_sub(3).max(inner.y);
        canvas.lines(
            Rect {
                height: foot - inner.y,
                ..inner
            },
            &lines,
        );
        if inner.height >= 3 {
            canvas.field(
                row(inner, foot),
                Span::raw(" note: "),
                &self.note,
                self.focus == Focus::Note,
                "",
            );
            let on = |focus| self.focus == focus;
            let (yes, no) = match self.question {
                Question::Work { optional: true, .. } => ("Yes", "No"),
                Question::Work { .. } => ("Done", "Not done"),
                Question::Approval(..) => ("Approve", "Reject"),
            };
            let all = [
                ("Later", on(Focus::Later)),
                (yes, on(Focus::Yes)),
                (no, on(Focus::No)),
            ];
            canvas.line(row(inner, foot + 2), &buttons(&all, theme));
        }
    }
}
