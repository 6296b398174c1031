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
    -- The account's revision when the todo was changed last; 0 for one that was last
    -- changed before there were revisions.
    revision     bigint       NOT NULL DEFAULT 0,
    -- When it was deleted; NULL for one that is not. Deleted todos are the trash,
    -- and what syncing clients learn of deletions from.
    deleted_at   timestamptz,
    -- Deleted permanently: the texts are overwritten.
    purged       boolean      NOT NULL DEFAULT false,
    -- When it was completed; NULL for one that is not, or was before there was this column.
    completed_at timestamptz,
    -- When it is due: a day, possibly a time of it, and possibly the IANA time zone of
    -- that time.
    due_date      date,
    due_time      time(0),
    due_time_zone varchar(64),
    -- The instant of a due time in a zone, which the service computes by its own rules of
    -- time zones.
    due_at        timestamptz,
    -- 1 low, 2 medium, 3 high.
    priority      smallint,
    -- The tags, as members of an object: by what they are compared by, as they were written.
    tags          jsonb,
    -- The place in an order by hand; NULL for one that follows from created_at.
    position      varchar(255),

    -- Each check costs every write 1 to 2 µs, as PostgreSQL prepares it anew. So what
    -- the columns from due_date to position hold is checked by the service alone, and
    -- read as the nearest that it would write.
    CONSTRAINT todo_pkey PRIMARY KEY (id),
    -- The last defence behind the contract's rules, which cover all of Unicode's
    -- invisible characters.
    CONSTRAINT ck_todo_title_not_blank CHECK (btrim(title, E' \t\n\r') <> ''),
    CONSTRAINT ck_todo_user_id_not_empty CHECK (user_id <> ''),
    -- The range of the API: RFC 3339 has years of four digits.
    CONSTRAINT ck_todo_created_at_in_range CHECK (created_at >= '0001-01-01 00:00:00+00' AND created_at < '10000-01-01 00:00:00+00'),
    CONSTRAINT ck_todo_updated_at_in_range CHECK (updated_at >= '0001-01-01 00:00:00+00' AND updated_at < '10000-01-01 00:00:00+00'),
    CONSTRAINT ck_todo_purged_is_deleted CHECK (NOT purged OR deleted_at IS NOT NULL)
);

-- For changes: one owner's todos in the order of their last change.
CREATE INDEX ix_todo_user_id ON todo (user_id, revision, id);

-- For lists: one owner's todos, newest first, from any position.
CREATE INDEX ix_todo_user_id_created_at ON todo (user_id, created_at DESC, id DESC) WHERE deleted_at IS NULL;

-- For the list of one owner's trash, what was deleted last first.
CREATE INDEX ix_todo_user_id_deleted_at ON todo (user_id, deleted_at DESC, id DESC) WHERE deleted_at IS NOT NULL AND NOT purged;

-- For the sweep, which removes what was deleted long ago.
CREATE INDEX ix_todo_deleted_at ON todo (deleted_at, id) WHERE deleted_at IS NOT NULL;

-- One row for each owner of todos. Every change of a todo takes the next revision from
-- it and so holds its lock until the commit: whoever reads a revision sees all changes
-- up to that.
CREATE TABLE todo_account (
    user_id  varchar(255) NOT NULL,
    -- Tells revisions from those of the time before a restore of the database.
    epoch    integer      NOT NULL DEFAULT floor(random() * 2147483647),
    -- The last revision that a change has taken.
    revision bigint       NOT NULL,
    -- The greatest revision of a todo that the sweep has removed.
    floor    bigint       NOT NULL DEFAULT 0,
    -- Whether the user is being moved to another database, or has been: 0 not, 1 leaving
    -- this one, 2 arriving here, 3 gone, 4 handed over to one that has a copy. A write
    -- changes nothing unless it is 0. Of 3 and 4, epoch is that of the copy.
    sealed   smallint     NOT NULL DEFAULT 0,

    CONSTRAINT todo_account_pkey PRIMARY KEY (user_id),
    CONSTRAINT ck_todo_account_user_id_not_empty CHECK (user_id <> '')
);

-- What became of the requests of ApplyTodos, so that a repetition of one changes nothing.
-- The sweep removes those of more than a day ago.
CREATE TABLE todo_request (
    user_id      varchar(255) NOT NULL,
    request_id   uuid         NOT NULL,
    content_hash bytea        NOT NULL,
    -- For each operation the id of its todo, and why it was refused; '' when it was
    -- applied.
    todo_ids     uuid[]       NOT NULL,
    codes        text[]       NOT NULL,
    created_at   timestamptz  NOT NULL DEFAULT now(),

    CONSTRAINT todo_request_pkey PRIMARY KEY (user_id, request_id),
    CONSTRAINT ck_todo_request_user_id_not_empty CHECK (user_id <> '')
);

-- For the sweep.
CREATE INDEX ix_todo_request_created_at ON todo_request (created_at);
