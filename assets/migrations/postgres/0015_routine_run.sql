-- The last run that a routine with a runbook has begun. `request_id`: of the person who asked for it; null: its schedule.
-- `counted`: its result is among those of the routine.
create table routine_run (
    routine_id bigint primary key references probe_routine (id),
    run_id bigint not null references run (id),
    slot bigint not null,
    request_id bigint,
    counted boolean not null
);
