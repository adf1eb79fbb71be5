-- Grows with every change of the stack: who has read it sees whether it is still the same.
alter table workspace add column stack_revision bigint not null default 0;

-- Engines read who is paused every few seconds.
create index routine_paused on routine_state (routine_id) where paused_until is not null;

-- The newest slot of the routine in `probe_chunk`; null: it has none there.
alter table probe_routine add column newest_ms bigint;
update probe_routine set newest_ms = (select max(until_ms) from probe_chunk where routine_id = probe_routine.id);

-- A third level of `probe_chunk`, `shelf`: whole days of up to 16 routines (their numbers divided by 16) in one row, under the
-- number of the first of them.
create index probe_shelf on probe_chunk ((routine_id / 16), from_ms) where level = 'shelf';
