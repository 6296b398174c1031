#!/usr/bin/env bash
# Prints the SQL that would change a database to schema.sql, and changes nothing. The
# database is that of DATABASE_DIRECT_URL, else of DATABASE_URL, else an empty one. The
# atlas command computes the plan in a second, empty database: that of ATLAS_DEV_URL, else
# one on a throwaway server.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ -z "${ATLAS_DEV_URL:-}" ]; then
	exec go run ./cmd/withpostgres tools/migrate-plan.sh "$@"
fi
if [ -z "${DATABASE_DIRECT_URL:-}${DATABASE_URL:-}" ]; then
	echo 'migrate-plan: set DATABASE_URL, or unset ATLAS_DEV_URL to plan for an empty database' >&2
	exit 2
fi

echo 'migrate-plan: building the atlas command, for some minutes the first time' >&2
# Works without a C compiler, and doesn't check for newer versions.
export CGO_ENABLED=0 ATLAS_NO_UPDATE_NOTIFIER=1
exec go tool -modfile=tools/atlas.mod atlas schema apply --env neon --dry-run "$@"
