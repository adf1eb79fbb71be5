//! All actions of keys, with their name in `keymap.toml` and their help text.

use crate::core::words;

words! {
    /// A table of `keymap.toml`, in the order of the file.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
    pub enum Table {
        /// Active everywhere, including text fields.
        Always = "always",
        Global = "global",
        List = "list",
        Reader = "reader",
        Home = "home",
        Move = "move",
        Log = "log",
        Viewer = "viewer",
        Run = "run",
        Routine = "routine",
        Chart = "chart",
        Editor = "editor",
        Text = "text",
        Dialog = "dialog",
    }
}

impl Table {
    /// Where its keys are active.
    #[must_use]
    pub const fn about(self) -> &'static str {
        match self {
            Self::Always => "Everywhere, also while typing",
            Self::Global => "In every view",
            Self::List => "In lists",
            Self::Reader => "In logs and texts",
            Self::Home => "At home",
            Self::Move => "Moving in lists, logs and texts",
            Self::Log => "In a log",
            Self::Viewer => "In a log, too; in a pane the keys of the pane come first",
            Self::Run => "In a run",
            Self::Routine => "In the list of routines, and in one",
            Self::Chart => "In the chart of a routine; its keys come before those of every view",
            Self::Editor => "In a form of several lines",
            Self::Text => "While typing",
            Self::Dialog => "In a dialog or plan card",
        }
    }
}

macro_rules! actions {
    ($($table:ident: { $($variant:ident $name:literal $about:literal,)* })*) => {
        /// An action of a key.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Action { $($($variant,)*)* }

        impl Action {
            /// All actions in the order of the file: action, table, name, description.
            pub const ALL: &[(Self, Table, &'static str, &'static str)] =
                &[$($((Self::$variant, Table::$table, $name, $about),)*)*];
        }
    };
}

