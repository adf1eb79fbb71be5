//! The store suite: every test is written once and runs on SQLite and on PostgreSQL.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failed unwrap fails the test"
)]

mod again;
mod artifacts;
mod changes;
mod control;
mod entry;
mod growth;
mod history;
mod home;
mod journal;
mod left_over;
mod lockouts;
mod notes;
mod opening;
mod overview;
mod probes;
mod queue;
mod reliability;
mod rest;
mod resume;
mod routines;
mod runs;
mod scope;
mod simulation;
mod stack;
mod table;
mod windows;

use std::collections::BTreeSet;
use std::path::Path;

use opsroom::core::base::time::Timestamp;
use opsroom::core::run::event::{EntryBody, Level, NewEntry, Stream};
use opsroom::core::run::plan::{Plan, PlanStep};
use opsroom::core::run::step::{StepSpec, shell::Shell};
use opsroom::core::run::{Phase, Run, RunId};
use opsroom::core::stack::shell::ShellCommand;
use opsroom::store::{Claim, NewRun, Store};

/// A test's own database.
pub struct Place {
    pub url: String,
    pub store: Store,
    /// A workspace in it.
    pub workspace: i64,
}

impl Place {
    async fn new(url: &str) -> Self {
        let store = Store::open(url).await.unwrap();
        let workspace = store
            .ensure_workspace("acme", "Europe/Berlin", at(0))
            .await
            .unwrap()
            .id;
        Self {
            url: url.into(),
            store,
            workspace,
        }
    }

    pub async fn submit(&self, plan: Plan) -> Run {
        self.store.submit(self.new_run(plan)).await.unwrap()
    }

    pub fn new_run(&self, plan: Plan) -> NewRun {
        NewRun {
            workspace: self.workspace,
            plan,
            parent: None,
            actor: "ana".into(),
            trigger: "console".into(),
            reason: Some("release 4".into()),
            at: at(10),
        }
    }

    /// The queued runs that wait for more than a free worker, and what they wait for.
    pub async fn waiting(&self) -> Vec<(RunId, String)> {
        let queue = self
            .store
            .queue(self.workspace, (RunId(0), RunId(i64::MAX)), at(100))
            .await
            .unwrap();
        queue
            .into_iter()
            .filter(|q| !q.waits_for.is_empty())
            .map(|q| (q.run, q.to_string()))
            .collect()
    }

    /// Queues a run of three steps and claims it until 1000.
    pub async fn claimed(&self) -> Claim {
        let run = self.submit(plan("deploy")).await;
        let claimed = self
            .store
            .claim(Some(run.id), "host:1", at(1000))
            .await
            .unwrap();
        claimed.expect("it is queued").0
    }
}

/// Milliseconds after some fixed moment.
pub fn at(ms: i64) -> Timestamp {
    Timestamp(1_795_000_000_000 + ms)
}

/// A plan with two steps and a finally step.
pub fn plan(runbook: &str) -> Plan {
    Plan {
        runbook: runbook.into(),
        title: format!("{runbook} web → staging"),
        env: Some("staging".into()),
        services: vec!["web".into(), "api".into(), "web".into()],
        steps: vec![step("prepare"), step("switch")],
        finally: vec![step("tidy")],
        timeout_ms: 60_000,
        ..Plan::default()
    }
}

fn step(name: &str) -> PlanStep {
    let command = StepSpec::Shell(Shell::new(ShellCommand::Script(name.into())));
    PlanStep::new(name, Phase::Action, command, 1000)
}

pub fn event(message: &str) -> NewEntry {
    let body = EntryBody::Event {
        level: Level::Info,
        phase: Some(Phase::Action),
        source: "engine".into(),
        message: message.into(),
        data: None,
    };
    NewEntry {
        at: at(30),
        step: Some(0),
        body,
    }
}

pub fn line(step: u32, text: &str) -> NewEntry {
    let body = EntryBody::Output {
        stream: Stream::Stdout,
        text: text.into(),
    };
    NewEntry {
        at: at(31),
        step: Some(step),
        body,
    }
}

