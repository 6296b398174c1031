#!/usr/bin/env bash
# Checks the modules and the build of the service: `make security`. Each check prints its
# result; the first failure ends the run. It needs the Go module proxy. govulncheck needs
# its database; without it, the check is skipped with a message.
#
#	tools/security.sh VERSION
#
# VERSION is the one that bin/todod was built with.
set -euo pipefail
cd "$(dirname "$0")/.."
version=$1

# Licences that only require a binary to name its authors. MPL-2.0 also requires the
# sources of its files, which the Go module proxy serves.
licences=Apache-2.0,BSD-2-Clause,BSD-3-Clause,ISC,MIT,MPL-2.0,Unicode-DFS-2016

# Direct dependencies that their authors have deprecated, and why they stay.
declare -A deprecated=(
	[github.com/lestrrat-go/jwx/v2]='one package imports it, for no more than its key parser and its RSA check'
)

tool() { go tool -modfile=tools/security.mod "$@"; }
say() { printf 'security: %s\n' "$*"; }
fail() {
	say "$*" >&2
	exit 1
}

work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT

go mod verify >"$work/verify" 2>&1 || fail "modules differ from what go.sum says: $(cat "$work/verify")"
say 'modules are as go.sum says'

status=0
tool govulncheck ./... >"$work/vulnerabilities" 2>&1 || status=$?
if [ "$status" = 0 ]; then
	say 'no known vulnerability is reached (govulncheck)'
elif grep -q 'fetching vulnerabilities' "$work/vulnerabilities"; then
	say "govulncheck's database is out of reach; known vulnerabilities were not looked for"
else
	cat "$work/vulnerabilities" >&2
	fail 'govulncheck found something: take the fixed version that it names'
fi

tool go-licenses check ./cmd/todod --ignore example.com/todo-backend --allowed_licenses="$licences" \
	>"$work/licences" 2>&1 || fail "a dependency's licence is not one of $licences: $(cat "$work/licences")"
say "all licences are among $licences"

go list -m -u -f '{{if and .Deprecated (not .Indirect)}}{{.Path}}{{end}}' all >"$work/deprecated"
while read -r module; do
	[ -n "$module" ] || continue
	[ -n "${deprecated[$module]:-}" ] || fail "$module is deprecated by its author: replace it, or say in tools/security.sh why it stays"
	say "$module is deprecated by its author and stays: ${deprecated[$module]}"
done <"$work/deprecated"

# From the binary itself, so that it lists exactly the linked modules.
tool cyclonedx-gomod bin -json -licenses -std -noserial -notimestamp -version "$version" -output bin/todod.cdx.json bin/todod \
	2>"$work/bill" || fail "no bill of materials: $(cat "$work/bill")"
say "bin/todod.cdx.json lists $(grep -c '"type": "library"' bin/todod.cdx.json) libraries (CycloneDX)"

# In another folder, with an empty cache: machines with the same version of Go differ in
# nothing else.
mkdir "$work/copy"
git ls-files -z --cached --others --exclude-standard | tar --null -T - -c | tar -x -C "$work/copy"
GOCACHE="$work/cache" make -s -C "$work/copy" build VERSION="$version"
ours=$(sha256sum <bin/todod) theirs=$(sha256sum <"$work/copy/bin/todod")
[ "$ours" = "$theirs" ] || fail 'two builds of the same sources differ'
say "two builds are equal: sha256 ${ours%% *}"
