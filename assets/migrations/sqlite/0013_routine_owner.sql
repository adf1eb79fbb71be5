-- Who runs the routines of a workspace, and what people ask of them.

-- Engines that run routines. A member is alive until `alive_until`; `term` grows each time a holder joins.
create table routine_member (
    workspace_id bigint not null references workspace (id),
    holder text not null,
    term bigint not null,
    -- Members of a lower rank run nothing while one of a higher rank is alive.
    rank bigint not null,
    alive_until bigint not null,
    -- Whether it keeps up, as JSON; '' before it was counted.
    load text not null default '',
    primary key (workspace_id, holder)
);

-- Parts of the routines of a workspace, by the hash of their names. '': no engine has it. `term` grows with each change of the
-- holder. `dead_until`: until then its last holder, which was removed, may have run slots without recording them; 0: it released
-- the shard.
create table routine_shard (
    workspace_id bigint not null references workspace (id),
    shard bigint not null,
    holder text not null,
    term bigint not null,
    dead_until bigint not null,
    primary key (workspace_id, shard)
);

-- What people and programs ask the holder of a routine for: with a `report` (a state) to take it, else a run now. `state` and
-- `message` are the result; '' until `done_at`.
create table routine_request (
    id integer primary key autoincrement,
    workspace_id bigint not null references workspace (id),
    routine text not null,
    actor text not null,
    at bigint not null,
    report text not null,
    note text not null,
    taken_by text not null,
    done_at bigint,
    state text not null,
    message text not null
);
create index routine_request_open on routine_request (workspace_id) where done_at is null;

-- Slots of the pulse: services are probed by routines now.
drop table if exists pulse;
