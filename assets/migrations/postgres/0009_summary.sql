-- What lists of runs show, apart from the plan: reading a list does not read plans.

alter table run add column title text not null default '';
-- A person has to approve one of its steps.
alter table run add column needs_approval boolean not null default false;
-- The first title in a plan is its own. Its value is read as JSON by itself: a damaged plan must not stop this, and text
-- has no U+0000. The later plans of a chain are stored in its first, so an approval there counts for it, too.
update run set title = coalesce(
    replace(substring(plan from '"title":("(?:[^"\\[:cntrl:]]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")'), '\u0000', '\u2400')::json #>> '{}', '');
update run set needs_approval = true where plan like '%"spec":{"approve":{%';
