-- Maintenance windows, as the stack file declares them.
create table maintenance (
    workspace_id bigint not null references workspace (id),
    name text not null,
    position bigint not null,
    body text not null,
    primary key (workspace_id, name)
);

-- The window that muted a change of state: the change is no news. '': none.
alter table routine_change add column maintenance text not null default '';
