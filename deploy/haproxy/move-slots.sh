#!/bin/sh
# Gives slots of one cell to another, with their users (docs/operations.md, "Adding a cell"):
#
#   move-slots.sh OLD NEW FIRST-LAST
#
# DATABASE_URL is the old cell's, TARGET_DATABASE_URL the new one's, and BALANCERS is that of
# cells.sh, which is beside this script. It can be repeated, and has to be when it fails, in
# the same folder: files there name the users until all of them have moved.
#
# It is refused when the slots are not the old cell's, and when a database is another cell's:
# the balancers send users of it elsewhere.
#
# A user who can't be moved stays in the old cell, and holds up nobody else. At the end the
# script names those users, and fails.
set -eu
export LC_ALL=C # Else sort may take two users for one.
if [ $# -ne 3 ]; then
	sed -n '4s/^# *//p' "$0" >&2
	exit 2
fi
old=$1 new=$2 slots=$3
# By its name: -route splits at spaces, and the folder may have some.
PATH=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd):$PATH
export PATH
users=users-$old-$new-$slots

stop() {
	echo "move-slots.sh: $*" >&2
	exit 1
}
moving=
trap 'stop "ended by a signal: run it again, in the same folder${moving:+. Until then $moving may be unable to write}"' HUP INT TERM

# is_of fails when a database has users, and none of the first ones is sent to the cell. Those
# who are on their way may be in either.
is_of() { # CELL URL VARIABLE
	DATABASE_URL=$2 todod list-users >"$users.all"
	sed 10q "$users.all" >"$users.some"
	[ -s "$users.some" ] || return 0
	while IFS= read -r user; do
		sent=$(cells.sh where "$user" </dev/null)
		if grep -qxF -e "$user" "$users" || printf '%s\n' "$sent" | grep -q ": $1\$"; then return 0; fi
	done <"$users.some"
	stop "$3 is not $1's: it has users, and the balancers send them elsewhere"
}

# The users who are there stay there until they move. Their names are kept: one who has left
# the old database, and of whom the balancers don't know yet, is in no list of it any more.
pin() {
	todod list-users -slots "$slots" >"$users.now"
	cells.sh pin "$old" <"$users.now" # Refused when one is another cell's.
	sort -u "$users" "$users.now" >"$users.new"
	mv "$users.new" "$users"
}

touch "$users" "$users.moved"
# todod would take it for DATABASE_URL.
[ -z "${DATABASE_DIRECT_URL-}" ] || stop "unset DATABASE_DIRECT_URL: DATABASE_URL has to be $old's direct address"
is_of "$new" "$TARGET_DATABASE_URL" TARGET_DATABASE_URL
is_of "$old" "$DATABASE_URL" DATABASE_URL

# Only once: later those who have moved have no pin, and would be refused while the slots are
# sealed.
if [ ! -e "$users.sealed" ]; then
	[ -s "$users.some" ] || stop "DATABASE_URL has no users: is it $old's? If so, cells.sh gives the slots"
	cells.sh -n slots "$slots" sealed "$old"
	cells.sh -n slots "$slots" "$new"
	pin
	# New users of these slots are refused from here on.
	cells.sh slots "$slots" sealed "$old"
	# Calls that have been sent to the old cell end: up to 8 s to connect (three attempts of
	# 2 s, a second between) and up to 10 s for the call.
	sleep 20
	pin
	touch "$users.sealed"
fi
cells.sh slots "$slots" "$new" sealed

: >"$users.failed"
sort "$users.moved" | comm -23 "$users" - >"$users.left"
while IFS= read -r user; do
	moving=
	# When todod runs it, the user can't write anywhere.
	cells.sh -n unpin "$user" </dev/null || stop "nobody is moved until all balancers can be told: then run this again"
	moving=$user
	if todod move-user -route 'cells.sh unpin' -- "$user" </dev/null 2>"$users.error"; then
		printf '%s\n' "$user" >>"$users.moved"
		continue
	fi
	cat "$users.error" >&2
	# The user has to be able to write in the old cell. What has switched can't be aborted:
	# until the next run moves it on, the user is refused, so the others don't follow.
	todod move-user -abort -- "$user" </dev/null ||
		stop "the user above may be refused everywhere: run this again. If it always ends here, see to this user first, or take the name out of $users"
	{ printf '%s\n' "$user" && sed 's/^/	/' "$users.error"; } >>"$users.failed"
done <"$users.left"
moving=
if [ -s "$users.failed" ]; then
	echo "move-slots.sh: these users could not be moved, and are in $old as before:" >&2
	cat "$users.failed" >&2
	exit 1
fi
rm "$users" "$users".*