/// The message or output text of an entry.
pub fn message_of(body: &EntryBody) -> &str {
    match body {
        EntryBody::Event { message, .. } => message,
        EntryBody::Output { text, .. } => text,
    }
}

async fn on_sqlite<F: Future<Output = ()>>(test: impl FnOnce(Place) -> F) {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::new(&format!(
        "sqlite:{}",
        folder.path().join("a folder/opsroom.db").display()
    ))
    .await;
    let store = place.store.clone();
    test(place).await;
    store.close().await;
}

async fn on_postgres<F: Future<Output = ()> + Send + 'static>(test: impl FnOnce(Place) -> F) {
    let Some(schema) = crate::postgres::schema().await else {
        return;
    };
    let place = Place::new(&schema.url).await;
    let store = place.store.clone();
    let outcome = tokio::spawn(test(place)).await;
    store.close().await;
    schema.remove().await;
    if let Err(failure) = outcome {
        std::panic::resume_unwind(failure.into_panic());
    }
}

/// Declares each test for both databases.
macro_rules! suite {
    ($($module:ident: $($test:ident),+;)+) => {
        mod sqlite {
            $(mod $module { $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $test() { crate::store::on_sqlite(crate::store::$module::$test).await; }
            )+ })+
        }
        mod postgresql {
            $(mod $module { $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $test() { crate::store::on_postgres(crate::store::$module::$test).await; }
            )+ })+
        }
        const LISTED: &[(&str, &[&str])] = &[$((stringify!($module), &[$(stringify!($test)),+])),+];
    };
}

