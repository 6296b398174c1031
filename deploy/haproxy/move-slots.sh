#!/bin/sh
# Gives slots of one cell to another, with their users (docs/operations.md, "Adding a cell"):
#
#   move-slots.sh OLD NEW FIRST-LAST
#
# DATABASE_URL is the old cell's, TARGET_DATABASE_URL the new one's, and BALANCERS is that of
# cells.sh, which is beside this script. It can be repeated, and has to be when it fails, in
# the same folder: a file there names the users until all of them have moved.
set -eu
if [ $# -ne 3 ]; then
	sed -n '4s/^# *//p' "$0" >&2
	exit 2
fi
old=$1 new=$2 slots=$3
cells=$(dirname "$0")/cells.sh
users=users-$slots

# The users who are there stay there until they move. Their names are kept: one who has left
# the old database, and of whom the balancers don't know yet, is in no list of it any more.
pin() {
	todod list-users -slots "$slots" >"$users.now"
	cat "$users.now" >>"$users"
	"$cells" pin "$old" <"$users.now"
}

pin
# New users of these slots are refused from here on.
"$cells" slots "$slots" sealed
# Calls that have been sent to the old cell end: up to 8 s to connect (three attempts of 2 s,
# a second between) and up to 10 s for the call.
sleep 20
pin
"$cells" slots "$slots" "$new"
sort -u "$users" >"$users.now"
while IFS= read -r user; do
	todod move-user -route "$cells unpin" -- "$user" </dev/null
done <"$users.now"
rm "$users" "$users.now"
