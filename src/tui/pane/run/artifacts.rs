//! The artifacts of a run: their list, and the text of one.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{Part, RunScreen};
use crate::core::base::text;
use crate::core::run::artifact::{Artifact, human_bytes};
use crate::core::run::note::RunNote;
use crate::tui::keys::Action;
use crate::tui::msg::Effect;
use crate::tui::pane::{Cover, Destination, Reaction, Scene};
use crate::tui::picker::first_visible;
use crate::tui::view::canvas::{Canvas, row, safe};
use crate::tui::view::layout;

/// Maximum size of a text artifact shown on screen, bytes.
const MAX_TEXT_BYTES: usize = 1 << 20;

impl RunScreen {
    pub(super) fn act_artifacts(&mut self, action: Action, scene: Scene<'_>) -> Reaction {
        let Some(detail) = &self.detail else {
            return Reaction::Ignored;
        };
        let page = layout::rows(self.area(Part::Artifacts, scene.body));
        let keys: Vec<usize> = (0..detail.artifacts.len()).collect();
        let selected = self.artifacts.key().and_then(|i| detail.artifacts.get(*i));
        match (action, selected) {
            (Action::Open, Some(Artifact { url: Some(url), .. })) => {
                Reaction::Ask(Effect::Copy(safe(url)))
            }
            (Action::Open, Some(a)) => {
                self.opening = Some(a.number);
                Reaction::Ask(Effect::Artifact {
                    run: self.run,
                    number: a.number,
                })
            }
            (Action::CopyLine, Some(a)) => {
                Reaction::Ask(Effect::Copy(safe(a.url.as_ref().unwrap_or(&a.title))))
            }
            _ if self.artifacts.act(action, &keys, page) => Reaction::Done,
            _ => Reaction::Ignored,
        }
    }

    /// Selects the artifact at this row; false if there is none.
    pub(super) fn click_artifact(&mut self, y: u16, area: Rect) -> bool {
        let all = self.detail.as_ref().map_or(0, |d| d.artifacts.len());
        let notes = self.detail.as_ref().map_or(0, |d| d.notes.len());
        let inner = below_notes(notes, layout::inner(area));
        let first = first_visible(self.artifacts.index(), all, usize::from(inner.height));
        let keys: Vec<usize> = (0..all).collect();
        self.artifacts.click(&keys, y, inner, first)
    }

    /// Opens a text artifact if the operator still waits for it; others cannot be shown on screen.
    pub(super) fn read_artifact(
        &mut self,
        artifact: &Artifact,
        content: &[u8],
        cover: Cover,
    ) -> Reaction {
        let (run, number) = (artifact.run.0, artifact.number);
        let awaited = artifact.run == self.run
            && self.opening.take_if(|opening| *opening == number).is_some();
        if !awaited || cover != Cover::Nothing {
            return Reaction::Ignored;
        }
        let elsewhere = format!("`opsroom artifacts {run} {number} > FILE` writes it to a file");
        match std::str::from_utf8(content)
            .ok()
            .filter(|text| !text.contains('\0'))
        {
            Some(text) if text.len() > MAX_TEXT_BYTES => Reaction::Say(format!(
                "{} are too much for a screen: {elsewhere}",
                human_bytes(artifact.bytes)
            )),
            Some(text) => Reaction::Open(Destination::read(&artifact.title, text)),
            None => Reaction::Say(format!("no text: {elsewhere}")),
        }
    }

    pub(super) fn draw_artifacts(&self, area: Rect, focused: bool, canvas: &mut Canvas<'_>) {
        let theme = canvas.theme;
        let all = self.detail.as_ref().map_or(&[][..], |d| &d.artifacts);
        let notes = self.detail.as_ref().map_or(&[][..], |d| &d.notes);
        let count = match notes.len() {
            0 => String::new(),
            n => format!("· notes {n} "),
        };
        let title = Span::styled(format!(" Artifacts {} {count}", all.len()), theme.strong());
        let inner = canvas.pane(area, title.into(), &Line::default(), focused);
        let inner = draw_notes(notes, inner, canvas);
        if all.is_empty() && notes.is_empty() {
            canvas.line(inner, &Line::styled("nothing yet", theme.dim()));
        }
        let first = first_visible(self.artifacts.index(), all.len(), usize::from(inner.height));
        for (y, (i, artifact)) in (inner.y..inner.bottom()).zip(all.iter().enumerate().skip(first))
        {
            let (kind, title) = (artifact.kind.name(), artifact.title.as_str());
            // "manifest of run #4" would name its kind twice.
            let title = title
                .strip_prefix(kind)
                .and_then(|rest| rest.strip_prefix(' '))
                .unwrap_or(title);
            let line = Line::from(vec![
                Span::styled(format!("{kind:<9}"), theme.dim()),
                Span::raw(safe(title)),
                Span::styled(
                    match &artifact.url {
                        Some(url) => format!("  {}", safe(url)),
                        None => format!("  {}", human_bytes(artifact.bytes)),
                    },
                    theme.dim(),
                ),
            ]);
            canvas.line(row(inner, y), &line);
            if let Some(url) = &artifact.url {
                let titled = Rect {
                    x: inner.x.saturating_add(9),
                    width: inner
                        .width
                        .saturating_sub(9)
                        .min(u16::try_from(text::width(&safe(title))).unwrap_or(u16::MAX)),
                    ..row(inner, y)
                };
                canvas.link(titled, url);
            }
            if i == self.artifacts.index() && focused {
                canvas.select(row(inner, y), true);
            }
        }
    }
}

/// The rows below the notes, which take at most half of the pane.
fn below_notes(notes: usize, inner: Rect) -> Rect {
    let most = inner.height / 2;
    let used = u16::try_from(notes).unwrap_or(u16::MAX).min(most);
    Rect {
        y: inner.y + used,
        height: inner.height - used,
        ..inner
    }
}

/// Draws the newest notes in up to half of the area; returns the rest of it.
fn draw_notes(notes: &[RunNote], inner: Rect, canvas: &mut Canvas<'_>) -> Rect {
    let theme = canvas.theme;
    let rest = below_notes(notes.len(), inner);
    let room = usize::from(rest.y - inner.y);
    let shown = notes.iter().skip(notes.len().saturating_sub(room));
    for (top, note) in (inner.y..rest.y).zip(shown) {
        let line = Line::from(vec![
            Span::styled(format!("{} ", note.at.clock_utc()), theme.dim()),
            Span::raw(safe(&note.to_string())),
        ]);
        canvas.line(row(inner, top), &line);
    }
    rest
}
