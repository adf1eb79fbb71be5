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
