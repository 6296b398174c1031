-- The wanted database schema. `todod migrate` brings a database to it, and tests create
-- their databases from it.

CREATE TABLE todo (
    id           uuid         NOT NULL DEFAULT gen_random_uuid(),
    title        varchar(500) NOT NULL,
    description  varchar(2000),
    is_completed boolean      NOT NULL DEFAULT false,
    -- The subject of the owner's tokens. No foreign key: users live in the
    -- login system, which may have a database of its own.
    user_id      varchar(255) NOT NULL,
    created_at   timestamptz  NOT NULL DEFAULT now(),
    updated_at   timestamptz  NOT NULL DEFAULT now(),

    CONSTRAINT todo_pkey PRIMARY KEY (id),
    -- The last defence behind the contract's rules, which cover all of Unicode's
    -- invisible characters.
    CONSTRAINT ck_todo_title_not_blank CHECK (btrim(title, E' \t\n\r') <> ''),
    CONSTRAINT ck_todo_user_id_not_empty CHECK (user_id <> ''),
    -- The range of the API: RFC 3339 has years of four digits.
    CONSTRAINT ck_todo_created_at_in_range CHECK (created_at >= '0001-01-01 00:00:00+00' AND created_at < '10000-01-01 00:00:00+00'),
    CONSTRAINT ck_todo_updated_at_in_range CHECK (updated_at >= '0001-01-01 00:00:00+00' AND updated_at < '10000-01-01 00:00:00+00')
);

CREATE INDEX ix_todo_user_id ON todo (user_id);

-- For lists: one owner's todos, newest first, from any position.
CREATE INDEX ix_todo_user_id_created_at ON todo (user_id, created_at DESC, id DESC);
