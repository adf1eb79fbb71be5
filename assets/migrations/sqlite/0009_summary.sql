-- What lists of runs show, apart from the plan: reading a list does not read plans.

alter table run add column title text not null default '';
-- A person has to approve one of its steps.
alter table run add column needs_approval boolean not null default false;
-- A damaged plan has no title. The later plans of a chain are stored in its first, so an approval there counts for it, too.
update run set title = coalesce(json_extract(replace(plan, '\u0000', '\u2400'), '$.title'), '') where json_valid(plan);
update run set needs_approval = true where plan like '%"spec":{"approve":{%';
