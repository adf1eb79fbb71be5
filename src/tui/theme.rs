//! Styles: the terminal's own foreground and background plus the 16 ANSI colours, for light and
//! dark terminals. Every state also has a symbol and a word; `NO_COLOR` turns colours off.

use ratatui::style::{Color, Modifier, Style};

use crate::core::base::sgr::{Colour, TextStyle};
use crate::core::health::check::score::Health;
use crate::core::run::event::Level;
use crate::core::run::plan::RiskLevel;
use crate::core::run::{RunStatus, StepStatus};
use crate::core::stack::state::State;

/// All styles on screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Theme {
    colour: bool,
}

/// The meaning of a colour. Attention is magenta because yellow text is unreadable on a light
/// background.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tone {
    Good,
    Attention,
    Bad,
    Busy,
    Protected,
    Plain,
}

impl Theme {
    /// With colours or without.
    #[must_use]
    pub const fn new(colour: bool) -> Self {
        Self { colour }
    }

    /// From the environment: a non-empty `NO_COLOR` or a `TERM` without colours turns colours off.
    #[must_use]
    pub fn from_env(no_color: Option<&str>, term: Option<&str>) -> Self {
        let mono = matches!(
            term,
            Some("dumb" | "vt100" | "vt102" | "vt220" | "xterm-mono")
        );
        Self::new(!mono && no_color.is_none_or(str::is_empty))
    }

    /// Body text.
    #[must_use]
    pub const fn plain(self) -> Style {
        Style::new()
    }

    /// Less important text.
    #[must_use]
    pub const fn dim(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    /// Headings and names.
    #[must_use]
    pub const fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// The selected row of the focused pane.
    #[must_use]
    pub const fn selected(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// The selected row of a pane without focus.
    #[must_use]
    pub const fn selected_elsewhere(self) -> Style {
        Style::new().add_modifier(Modifier::UNDERLINED)
    }

    /// The frame of a pane.
    #[must_use]
    pub fn frame(self, focused: bool) -> Style {
        if focused {
            self.tone(Tone::Busy).add_modifier(Modifier::BOLD)
        } else {
            self.dim()
        }
    }

    /// A match of a search.
    #[must_use]
    pub const fn hit(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED.union(Modifier::BOLD))
    }

    /// Banners such as SIMULATED and READ-ONLY.
    #[must_use]
    pub const fn banner(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED.union(Modifier::BOLD))
    }

    /// Errors and words that were not understood.
    #[must_use]
    pub fn wrong(self) -> Style {
        self.tone(Tone::Bad).add_modifier(Modifier::BOLD)
    }

    /// Needs attention.
    #[must_use]
    pub fn attention(self) -> Style {
        self.tone(Tone::Attention).add_modifier(Modifier::BOLD)
    }

    /// Names of protected environments.
    #[must_use]
    pub fn protected(self) -> Style {
        self.tone(Tone::Protected).add_modifier(Modifier::BOLD)
    }

    /// OK.
    #[must_use]
    pub fn good(self) -> Style {
        self.tone(Tone::Good)
    }

    #[must_use]
    pub fn state(self, state: State) -> Style {
        match state {
            State::Ok => self.good(),
            State::Degraded => self.attention(),
            State::Failing => self.wrong(),
            State::Unknown => self.tone(Tone::Plain),
        }
    }

    #[must_use]
    pub fn health(self, health: Health) -> Style {
        match health {
            Health::Healthy => self.good().add_modifier(Modifier::BOLD),
            Health::Warning => self.attention(),
            Health::Critical => self.wrong(),
            Health::Unknown => self.strong(),
        }
    }

    #[must_use]
    pub fn level(self, level: Level) -> Style {
        match level {
            Level::Debug => self.dim(),
            Level::Info => self.plain(),
            Level::Success => self.good(),
            Level::Warn => self.attention(),
            Level::Error => self.wrong(),
        }
    }

    #[must_use]
    pub fn risk(self, level: RiskLevel) -> Style {
        match level {
            RiskLevel::Info => self.plain(),
            RiskLevel::Warn => self.attention(),
            RiskLevel::Block => self.wrong(),
        }
    }

    #[must_use]
    pub fn run(self, status: RunStatus) -> Style {
        match status {
            RunStatus::Succeeded => self.good(),
            RunStatus::Failed | RunStatus::TimedOut => self.wrong(),
            RunStatus::Interrupted | RunStatus::Waiting => self.attention(),
            RunStatus::Claimed | RunStatus::Running => self.tone(Tone::Busy),
            RunStatus::Queued | RunStatus::Cancelled | RunStatus::Skipped => self.plain(),
        }
    }

    #[must_use]
    pub fn step(self, status: StepStatus) -> Style {
        match status {
            StepStatus::Succeeded => self.good(),
            StepStatus::Failed | StepStatus::TimedOut => self.wrong(),
            StepStatus::Unknown | StepStatus::Waiting => self.attention(),
            StepStatus::Running => self.tone(Tone::Busy),
            StepStatus::Pending | StepStatus::Cancelled | StepStatus::Skipped => self.plain(),
        }
    }

