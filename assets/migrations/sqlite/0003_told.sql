-- Nothing to do here: SQLite counts the commits of others by itself (`pragma data_version`).
select 1;
