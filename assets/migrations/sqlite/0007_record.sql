-- What runs leave behind, and when they and their steps changed.

-- Contents apart from the list, once for each hash.
create table artifact_content (
    hash text not null primary key,
    bytes bigint not null,
    body blob not null
);

-- The step that left it; null for what the run itself left. Rows from before have their contents in `content`, which now
-- holds only where a link leads.
alter table artifact add column step bigint;
alter table artifact add column hash text references artifact_content (hash);
alter table artifact add column bytes bigint;

-- When a run (`position` is null) and its steps changed, and who made it: a person, or the engine that claimed it.
create table run_change (
    id integer primary key autoincrement,
    run_id bigint not null references run (id),
    at bigint not null,
    position bigint,
    attempt bigint,
    status text not null,
    actor text
);
create index run_change_by_run on run_change (run_id, id);
