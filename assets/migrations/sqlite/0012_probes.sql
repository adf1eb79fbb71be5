-- Routines and the results of their probes. What a stack declares is in `routine`; every service's probe has a row here too.

create table probe_routine (
    id integer primary key autoincrement,
    workspace_id bigint not null references workspace (id),
    name text not null,
    kind text not null,
    created_at bigint not null,
    removed_at bigint,
    unique (workspace_id, name)
);

-- The journal: what one flush wrote, as columns, until it is compacted. From the first to the last slot in it.
create table probe_batch (
    seq integer primary key autoincrement,
    workspace_id bigint not null references workspace (id),
    at bigint not null,
    from_ms bigint not null,
    until_ms bigint not null,
    n bigint not null,
    bytes blob not null
);
create index probe_batch_by_slot on probe_batch (workspace_id, until_ms);

-- Samples of one routine within one day of UTC: of one compaction (`hour`), or of the whole day (`day`). Never updated.
create table probe_chunk (
    id integer primary key autoincrement,
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
    bytes blob not null
);
create index probe_chunk_by_routine on probe_chunk (routine_id, from_ms);
create index probe_chunk_by_level on probe_chunk (level, from_ms);

-- Counts and latencies of the routines of one bundle (their numbers divided by 64) in one hour or day of UTC.
create table probe_rollup (
    id integer primary key autoincrement,
    workspace_id bigint not null references workspace (id),
    level text not null,
    from_ms bigint not null,
    bundle bigint not null,
    routines bigint not null,
    bytes blob not null,
    unique (workspace_id, level, from_ms, bundle)
);

-- `state`: what the last probe found; `confirmed`: what enough probes in a row agree on. A pause is of a person, the rest of the engine.
create table routine_state (
    routine_id bigint not null primary key references probe_routine (id),
    state text not null,
    confirmed text not null,
    since bigint not null,
    streak bigint not null,
    last_ok_at bigint,
    last_failed_at bigint,
    message text not null,
    flapping boolean not null,
    paused_until bigint,
    paused_by text,
    pause_reason text
);

create table routine_change (
    id integer primary key autoincrement,
    routine_id bigint not null references probe_routine (id),
    at bigint not null,
    from_state text not null,
    to_state text not null,
    reason text not null,
    class bigint not null,
    message text not null
);
create index routine_change_by_routine on routine_change (routine_id, at);
create index routine_change_by_time on routine_change (at);

-- The last good and the last bad answer.
create table probe_evidence (
    routine_id bigint not null references probe_routine (id),
    kind text not null,
    at bigint not null,
    answer text not null,
    primary key (routine_id, kind)
);
