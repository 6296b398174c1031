#!/usr/bin/env bash
# fuzz.sh TIME: run every fuzz target of the module for TIME each (1000x, 60s).
# A failing input is kept in the package's testdata/fuzz; commit it with the fix.
# Prefer a number of runs to a duration: at a duration's end go1.26 may report
# "context deadline exceeded" although no input failed (https://go.dev/issue/75804).
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:?usage: fuzz.sh TIME}
go=${GO:-go}

# `go test -list` prints a package's targets, then the package.
targets=$("$go" test -list '^Fuzz' ./... | awk '
	/^Fuzz/ { names[n++] = $1 }
	/^ok/   { for (i = 0; i < n; i++) print $2, names[i]; n = 0 }')
if [ -z "$targets" ]; then
	echo 'there are no fuzz targets' >&2
	exit 1
fi
while read -r package name; do
	printf '== %s %s\n' "$package" "$name"
	"$go" test -run '^$' -fuzz "^$name\$" -fuzztime "$time" "$package"
done <<<"$targets"