    /// The style of an SGR look in untrusted text; without colours only its modifiers. Text in the
    /// colour of its background is shown in the default colours, so that no text is hidden.
    #[must_use]
    pub fn style(self, look: TextStyle) -> Style {
        let style = [
            (look.bold, Modifier::BOLD),
            (look.dim, Modifier::DIM),
            (look.italic, Modifier::ITALIC),
            (look.underline, Modifier::UNDERLINED),
            (look.reverse, Modifier::REVERSED),
        ]
        .into_iter()
        .filter(|(wanted, _)| *wanted)
        .fold(Style::new(), |style, (_, modifier)| {
            style.add_modifier(modifier)
        });
        if !self.colour {
            return style;
        }
        let (fg, bg) = if look.fg == look.bg {
            (None, None)
        } else {
            (look.fg, look.bg)
        };
        Style {
            fg: fg.map(colour),
            bg: bg.map(colour),
            ..style
        }
    }

    const fn tone(self, tone: Tone) -> Style {
        if !self.colour {
            return Style::new();
        }
        match tone {
            Tone::Good => Style::new().fg(Color::Green),
            Tone::Attention => Style::new().fg(Color::Magenta),
            Tone::Bad => Style::new().fg(Color::Red),
            Tone::Busy => Style::new().fg(Color::Cyan),
            Tone::Protected => Style::new().fg(Color::Blue),
            Tone::Plain => Style::new(),
        }
    }
}

const fn colour(requested: Colour) -> Color {
    match requested {
        Colour::Indexed(index) => match index {
            0 => Color::Black,
            1 => Color::Red,
            2 => Color::Green,
            3 => Color::Yellow,
            4 => Color::Blue,
            5 => Color::Magenta,
            6 => Color::Cyan,
            7 => Color::Gray,
            8 => Color::DarkGray,
            9 => Color::LightRed,
            10 => Color::LightGreen,
            11 => Color::LightYellow,
            12 => Color::LightBlue,
            13 => Color::LightMagenta,
            14 => Color::LightCyan,
            15 => Color::White,
            index => Color::Indexed(index),
        },
        Colour::Rgb(red, green, blue) => Color::Rgb(red, green, blue),
    }
}

/// The symbol of a run status.
#[must_use]
pub const fn run_symbol(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Queued => "…",
        RunStatus::Claimed | RunStatus::Running => "▶",
        RunStatus::Waiting => "!",
        RunStatus::Succeeded => "✓",
        RunStatus::Failed | RunStatus::TimedOut => "✗",
        RunStatus::Cancelled => "■",
        RunStatus::Interrupted => "?",
        RunStatus::Skipped => "-",
    }
}

/// The status as shown: `timed out`.
#[must_use]
pub fn run_word(status: RunStatus) -> String {
    status.name().replace('_', " ")
}

/// The symbol of a step status.
#[must_use]
pub const fn step_symbol(status: StepStatus) -> &'static str {
    match status {
        StepStatus::Pending => "·",
        StepStatus::Running => "▶",
        StepStatus::Waiting => "!",
        StepStatus::Succeeded => "✓",
        StepStatus::Failed | StepStatus::TimedOut => "✗",
        StepStatus::Cancelled => "■",
        StepStatus::Skipped => "-",
        StepStatus::Unknown => "?",
    }
}

/// The status as shown: `timed out`.
#[must_use]
pub fn step_word(status: StepStatus) -> String {
    status.name().replace('_', " ")
}

/// The symbol of a risk level.
#[must_use]
pub const fn risk_symbol(level: RiskLevel) -> &'static str {
    match level {
        RiskLevel::Info => "i",
        RiskLevel::Warn => "▲",
        RiskLevel::Block => "✗",
    }
}

/// Symbol and word of the overall health.
#[must_use]
pub const fn health_label(health: Health) -> (&'static str, &'static str) {
    match health {
        Health::Healthy => ("●", "healthy"),
        Health::Warning => ("▲", "warning"),
        Health::Critical => ("✗", "critical"),
        Health::Unknown => ("?", "unknown"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_can_turn_colours_off() {
        for (no_color, term, colour) in [
            (None, Some("xterm-256color"), true),
            (Some(""), Some("xterm"), true),
            (Some("1"), Some("xterm"), false),
            (None, Some("vt100"), false),
            (None, None, true),
        ] {
            assert_eq!(
                Theme::from_env(no_color, term),
                Theme::new(colour),
                "{no_color:?} {term:?}"
            );
        }
    }

    #[test]
    fn styles_in_untrusted_text_apply_but_hide_no_text() {
        let look = TextStyle {
            fg: Some(Colour::Indexed(9)),
            bg: Some(Colour::Indexed(200)),
            bold: true,
            ..TextStyle::NONE
        };
        let bold = Style::new().add_modifier(Modifier::BOLD);
        assert_eq!(
            Theme::new(true).style(look),
            bold.fg(Color::LightRed).bg(Color::Indexed(200))
        );
        assert_eq!(Theme::new(false).style(look), bold);
        assert_eq!(
            Theme::new(true).style(TextStyle {
                bg: look.fg,
                ..look
            }),
            bold
        );
        let rgb = TextStyle {
            fg: Some(Colour::Rgb(1, 2, 3)),
            ..TextStyle::NONE
        };
        assert_eq!(
            Theme::new(true).style(rgb),
            Style::new().fg(Color::Rgb(1, 2, 3))
        );
    }

    #[test]
    fn different_states_differ_without_colour() {
        let labels = |f: &dyn Fn(RunStatus) -> String| RunStatus::ALL.map(f).to_vec();
        let mut all = labels(&run_word);
        all.sort();
        all.dedup();
        assert_eq!(all.len(), RunStatus::ALL.len());
        let mono = Theme::new(false);
        for style in RunStatus::ALL
            .map(|s| mono.run(s))
            .into_iter()
            .chain(State::ALL.map(|s| mono.state(s)))
        {
            assert_eq!((style.fg, style.bg), (None, None));
        }
    }
}
