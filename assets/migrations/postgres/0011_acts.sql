-- What people do to runs besides retrying them whole.

-- How much of the run in `retry_of` is done again: all, or from_failed.
alter table run add column again text not null default 'all';
-- Only one run goes on with a run.
create unique index run_goes_on on run (retry_of) where again = 'from_failed';
-- The run in which the step ended, when this run took it over.
alter table run_step add column taken_from bigint references run (id);

-- Notes of people on a run, also after it has ended; `seq` is the entry of its log.
create table run_note (
    run_id bigint not null references run (id),
    seq bigint not null,
    actor text not null,
    note text not null,
    at bigint not null,
    primary key (run_id, seq)
);

-- Locks that people set: until its end no changing run begins on the target, or of the runbook. Of `service` with `env`
-- ('' for a service that has none) and `runbook`, one is '': no service and no runbook is called that.
create table lockout (
    workspace_id bigint not null references workspace (id),
    service text not null,
    env text not null,
    runbook text not null,
    actor text not null,
    reason text not null,
    at bigint not null,
    until bigint not null,
    primary key (workspace_id, service, env, runbook)
);

-- The newest runs of a runbook.
create index run_of_runbook on run (workspace_id, runbook, id);
