-- What runs that are queued or under way touch, and which run holds it. A run's rows go when it ends.
-- `env` is '' for a service that has none, so that it can be part of a key.

create table run_target (
    run_id bigint not null references run (id),
    workspace_id bigint not null references workspace (id),
    service text not null,
    env text not null,
    primary key (run_id, service, env)
);
create index run_target_by_target on run_target (workspace_id, service, env, run_id);

create table run_lock (
    workspace_id bigint not null references workspace (id),
    service text not null,
    env text not null,
    run_id bigint not null references run (id),
    primary key (workspace_id, service, env)
);
create index run_lock_by_run on run_lock (run_id);
