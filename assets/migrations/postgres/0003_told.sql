-- Tells listeners of every change of a run; entries count as one, because they take the run's next numbers.

create function tell_of_run() returns trigger language plpgsql as $$
begin
    perform pg_notify('opsroom_run_' || tg_table_schema, new.id::text);
    return null;
end
$$;
create trigger tell_of_run after insert or update on run for each row execute function tell_of_run();
