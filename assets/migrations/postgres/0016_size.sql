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

-- Results of whole days and rollups in a partition for each month of UTC: what is old goes with its table, and leaves no room to
-- reclaim. Chunks of single compactions live for a day and have a table of their own. Months are made before their first row
-- (`store/routine/months.rs`); a row without one is in the default partition.
alter table probe_chunk rename to probe_chunk_flat;
alter table probe_rollup rename to probe_rollup_flat;
drop index if exists probe_chunk_by_routine, probe_chunk_by_level, probe_shelf;

create table probe_chunk (
    id bigint generated always as identity,
    routine_id bigint not null references probe_routine (id),
    level text not null,
    from_ms bigint not null,
    until_ms bigint not null,
    ok bigint not null,
    degraded bigint not null,
    failing bigint not null,
    unknown bigint not null,
    skipped bigint not null,
    timed bigint not null,
    min_us bigint not null,
    max_us bigint not null,
    sum_us bigint not null,
    bytes bytea not null,
    constraint probe_chunk_key primary key (id, level, from_ms)
) partition by list (level);
create table probe_rollup (
    id bigint generated always as identity,
    workspace_id bigint not null references workspace (id),
    level text not null,
    from_ms bigint not null,
    bundle bigint not null,
    routines bigint not null,
    bytes bytea not null,
    constraint probe_rollup_key primary key (workspace_id, level, from_ms, bundle)
) partition by list (level);
alter table probe_chunk alter column bytes set storage external;
alter table probe_rollup alter column bytes set storage external;
create index probe_chunk_by_routine on probe_chunk (routine_id, from_ms);
create index probe_chunk_by_level on probe_chunk (level, from_ms);
create index probe_shelf on probe_chunk ((routine_id / 16), from_ms) where level = 'shelf';
create index probe_rollup_by_number on probe_rollup (id);

create table probe_chunk_hour partition of probe_chunk for values in ('hour');
create table probe_chunk_day partition of probe_chunk for values in ('day', 'shelf') partition by range (from_ms);
create table probe_chunk_day_rest partition of probe_chunk_day default;
create table probe_rollup_hour partition of probe_rollup for values in ('hour') partition by range (from_ms);
create table probe_rollup_hour_rest partition of probe_rollup_hour default;
create table probe_rollup_day partition of probe_rollup for values in ('day') partition by range (from_ms);
create table probe_rollup_day_rest partition of probe_rollup_day default;

do $$
declare month record;
begin
    for month in
        select distinct parent, date_trunc('month', to_timestamp(from_ms / 1000) at time zone 'UTC') as begins from (
            select 'probe_chunk_day' as parent, from_ms from probe_chunk_flat where level <> 'hour'
            union all select 'probe_rollup_' || level, from_ms from probe_rollup_flat
        ) rows
    loop
        execute format('create table %I partition of %I for values from (%s) to (%s)',
            month.parent || to_char(month.begins, '_YYYY_MM'), month.parent,
            cast(extract(epoch from month.begins) as bigint) * 1000,
            cast(extract(epoch from month.begins + interval '1 month') as bigint) * 1000);
    end loop;
end $$;

insert into probe_chunk overriding system value select * from probe_chunk_flat;
insert into probe_rollup overriding system value select * from probe_rollup_flat;
select setval(pg_get_serial_sequence('probe_chunk', 'id'), (select coalesce(max(id), 0) + 1 from probe_chunk), false);
select setval(pg_get_serial_sequence('probe_rollup', 'id'), (select coalesce(max(id), 0) + 1 from probe_rollup), false);
drop table probe_chunk_flat;
drop table probe_rollup_flat;