suite! {
    runs: a_submitted_run_is_whole, a_run_needs_a_workspace, the_oldest_queued_run_is_claimed_first,
        a_run_of_a_newer_version_stays_queued, racing_claimers_get_each_run_once, renewing_holds_off_the_sweeper, a_stale_token_changes_nothing,
        a_run_lives_and_ends, an_end_leaves_no_step_open, the_chain_continues_only_with_the_end,
        steps_are_recorded, cancelling_a_queued_run, cancelling_a_held_run, cancelling_races_with_finishing,
        cancelling_races_with_claiming, an_interrupted_run_says_what_is_unknown, a_renewal_beats_the_interruption,
        manual_steps_are_answered_once_per_attempt, lists_are_filtered_and_paged, a_list_shows_runs_without_their_plans, a_search_reports_how_far_it_read;
    control: orders_are_stored_logged_and_audited, a_harsher_end_replaces_a_milder_one_and_not_the_other_way_round,
        a_skipped_step_never_begins, a_paused_run_whose_engine_is_gone_keeps_waiting,
        a_paused_run_that_has_failed_does_not_go_on_by_itself, only_a_run_that_waits_before_a_step_has_it_released,
        an_approval_needs_enough_people_other_than_the_requester, votes_outlive_the_engine_and_are_bound_to_their_time,
        the_requester_of_a_run_does_not_approve_its_retry, outcomes_are_found_by_step_oldest_first;
    again: a_run_goes_on_with_what_succeeded, only_one_run_goes_on_with_a_run,
        what_cannot_be_gone_on_with_is_refused_and_nothing_is_written;
    routines: a_removed_member_writes_nothing, a_shard_has_one_holder_until_it_is_released,
        a_routine_that_is_asked_for_is_taken_once,
        a_run_of_a_routine_is_begun_once_and_counted_with_its_result;
    lockouts: a_locked_target_keeps_changing_runs_in_the_queue, a_locked_runbook_keeps_its_runs_in_the_queue,
        a_lock_is_audited_and_replaced_only_by_its_author, a_stopped_run_keeps_no_place_before_others,
        a_stopped_run_keeps_no_place_in_its_lane, targets_are_locked_once_in_one_order, racing_people_end_a_lock_once;
    notes: notes_are_entries_also_after_the_end, a_link_is_an_artifact_with_an_entry;
    table: every_pair_of_state_and_transition;
    resume: an_unknown_outcome_requires_a_decision, targets_are_taken_all_or_none_and_given_back,
        racing_claimers_never_share_a_target, a_write_that_only_seemed_to_fail_is_found;
    queue: urgent_runs_go_first_and_none_starves, lanes_are_claimed_apart_and_a_chain_stays_in_its_lane,
        one_run_of_a_group_is_under_way_at_a_time, racing_claimers_never_share_a_group, a_taken_group_refuses_the_next_run,
        racing_submitters_of_a_group_that_refuses, a_new_run_cancels_the_others_of_its_group,
        a_link_refused_by_its_group_is_cancelled_with_a_message, an_interrupted_run_leaves_its_group_and_lines_up_again,
        a_group_is_of_one_workspace, places_in_the_queue_are_reported, an_unreadable_run_hides_no_other;
    left_over: an_engine_that_lost_a_run_is_not_alive_for_its_queued_runs, a_console_takes_only_runs_queued_by_live_processes, a_person_starts_a_leftover_run,
        without_an_engine_every_run_waits_and_a_server_adopts_young_ones, no_console_continues_a_change_by_itself,
        a_chain_belongs_to_the_process_that_continues_it;
    changes: writes_of_others_are_noticed;
    reliability: a_breaker_opens_for_all_engines_and_one_of_them_probes, a_reset_is_audited, commands_are_known_until_they_end,
        a_command_is_not_recorded_while_the_run_is_taken_over,
        a_takeover_fences_the_old_engine_off;
    simulation: any_interleaving_keeps_the_invariants;
    journal: numbers_have_no_gaps_under_racing_writers, pages_cut_chunks_anywhere, entries_are_read_as_they_were_written,
        a_line_of_ten_megabytes, pages_of_long_lines_end_early, thousands_of_events_at_once,
        damaged_output_is_reported;
    artifacts: artifacts_are_kept, the_same_contents_are_kept_once, an_artifact_over_the_limits_is_refused_whole, a_later_attempt_takes_the_place_of_an_earlier_one,
        damaged_contents_are_reported, artifacts_of_the_first_schema_can_be_read;
    history: every_change_is_kept_with_its_time, a_run_that_never_began_has_a_history_too, an_end_records_the_outcome_of_every_step,
        an_attempt_ends_once;
    home: a_state_has_a_beginning, earlier_states_get_their_beginning, the_last_change_of_a_service_is_a_run_or_an_edit,
        runs_of_concern_wait_were_interrupted_or_failed, the_last_change_is_the_run_that_started_last,
        of_the_runs_that_wait_the_oldest_are_found, observations_of_earlier_versions_become_samples, each_person_has_a_home;
    windows: a_window_has_a_state_before_it, a_service_changes_by_runs_and_edits, a_routine_is_counted_in_buckets,
        a_window_that_cannot_be_answered_is_refused, where_results_are_gone_longer_buckets_are_read;
    stack: an_applied_stack_reads_the_same, a_stack_is_read_again_only_when_it_changed,
        a_stack_that_changed_meanwhile_is_refused_whole, racing_appliers,
        workspaces_are_made_once, dependents_of_an_object_are_counted;
    probes: routines_keep_their_numbers, a_flush_is_written_whole_or_not_at_all, compaction_changes_no_answer,
        racing_compactors_move_every_sample_once, a_compaction_that_is_stopped_loses_nothing,
        a_damaged_row_is_reported_and_stops_no_other, downtime_is_the_time_in_failing, nothing_goes_before_it_is_counted,
        old_changes_of_state_go, a_pause_is_audited_and_outlives_flushes, what_is_old_goes_with_its_month,
        results_of_earlier_versions_are_moved;
    rest: a_workspace_has_its_own_observations, an_unreachable_target_is_unknown_and_keeps_when_it_was_seen,
        an_observation_is_the_newest_and_a_sample, racing_observers, the_command_bar_remembers, engines_come_and_go, audit_is_newest_first,
        audit_rows_are_filtered, a_long_message_is_cut_wherever_it_is_stored;
    scope: a_run_of_another_workspace_does_not_exist, another_workspace_is_empty;
    entry: a_read_only_process_changes_nothing, every_open_question_of_a_run_is_a_need,
        a_blocked_or_unconfirmed_plan_is_not_started,
        a_run_keeps_who_asked_for_it_where_and_why, a_plan_or_a_stack_that_holds_a_secret_is_refused_with_its_place,
        a_question_is_answered_with_its_word_or_with_no, an_order_is_announced_and_a_skip_needs_a_reason,
        an_approval_is_shown_with_its_votes_and_deadline, a_person_does_not_start_what_only_they_could_approve,
        a_retry_repeats_an_ended_run_whose_targets_are_still_there, a_decision_about_an_interrupted_run_needs_a_reason,
        the_record_of_a_run_is_everything_about_it, a_plan_card_shows_what_like_it_ran_before,
        a_plan_card_shows_what_its_run_would_wait_for, a_list_of_runs_has_the_positions_of_its_queued_ones,
        the_newest_run_that_fits_a_description_is_found, breakers_are_closed_by_service_environment_or_host,
        an_edited_routine_is_announced_audited_and_must_still_be_as_it_was_opened,
        applying_makes_the_changes_that_were_shown, the_workspace_is_the_one_named_or_the_only_one,
        a_process_knows_its_store_and_its_clock, a_plan_made_before_the_end_of_a_lock_is_started_after_it,
        a_refused_address_shows_no_secret, the_ended_run_is_announced_with_the_run_that_goes_on,
        a_runbook_that_grew_too_large_is_shown_without_its_text;
    overview: the_engine_shown_is_a_server_or_the_own_one_or_another_console, a_queued_run_waits_for_an_engine_or_for_a_person,
        twenty_runs_that_wait_are_shown_whole_and_the_rest_by_number, a_run_that_waits_is_started_or_dropped_by_a_person,
        the_overview_is_what_the_store_has, a_process_waits_for_its_runs_and_stops_with_or_without_them,
        a_run_of_a_dead_engine_is_found_within_its_lease, an_empty_store_shows_nothing;
    growth: a_start_asks_as_often_and_reads_no_more_than_it_shows, an_unchanged_stack_is_read_once,
        a_letter_in_the_bar_reads_no_stack, the_names_of_a_stack_are_enough_to_read_a_phrase;
    opening: a_closed_store_refuses, reopening_finds_everything, racing_openers, a_newer_schema_is_refused,
        another_builds_schema_is_refused, earlier_runs_get_what_lists_show;
}

