-- The order of the queue, the lanes of an engine, and groups of runs that exclude each other.

alter table run add column lane text not null default 'interactive';
alter table run add column priority text not null default 'normal';
-- Runs are taken by rank, the least first, then by number. What it is made of is in src/core/queue.rs.
alter table run add column rank bigint not null default 0;
update run set rank = requested_at where status in ('queued', 'claimed', 'running', 'waiting', 'interrupted');
drop index run_queued;
create index run_queued on run (lane, rank, id) where status = 'queued';

-- A group is kept like a target: `service` is '' (no service is called that), `env` is the group's name. The rank is that
-- of the run, so that the line for a target is read without its runs.
alter table run_target add column rank bigint not null default 0;
update run_target set rank = (select r.rank from run r where r.id = run_target.run_id);
drop index run_target_by_target;
create index run_target_by_target on run_target (workspace_id, service, env, rank, run_id);

-- Whoever puts a run into a group writes its row first: so they do it one after the other.
create table run_group (
    workspace_id bigint not null,
    name text not null,
    primary key (workspace_id, name)
);

-- It finishes what it has in hand and takes nothing more: others do not wait for it.
alter table engine add column draining boolean not null default false;

-- Others want to hear of what happened to a run: of its numbers and its states. They do not want to hear of renewed leases,
-- nor of a claim, because the start follows at once. Telling costs the most of all that a claim does.
drop trigger tell_of_run on run;
create trigger tell_of_new_run after insert on run for each row execute function tell_of_run();
create trigger tell_of_run after update on run for each row
    when (old.last_seq <> new.last_seq or (old.status <> new.status and new.status <> 'claimed'))
    execute function tell_of_run();
