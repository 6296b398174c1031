#!/bin/sh
# Writes .env beside compose.yaml, from .env.example with random secrets, and readable for
# you alone. It replaces no .env: the database keeps the passwords of its first start.
#
#   deploy/compose/env.sh https://todo.example.com todod:v1.0.0
set -eu
if [ $# -ne 2 ]; then
	echo "usage: $0 PUBLIC_ORIGIN IMAGE" >&2
	exit 2
fi
origin=$1 image=$2
cd "$(dirname "$0")"
random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
umask 077
set -C # Fails when .env is there.
while IFS= read -r line; do
	case $line in
	PUBLIC_ORIGIN=*) echo "PUBLIC_ORIGIN=$origin" ;;
	TODO_IMAGE=) echo "TODO_IMAGE=$image" ;;
	[A-Z]*=) echo "$line$(random)" ;;
	*) echo "$line" ;;
	esac
done <.env.example >.env
