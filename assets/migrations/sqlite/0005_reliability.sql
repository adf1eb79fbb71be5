-- What keeps engines honest with the world: circuit breakers, and the processes that are under way.

-- Looking for work must not walk through everything that has ended.
create index run_queued on run (id) where status = 'queued';

-- A breaker stands before a host as it is called on behalf of a target; `service` and `env` are '' where there is none.
-- Open since `opened_at`; `probe_until`: one call was let through and has until then to tell.
create table breaker (
    workspace_id bigint not null references workspace (id),
    service text not null,
    env text not null,
    host text not null,
    failures bigint not null,
    opened_at bigint,
    probe_until bigint,
    message text not null,
    primary key (workspace_id, service, env, host)
);

-- The process groups of shell steps under way: written before the command begins, removed when it has ended.
-- `position` is -1 for a step of a condition. `holder` is the engine that started it; `started` is the leader's start in
-- clock ticks since boot, `mark` a variable only this group has in its environment.
create table run_process (
    run_id bigint not null references run (id),
    position bigint not null,
    holder text not null,
    pgid bigint not null,
    started text not null,
    mark text not null,
    primary key (run_id, position)
);

-- How often the token grew because somebody took the run over to end what its dead engine had left running.
alter table run add column taken_over bigint not null default 0;

-- Claiming takes a run's targets with it, in a fixed order. One that somebody else has fails the claim as a whole.
create trigger lock_with_claim after update of status on run when old.status = 'queued' and new.status = 'claimed'
begin
    insert into run_lock (workspace_id, service, env, run_id)
        select workspace_id, service, env, run_id from run_target where run_id = new.id order by service, env;
end;
