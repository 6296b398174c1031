#!/bin/sh
# Makes the databases and roles. PostgreSQL's image runs it once, on an empty volume.
#
#   todo_owner   owns the database todo and its tables; migrations run as it
#   todod        reads and writes todos; the service runs as it
#   auth         owns the database auth, Better Auth's; the others may not open it
set -eu
psql -v ON_ERROR_STOP=1 --no-psqlrc --quiet --username "${POSTGRES_USER:-postgres}" --dbname postgres \
	-v owner_password="$TODO_OWNER_PASSWORD" \
	-v todod_password="$TODOD_PASSWORD" \
	-v auth_password="$AUTH_DATABASE_PASSWORD" <<'SQL'
CREATE ROLE todo_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE todod LOGIN PASSWORD :'todod_password';
CREATE ROLE auth LOGIN PASSWORD :'auth_password';

-- UTF8 whatever the machine's locale: the service rejects other encodings.
CREATE DATABASE todo OWNER todo_owner ENCODING 'UTF8' TEMPLATE template0;
CREATE DATABASE auth OWNER auth ENCODING 'UTF8' TEMPLATE template0;
REVOKE ALL ON DATABASE todo, auth FROM PUBLIC;
GRANT CONNECT ON DATABASE todo TO todod;

\connect todo
ALTER SCHEMA public OWNER TO todo_owner;
GRANT USAGE ON SCHEMA public TO todod;
-- The tables don't exist yet: the owner's migration makes them, with these rights.
ALTER DEFAULT PRIVILEGES FOR ROLE todo_owner IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO todod;

\connect auth
ALTER SCHEMA public OWNER TO auth;
SQL
