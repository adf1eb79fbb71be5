//! What a person on call expects of a console: forty features, each with the test that holds it. A
//! test that was renamed or removed fails here.

use std::path::Path;

/// Feature, file below the project's folder, test.
const FEATURES: [(&str, &str, &str); 40] = [
    (
        "Esc closes one layer",
        "tests/console/main.rs",
        "esc_closes_exactly_one_layer",
    ),
    (
        "help lists the live keys",
        "src/tui/viewer/tests.rs",
        "help_lists_the_viewers_keys_and_runs_them",
    ),
    (
        "command line with completion, history and preview",
        "tests/console/main.rs",
        "completion_and_history",
    ),
    (
        "a log follows and pauses",
        "tests/console/main.rs",
        "a_log_follows_until_it_is_scrolled",
    ),
    (
        "changes are far from a single key",
        "tests/console/main.rs",
        "enter_enter_never_starts_a_change",
    ),
    (
        "runs outlive the connection",
        "tests/program/pty/headless.rs",
        "the_connection_drops",
    ),
    (
        "the terminal is restored on every exit",
        "tests/program/pty/exits.rs",
        "terminating_signals",
    ),
    (
        "search with n and N",
        "tests/program/pty/logs.rs",
        "a_file_is_read_searched_filtered_and_left_clean",
    ),
    (
        "copying reports its outcome",
        "tests/console/main.rs",
        "a_copy_that_arrives_after_its_log_was_closed_is_dropped",
    ),
    (
        "filters stack",
        "src/tui/viewer/tests.rs",
        "filters_stack_and_are_turned_off_one_by_one_or_all",
    ),
    (
        "next error, next warning",
        "src/tui/viewer/tests.rs",
        "keys_send_their_requests",
    ),
    (
        "a pane on the whole screen",
        "tests/console/main.rs",
        "a_pane_has_the_whole_grammar_and_is_the_same_log_on_the_whole_screen",
    ),
    (
        "a size below the least is reported",
        "tests/console/main.rs",
        "below_its_size_every_screen_says_what_it_needs",
    ),
    (
        "read-only",
        "tests/console/main.rs",
        "a_read_only_console_starts_nothing_and_says_so",
    ),
    (
        "steps: pause, skip, stop, resume",
        "tests/console/main.rs",
        "the_orders_of_a_run_are_offered_and_enter_alone_does_nothing",
    ),
    (
        "states without colour",
        "src/tui/theme.rs",
        "different_states_differ_without_colour",
    ),
    (
        "NO_COLOR",
        "tests/program/pty/terminals.rs",
        "no_color_means_no_colours_but_keeps_reverse_video",
    ),
    (
        "light terminals",
        "src/config/palette/tests.rs",
        "contrast_is_computed_as_wcag_says",
    ),
    (
        "a keymap of differences",
        "src/tui/keys/file.rs",
        "a_users_file_changes_only_what_it_names",
    ),
    (
        "errors of a keymap name the line",
        "src/tui/keys/file.rs",
        "every_mistake_is_named_with_its_line_and_the_rest_kept",
    ),
    (
        "keys are listed after a prefix",
        "tests/console/menus.rs",
        "backspace_goes_up_and_esc_closes_a_menu",
    ),
    (
        "jump in time",
        "src/tui/viewer/prompt.rs",
        "jump_targets_are_parsed",
    ),
    (
        "least level",
        "src/tui/viewer/tests.rs",
        "the_status_line_shows_the_state",
    ),
    (
        "where I am",
        "tests/console/main.rs",
        "q_leaves_views_and_asks_before_leaving_live_runs",
    ),
    (
        "back and forth between views",
        "tests/console/menus.rs",
        "views_are_left_and_returned_to",
    ),
    (
        "marks and bulk acts",
        "tests/console/menus.rs",
        "marked_services_are_acted_on_together",
    ),
    (
        "sorting",
        "tests/console/menus.rs",
        "runs_are_sorted_and_the_title_says_how",
    ),
    (
        "the selection stays on its object",
        "tests/console/main.rs",
        "the_selection_stays_on_its_object",
    ),
    (
        "wrap, times, zone",
        "src/tui/viewer/tests.rs",
        "times_and_sources_have_columns",
    ),
    (
        "records of several lines",
        "tests/program/pty/run_logs.rs",
        "runs_and_files_are_merged_and_a_live_one_is_followed",
    ),
    (
        "bookmarks and notes",
        "src/tui/viewer/tests.rs",
        "marks_have_notes_and_can_be_jumped_to_and_saved",
    ),
    (
        "fields of a record",
        "src/tui/viewer/card.rs",
        "a_record_is_taken_apart_and_json_indented",
    ),
    (
        "export",
        "src/tui/viewer/tests.rs",
        "marks_have_notes_and_can_be_jumped_to_and_saved",
    ),
    (
        "merged by time",
        "tests/program/pty/run_logs.rs",
        "runs_and_files_are_merged_and_a_live_one_is_followed",
    ),
    (
        "where the errors are",
        "src/tui/viewer/tests.rs",
        "keys_send_their_requests",
    ),
    (
        "what happened off the screen",
        "tests/console/activity.rs",
        "runs_that_were_not_on_screen_are_marked_until_they_are",
    ),
    (
        "a call when a run ends or asks",
        "tests/console/away.rs",
        "a_person_elsewhere_is_notified_when_a_run_ends",
    ),
    (
        "a paste is text",
        "tests/console/main.rs",
        "a_paste_runs_nothing_anywhere",
    ),
    (
        "a mouse if wanted",
        "tests/console/mouse.rs",
        "a_click_selects_and_a_double_click_opens",
    ),
    (
        "a way without a screen",
        "tests/program/cli.rs",
        "a_phrase_acts_on_a_run_and_confirms_like_the_subcommand",
    ),
];

#[test]
fn every_feature_has_its_test() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (feature, file, test) in FEATURES {
        let text = std::fs::read_to_string(project.join(file)).unwrap_or_default();
        let attribute = |line: &str| matches!(line.trim(), "#[test]" | "#[tokio::test]");
        let is_test = |(line, next): (&str, &str)| {
            attribute(line) && next.trim_start().starts_with(&format!("fn {test}("))
        };
        let is_there = text.lines().zip(text.lines().skip(1)).any(is_test);
        assert!(is_there, "{feature}: there is no test {test} in `{file}`");
    }
}
