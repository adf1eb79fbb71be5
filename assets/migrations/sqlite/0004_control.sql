-- What people ask of a run while it is under way, and what they say to a step that wants approval.

-- `pace`: free, paused, stepping; `let_go`: the position of the step that may go while it is stepping.
alter table run add column pace text not null default 'free';
alter table run add column paced_by text;
alter table run add column let_go bigint;
-- How the run is to end, once somebody asked for it: after_step, cancel, kill.
alter table run add column ending text;
-- The run whose plan this one does again: whoever asked for that one does not approve this one.
alter table run add column retry_of bigint references run (id);

-- Each person counts once; a vote is bound to the plan it was given for.
create table run_vote (
    run_id bigint not null references run (id),
    position bigint not null,
    actor text not null,
    approved boolean not null,
    note text,
    plan_hash text not null,
    at bigint not null,
    primary key (run_id, position, actor)
);
