-- Who queued a run, when engines are alive, and when a target was last really seen.

-- The process that queued, resumed or started it last, by its engine's holder, and when. '': any engine may take it, because
-- nothing changes before a person acts. Null: queued before this was kept; nobody takes it unasked.
alter table run add column queued_by text;
alter table run add column queued_at bigint;
update run set queued_at = requested_at where status = 'queued';
-- Who has something in the queue is asked often, and few processes have much in it.
create index run_queued_by on run (queued_by) where status = 'queued';

-- Until when others may take the engine to be alive; from when on a server goes on with what processes that are gone have
-- queued (null: it never does); how often it probes, 0: never.
alter table engine add column alive_until bigint not null default 0;
alter table engine add column adopts_from bigint;
alter table engine add column pulse_ms bigint not null default 0;

-- The newest observation may be `unknown`: the target could not be asked. What was seen before that stays known.
alter table latest_observation add column seen_at bigint;
alter table latest_observation add column seen_state text;
update latest_observation set seen_at = at, seen_state = state;