actions! {
    Always: {
        Back "back" "close the innermost layer",
        Help "help" "list the keys that work here",
        Redraw "redraw" "paint the screen again",
        Suspend "suspend" "back to the shell, `fg` returns",
        Interrupt "interrupt" "drop what is being typed",
        Mouse "mouse" "the mouse on or off: wheel, click, double click",
    }
    Global: {
        Quit "quit" "leave this view; from home: quit",
        Command "command" "type a command",
        Find "find" "search a log, filter a list",
        NextPane "next-pane" "next pane",
        PreviousPane "previous-pane" "previous pane",
        Pane1 "pane-1" "first pane",
        Pane2 "pane-2" "second pane",
        Pane3 "pane-3" "third pane",
        Fullscreen "fullscreen" "this pane on the whole screen, and back",
        Runs "runs" "all runs",
        Problems "problems" "what is wrong with the console itself",
        LeftOver "left-over" "runs that wait in the queue: start or drop them",
        NeedsYou "needs-you" "open what needs you; again: the next",
        Verbs "verbs" "what can be done with this row, or with all that are marked",
        GoTo "go-to" "find a service, run, runbook, command, log file or line",
        GoBack "go-back" "the view before this one",
        GoForth "go-forth" "the view that was left with go-back",
        GoLast "go-last" "between this view and the last one",
        Refresh "refresh" "read everything again",
    }
    List: {
        Order "order" "the order of the list; the same order again reverses it",
        MarkRow "mark" "mark this row, or unmark it",
        MarkAllRows "mark-all" "mark all rows shown, or unmark them",
    }
    Reader: {
        Page "page" "one page down",
    }
    Home: {
        Score "score" "the health score and what takes points away",
    }
    Move: {
        Up "up" "up",
        Down "down" "down",
        Top "top" "to the top",
        Bottom "bottom" "to the bottom; a log follows again",
        PageUp "page-up" "one page up",
        PageDown "page-down" "one page down",
        Open "open" "open what is selected",
        CopyLine "copy" "copy the selected line",
    }
    Log: {
        Follow "follow" "follow new lines, or stop",
        NextError "next-error" "next error",
        PreviousError "previous-error" "previous error",
        NextWarning "next-warning" "next warning or error",
        PreviousWarning "previous-warning" "previous warning or error",
        NextHit "next-hit" "next match of the search",
        PreviousHit "previous-hit" "previous match of the search",
        Wrap "wrap" "wrap long lines, or cut them",
        Level "level" "raise the least level shown",
        Times "times" "times: UTC, the zone of the workspace, or none",
        Left "left" "scroll left",
        Right "right" "scroll right",
    }
    Viewer: {
        Leave "quit" "leave the log",
        Search "search" "search for a pattern",
        KeepOnly "keep-only" "show only lines that match a pattern",
        Hide "hide" "hide lines that match a pattern",
        Filters "filters" "the filters: turn one off, remove one",
        ToggleFilters "toggle-filters" "all filters off, or on again",
        RemoveFilter "remove-filter" "remove the last filter; in their list the selected one",
        Jump "jump" "go to a time, or a line",
        Mark "mark" "mark this line with a note, or unmark it",
        NextMark "next-mark" "next marked line",
        PreviousMark "previous-mark" "previous marked line",
        Strip "strip" "show where in the log errors are",
        Lanes "lanes" "a run: show or hide level, step and source",
        Colours "colours" "show the colours lines bring, or not",
        Save "save" "save lines to a file",
    }
    Run: {
        CancelRun "cancel" "cancel the run (asks first)",
        Answer "answer" "answer a step that waits for you: manual, or approval",
        Control "control" "pause, step through, skip, stop, kill, resume, do again",
        LetGo "step" "step by step: let the next step go",
    }
    Routine: {
        Chart "chart" "its latency and states over time",
        LastRun "last-run" "the last run of its runbook",
        NewRoutine "new" "write a new routine: first its kind",
        EditRoutine "edit" "edit this routine",
        DeleteRoutine "delete" "delete this routine (asks first)",
    }
    Chart: {
        ChartLeft "left" "one column earlier",
        ChartRight "right" "one column later",
        ChartFirst "first" "to the first column",
        ChartLast "last" "to the last column",
        ChartEarlier "earlier" "half of the shown time back",
        ChartLater "later" "half of the shown time on",
        ChartNow "now" "up to now again",
        ZoomIn "zoom-in" "a shorter time",
        ZoomOut "zoom-out" "a longer time",
        CompareBefore "compare" "compare with the same length of time before",
        ChartRun "run" "open the run at the cursor",
        ChartCopy "copy" "copy the values at the cursor",
    }
    Editor: {
        SaveText "save" "save: shows what changes, and asks",
    }
    Text: {
        Accept "accept" "take the line",
        Complete "complete" "take the completion, or the next choice",
        PreviousChoice "previous-choice" "previous choice",
        Older "older" "older line of the history, or choice above",
        Newer "newer" "newer line of the history, or choice below",
        SearchHistory "search-history" "find an earlier line",
        Why "why" "which word gave which part",
        CharLeft "left" "cursor left",
        CharRight "right" "cursor right; at the end: take the completion",
        WordLeft "word-left" "one word left",
        WordRight "word-right" "one word right",
        LineStart "line-start" "to the start of the line",
        LineEnd "line-end" "to the end of the line",
        DeleteBack "delete-back" "delete the character before the cursor",
        Delete "delete" "delete the character under the cursor",
        DeleteWord "delete-word" "delete the word before the cursor",
        DeleteToStart "delete-to-start" "delete to the start of the line",
        DeleteToEnd "delete-to-end" "delete to the end of the line",
    }
    Dialog: {
        NextField "next" "next field or button",
        PreviousField "previous" "previous field or button",
        Press "press" "press the selected button",
        PickYes "yes" "select the button that goes on (Enter presses it)",
        PickNo "no" "select the button that changes nothing",
    }
}

impl Action {
    /// Its table.
    #[must_use]
    pub fn table(self) -> Table {
        self.row().1
    }

    /// Its name in the file.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().2
    }

    /// The description for help.
    #[must_use]
    pub fn about(self) -> &'static str {
        self.row().3
    }

    /// Finds an action by table and name.
    #[must_use]
    pub fn from_name(table: Table, name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(_, t, n, _)| *t == table && *n == name)
            .map(|(action, ..)| *action)
    }

    fn row(self) -> &'static (Self, Table, &'static str, &'static str) {
        // The macro writes variants and rows in the same order, so the discriminant is the index.
        &Self::ALL[self as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_has_its_own_row_and_name() {
        for (action, table, name, about) in Action::ALL {
            assert_eq!(action.row().0, *action);
            assert_eq!(
                Action::from_name(*table, name),
                Some(*action),
                "{name} stands twice in {}",
                table.name()
            );
            assert!(!about.is_empty() && about.len() < 60, "{name}");
        }
    }
}
