create table workspace (
    id bigint generated always as identity primary key,
    name text not null unique,
    timezone text not null,
    created_at bigint not null
);

-- One row per declared object; `kind` is environment, service, routine or contact; `body` is its JSON.
create table stack_object (
    workspace_id bigint not null references workspace (id),
    kind text not null,
    name text not null,
    position bigint not null,
    body text not null,
    updated_at bigint not null,
    primary key (workspace_id, kind, name)
);

create table run (
    id bigint generated always as identity primary key,
    workspace_id bigint not null references workspace (id),
    parent_id bigint references run (id),
    runbook text not null,
    env text,
    plan text not null,
    status text not null,
    actor text not null,
    via text not null,
    reason text,
    requested_at bigint not null,
    started_at bigint,
    finished_at bigint,
    message text,
    holder text,
    -- Fencing token: grows with every claim; every write by an engine carries it.
    token bigint not null default 0,
    lease_until bigint,
    cancel_requested_by text,
    last_seq bigint not null default 0
);
create index run_by_status on run (status, id);
create index run_by_workspace on run (workspace_id, id);

create table run_service (
    run_id bigint not null references run (id),
    service text not null,
    primary key (run_id, service)
);

create table run_step (
    run_id bigint not null references run (id),
    step bigint not null,
    status text not null,
    attempt bigint not null default 0,
    started_at bigint,
    finished_at bigint,
    message text,
    answer_done boolean,
    answer_by text,
    answer_note text,
    primary key (run_id, step)
);

-- Events and output share one gapless sequence per run.
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

-- Consecutive output lines, compressed; `body` keeps each line's stream and time.
create table output_chunk (
    run_id bigint not null references run (id),
    first_seq bigint not null,
    last_seq bigint not null,
    step bigint,
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

create table observation (
    id bigint generated always as identity primary key,
    workspace_id bigint not null references workspace (id),
    service text not null,
    -- Empty: the service has no environments.
    env text not null,
    at bigint not null,
    state text not null,
    latency_ms bigint,
    message text not null,
    run_id bigint references run (id)
);
create index observation_by_target on observation (workspace_id, service, env, at);

create table pulse (
    workspace_id bigint not null references workspace (id),
    slot bigint not null,
    observations bigint not null,
    primary key (workspace_id, slot)
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

create table command_history (
    id bigint generated always as identity primary key,
    workspace_id bigint not null references workspace (id),
    actor text not null,
    at bigint not null,
    text text not null
);
create index command_history_by_actor on command_history (workspace_id, actor, id);

create table engine (
    holder text not null primary key,
    kind text not null,
    started_at bigint not null,
    seen_at bigint not null
);
