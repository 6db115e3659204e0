-- What the kernel keeps of a command, as tables; one function a command, so that a command is one round trip and one transaction.
create table sessions (token text primary key, who text not null);
create table cards (
  id text primary key, title text not null, bay text not null, price bigint not null, version int not null, by text not null
);
create index cards_by_bay on cards (bay, id);
create table events (position bigserial primary key, topic text not null, key text not null, payload text not null);
create table audit (position bigserial primary key, who text not null, action text not null, record text not null, digest text not null);
create table answers (key text primary key, body text not null, answer text not null, at timestamptz not null default now());
insert into sessions values ('bench', 'advisor');

create function put_card(asked_key text, asked_body text, asked json) returns text language plpgsql as $$
declare
  who text;
  kept answers;
  written cards;
  answer text;
begin
  select s.who into strict who from sessions s where s.token = 'bench';
  select * into kept from answers a where a.key = asked_key;
  if found then
    return kept.answer;
  end if;
  insert into cards as c values (asked->>'id', asked->>'title', asked->>'bay', (asked->>'price')::bigint, 1, who)
    on conflict (id) do update
    set title = excluded.title, bay = excluded.bay, price = excluded.price, version = c.version + 1, by = excluded.by
    returning * into written;
  answer := row_to_json(written)::text;
  insert into events (topic, key, payload)
    values ('jobs.changed', written.id, json_build_object('card', written.id, 'version', written.version)::text);
  insert into audit (who, action, record, digest) values (who, 'jobs/cards/put-card', written.id, md5(answer));
  insert into answers (key, body, answer) values (asked_key, md5(asked_body), answer);
  return answer;
end $$;
