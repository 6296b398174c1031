-- The database schema as it should be. `todod migrate` brings a database to it;
-- the tests' databases are made of it.

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
    -- The last line behind the contract's rules, which know all of Unicode's
    -- invisible characters.
    CONSTRAINT ck_todo_title_not_blank CHECK (btrim(title, E' \t\n\r') <> ''),
    CONSTRAINT ck_todo_user_id_not_empty CHECK (user_id <> '')
);

CREATE INDEX ix_todo_user_id ON todo (user_id);

-- Serves the list: one owner's todos, newest first, from any place on.
CREATE INDEX ix_todo_user_id_created_at ON todo (user_id, created_at DESC, id DESC);
