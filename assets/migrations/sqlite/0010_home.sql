-- What home shows: since when a target is in its state, what changed it last, what needs a person, and how a person has set home.

alter table latest_observation add column state_since bigint not null default 0;
-- The first observation after the newest one in another state; without any, the newest.
update latest_observation set state_since = at;
update latest_observation set state_since = began.at from (
    select l.workspace_id, l.service, l.env, min(o.at) as at
    from observation o cross join latest_observation l
    left join (
        select p.workspace_id, p.service, p.env, max(o.at) as at
        from observation o cross join latest_observation p
        where p.workspace_id = o.workspace_id and p.service = o.service and p.env = o.env and p.state <> o.state
        group by p.workspace_id, p.service, p.env
    ) other on other.workspace_id = l.workspace_id and other.service = l.service and other.env = l.env
    where l.workspace_id = o.workspace_id and l.service = o.service and l.env = o.env and l.state = o.state
        and o.at > coalesce(other.at, -1)
    group by l.workspace_id, l.service, l.env
) began
where began.workspace_id = latest_observation.workspace_id and began.service = latest_observation.service
    and began.env = latest_observation.env;

-- The plan of the run changes something. A damaged plan is taken to change nothing.
alter table run add column mutates boolean not null default false;
update run set mutates = true
where json_valid(plan) and json_extract(replace(plan, '\u0000', '\u2400'), '$.mutates');
create index run_changing on run (workspace_id, id, env, started_at) where mutates;
create index run_unsettled on run (workspace_id, id) where status in ('waiting', 'interrupted');
create index run_failed on run (workspace_id, id) where status in ('failed', 'timed_out');
create index audit_of_service on audit (workspace_id, id, object) where substr(object, 1, 8) = 'service ';

-- The order of the services at home, and when the person last opened the list of runs.
create table home_view (
    workspace_id bigint not null references workspace (id),
    actor text not null,
    sort text not null,
    looked_at bigint,
    primary key (workspace_id, actor)
);
