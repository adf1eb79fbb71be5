//! Styles: the palette's look for each meaning. Every state also has a symbol and a word; no colour
//! carries a meaning alone, and `NO_COLOR` turns all of them off.

use ratatui::style::{Color, Modifier, Style};

use crate::config::palette::{Palette, Role, ThemeChoice};
use crate::core::base::sgr::{Colour, TextStyle};
use crate::core::health::check::score::Health;
use crate::core::run::event::Level;
use crate::core::run::plan::RiskLevel;
use crate::core::run::{RunStatus, StepStatus};
use crate::core::stack::state::State;

/// All styles on screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Theme {
    palette: Palette,
    colour: bool,
}

impl Theme {
    /// With the sixteen colours of the terminal, or without any.
    #[must_use]
    pub fn new(colour: bool) -> Self {
        Self::with(if colour {
            Palette::sixteen()
        } else {
            Palette::mono()
        })
    }

    /// With this palette.
    #[must_use]
    pub fn with(palette: Palette) -> Self {
        Self {
            palette,
            colour: palette.is_coloured(),
        }
    }

    /// The chosen theme on the terminal of this process.
    #[must_use]
    pub fn detect(choice: ThemeChoice) -> Self {
        Self::with(choice.palette(&|name| std::env::var(name).ok()))
    }

    /// The palette's look for a role.
    fn role(self, role: Role) -> Style {
        looks(self.palette.look(role))
    }

    /// Body text.
    #[must_use]
    pub fn plain(self) -> Style {
        self.role(Role::Text)
    }

    /// Less important text.
    #[must_use]
    pub fn dim(self) -> Style {
        self.role(Role::Dim)
    }

    /// Headings and names.
    #[must_use]
    pub fn strong(self) -> Style {
        self.role(Role::Strong)
    }

    /// The selected row of the focused pane, and the selected button.
    #[must_use]
    pub fn selected(self) -> Style {
        self.role(Role::Selected)
    }

    /// The selected row of a pane without focus.
    #[must_use]
    pub fn selected_elsewhere(self) -> Style {
        self.role(Role::SelectedElsewhere)
    }

    /// The rule of a pane, or the frame of a popup.
    #[must_use]
    pub fn frame(self, focused: bool) -> Style {
        if focused {
            self.role(Role::Focus)
        } else {
            self.dim()
        }
    }

    /// A match of a search.
    #[must_use]
    pub fn hit(self) -> Style {
        self.role(Role::Hit)
    }

    /// Banners such as SIMULATED and READ-ONLY.
    #[must_use]
    pub fn banner(self) -> Style {
        self.role(Role::Banner)
    }

    /// Errors and words that were not understood.
    #[must_use]
    pub fn wrong(self) -> Style {
        self.role(Role::Failing)
    }

    /// Needs attention.
    #[must_use]
    pub fn attention(self) -> Style {
        self.role(Role::Warning)
    }

    /// Names of protected environments.
    #[must_use]
    pub fn protected(self) -> Style {
        self.role(Role::Protected)
    }

    /// The badge of a protected environment, ` PROD `.
    #[must_use]
    pub fn badge(self) -> Style {
        self.role(Role::Badge)
    }

    /// OK. Only for states.
    #[must_use]
    pub fn good(self) -> Style {
        self.role(Role::Good)
    }

    /// In progress.
    #[must_use]
    pub fn running(self) -> Style {
        self.role(Role::Running)
    }

    #[must_use]
    pub fn state(self, state: State) -> Style {
        match state {
            State::Ok => self.good(),
            State::Degraded => self.attention(),
            State::Failing => self.wrong(),
            State::Unknown => self.plain(),
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
            RunStatus::Claimed | RunStatus::Running => self.running(),
            RunStatus::Queued | RunStatus::Cancelled | RunStatus::Skipped => self.plain(),
        }
    }

    #[must_use]
    pub fn step(self, status: StepStatus) -> Style {
        match status {
            StepStatus::Succeeded => self.good(),
            StepStatus::Failed | StepStatus::TimedOut => self.wrong(),
            StepStatus::Unknown | StepStatus::Waiting => self.attention(),
            StepStatus::Running => self.running(),
            StepStatus::Pending | StepStatus::Cancelled | StepStatus::Skipped => self.plain(),
        }
    }

    /// The style of an SGR look in untrusted text; without colours only its modifiers. Text in the
    /// colour of its background is shown in the default colours, so that no text is hidden.
    #[must_use]
    pub fn style(self, look: TextStyle) -> Style {
        let style = looks(TextStyle {
            fg: None,
            bg: None,
            ..look
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
}

/// Colours and attributes of a look.
fn looks(look: TextStyle) -> Style {
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
    Style {
        fg: look.fg.map(colour),
        bg: look.bg.map(colour),
        ..style
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