/// The source of every file of the store, and of this suite.
/// The text of a module and all modules below it: `src/store`.
fn sources(module: &str) -> String {
    fn read(folder: &Path, texts: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                read(&path, texts);
            } else {
                texts.push(std::fs::read_to_string(path).unwrap());
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(module);
    let mut texts = vec![std::fs::read_to_string(root.with_extension("rs")).unwrap()];
    read(&root, &mut texts);
    texts.join("\n")
}

#[test]
fn every_public_method_is_called_by_the_suite() {
    let (store, suite) = (sources("src/store"), sources("tests/store_engine/store"));
    let methods: BTreeSet<&str> = store
        .split("pub async fn ")
        .skip(1)
        .filter_map(|rest| rest.split(['(', '<']).next())
        .collect();
    assert!(methods.len() > 30, "found only {methods:?}");
    for method in methods {
        let called =
            suite.contains(&format!(".{method}(")) || suite.contains(&format!("Store::{method}("));
        assert!(
            called,
            "Store::{method} is never called by tests/store_engine/store"
        );
    }
}

#[test]
fn every_test_is_in_the_list() {
    for (module, tests) in LISTED {
        let file = format!(
            "{}/tests/store_engine/store/{module}.rs",
            env!("CARGO_MANIFEST_DIR")
        );
        let text = std::fs::read_to_string(file).unwrap();
        let written: BTreeSet<&str> = text
            .split("pub async fn ")
            .skip(1)
            .filter(|rest| {
                rest.split_once(')')
                    .is_some_and(|(head, _)| head.contains("Place"))
            })
            .filter_map(|rest| rest.split('(').next())
            .collect();
        assert_eq!(written, tests.iter().copied().collect(), "{module}");
    }
}
