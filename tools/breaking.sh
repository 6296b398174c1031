#!/usr/bin/env bash
# Checks that the contract in the working tree breaks no caller of the base: the commit
# where the branch left main, or on main the one before. Needs a network only for missing
# Go modules. Without a base it says so and succeeds.
set -euo pipefail
cd "$(dirname "$0")/.."

# find_base prints the commit to compare with, or fails.
find_base() {
	local main base
	for main in origin/main main; do
		if base=$(git merge-base HEAD "$main" 2>/dev/null); then
			if [ "$base" = "$(git rev-parse HEAD)" ]; then
				base=$(git rev-parse --verify --quiet HEAD^) || return
			fi
			echo "$base"
			return
		fi
	done
	return 1
}

if ! base=$(find_base); then
	echo 'breaking: no base to compare with: the first commit, or a clone too shallow to hold it'
	exit
fi
if ! git cat-file -e "$base:proto" 2>/dev/null; then
	echo "breaking: nothing to compare with: ${base:0:12} has no proto/"
	exit
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
git archive "$base" buf.yaml proto tools/protoimport | tar -x -C "$folder"

# Each side needs its imports, from its own import step.
go run -C tools/protoimport . "$PWD/.import"
go run -C "$folder/tools/protoimport" . "$folder/.import"

go tool -modfile=tools/go.mod buf breaking --against "$folder"
echo "breaking: no caller of ${base:0:12} is broken"
