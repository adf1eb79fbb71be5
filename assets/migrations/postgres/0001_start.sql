-- The first schema. PostgreSQL: the twin in ../sqlite has the same tables and columns.
-- Times are milliseconds since the Unix epoch; `position` counts from 0; JSON is text SQL never looks into.

create table workspace (
    id bigint generated always as identity primary key,
    name text not null unique,
    timezone text not null,
    created_at bigint not null
);

-- The stack: one row per object, its whole definition in `body`.
create table environment (
    workspace_id bigint not null references workspace (id),
    name text not null,
    position bigint not null,
    body text not null,
    primary key (workspace_id, name)
);
create table service (
    workspace_id bigint not null references workspace (id),
    name text not null,
    position bigint not null,
    body text not null,
    primary key (workspace_id, name)
);
create table routine (
    workspace_id bigint not null references workspace (id),
    name text not null,
    position bigint not null,
    body text not null,
    primary key (workspace_id, name)
);
create table contact (
    workspace_id bigint not null references workspace (id),
    name text not null,
    position bigint not null,
    body text not null,
    primary key (workspace_id, name)
);

-- Numbers of runs are shown to people and never used again.
create table run (
    id bigint generated always as identity primary key,
    workspace_id bigint not null references workspace (id),
    parent_id bigint references run (id),
    plan text not null,
    runbook text not null,
    env text,
    status text not null,
    actor text not null,
    started_by text not null,
    reason text,
    requested_at bigint not null,
    started_at bigint,
    finished_at bigint,
    message text,
    holder text,
    lease_until bigint,
    token bigint not null,
    cancel_requested_by text,
    last_seq bigint not null
);
create index run_by_status on run (status, id);
create index run_by_workspace on run (workspace_id, id);

create table run_service (
    run_id bigint not null references run (id),
    service text not null,
    primary key (run_id, service)
);

-- Steps of the plan first, then its finally steps.
create table run_step (
    run_id bigint not null references run (id),
    position bigint not null,
    status text not null,
    attempt bigint not null,
    started_at bigint,
    finished_at bigint,
    message text,
    primary key (run_id, position)
);

-- An answer belongs to one attempt of a manual step: a repeated step asks again.
create table run_answer (
    run_id bigint not null references run (id),
    position bigint not null,
    attempt bigint not null,
    done boolean not null,
    note text,
    actor text not null,
    at bigint not null,
    primary key (run_id, position, attempt)
);

-- Events and output lines share one gapless sequence per run.
create table event (
    run_id bigint not null references run (id),
    seq bigint not null,
    at bigint not null,
    step bigint,
    level text not null,
    phase text,
    source text not null,
    message text not null,
    data text,
    primary key (run_id, seq)
);

-- Consecutive output lines of one step; the format of `body` is in src/store/chunk.rs.
create table output_chunk (
    run_id bigint not null references run (id),
    first_seq bigint not null,
    last_seq bigint not null,
    step bigint,
    at bigint not null,
    raw_bytes bigint not null,
    body bytea not null,
    primary key (run_id, first_seq)
);

create table artifact (
    id bigint generated always as identity primary key,
    run_id bigint not null references run (id),
    kind text not null,
    title text not null,
    content text not null,
    at bigint not null
);
create index artifact_by_run on artifact (run_id, id);

-- One row per written pulse: whoever inserts it writes the pulse.
create table pulse (
    workspace_id bigint not null references workspace (id),
    slot bigint not null,
    observations bigint not null,
    primary key (workspace_id, slot)
);

-- `env` is '' for a service that has none, so that it can be part of a key.
create table observation (
    id bigint generated always as identity primary key,
    workspace_id bigint not null references workspace (id),
    service text not null,
    env text not null,
    at bigint not null,
    state text not null,
    latency_ms bigint,
    message text not null,
    run_id bigint references run (id)
);
create index observation_by_time on observation (workspace_id, at, service, env, state);

-- The newest observation per target, written together with it.
create table latest_observation (
    workspace_id bigint not null references workspace (id),
    service text not null,
    env text not null,
    at bigint not null,
    state text not null,
    latency_ms bigint,
    message text not null,
    run_id bigint references run (id),
    primary key (workspace_id, service, env)
);

create table audit (
    id bigint generated always as identity primary key,
    workspace_id bigint not null references workspace (id),
    at bigint not null,
    actor text not null,
    action text not null,
    object text not null,
    before text,
    after text,
    reason text
);
create index audit_by_workspace on audit (workspace_id, id);

-- Lines typed into the command bar.
create table console_line (
    id bigint generated always as identity primary key,
    workspace_id bigint not null references workspace (id),
    actor text not null,
    body text not null,
    at bigint not null
);
create index console_line_by_actor on console_line (workspace_id, actor, id);

create table engine (
    holder text not null primary key,
    kind text not null,
    started_at bigint not null,
    seen_at bigint not null
);
