#!/bin/sh
# Says on every balancer which cell has which users (cells.cfg):
#
#   cells.sh pin CELL USER_ID              the user is in CELL, whatever the slot says
#   cells.sh pin CELL <LIST                the same for many users, one a line; refused when one
#                                          of them is pinned to another cell
#   cells.sh unpin USER_ID                 the slot of the user decides
#   cells.sh slots FIRST-LAST CELL [OLD]   these slots (0 to 4095) are CELL's, or with "sealed"
#                                          nobody's; refused when one is not OLD's before
#   cells.sh where USER_ID                 prints where each balancer sends the user
#   cells.sh check                         fails unless all balancers have and use the same maps
#
# With -n before them, pin, unpin and slots only say whether they can be done.
#
# BALANCERS names the balancers, by the folder with users.map, slots.map and master.sock:
# HAProxy's master socket (haproxy -W -S), or a link to it. HOST:FOLDER is a balancer on
# another machine, reached by ssh, with this script in the folder.
#
# Every command can be repeated. One that fails in the middle has changed some balancers and
# not others, and has to be repeated. Commands wait for each other, when they run on the first
# balancer: let one machine give them.
#
# The file is written first, and then all of HAProxy's workers are told, also those that a
# reload has left behind; a worker that starts meanwhile reads the file.
#
# As a route of todod move-user it has a minute: each wait is shorter, so that it can say what
# it has waited for.
#
# Needs flock, socat and GNU coreutils.
set -eu
export LC_ALL=C
newline='
'

fail() {
	echo "cells.sh: $*" >&2
	exit 1
}

usage() {
	sed -n '4,14s/^# \{0,3\}//p' "$0" >&2
	exit 2
}

# encode writes each line as HAProxy's url_enc does: so are the keys of users.map.
encode() {
	awk 'BEGIN { for (i = 1; i < 256; i++) { c = sprintf("%c", i); code[c] = c ~ /[A-Za-z0-9._~-]/ ? c : sprintf("%%%02X", i) } }
	     { out = ""; for (i = 1; i <= length($0); i++) out = out code[substr($0, i, 1)]; print out }'
}

# slot_of prints the slot of the user whose ID comes. gzip ends with the CRC-32 and the size.
slot_of() { echo $(($(gzip -c | tail -c 8 | od -A n -t u4 -N 4 --endian=little) % 4096)); }

# ask sends the master one command: a line, or a line and a payload. While HAProxy reloads,
# nobody listens for a moment, and calls are cut off. An answer ends with an empty line, also one
# that says nothing else; only an error of the master's doesn't.
ask() {
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		ended=0
		said=$(printf '%s\n' "$1" | timeout --foreground 20 \
			socat -t 60 - "UNIX-CONNECT:$folder/master.sock" 2>/dev/null && echo .) || ended=$?
		said=${said%.}
		case $ended-$said in
		0-"$newline" | 0-*"$newline$newline" | 0-"Can't find the target"*) printf '%s' "$said" && return ;;
		124-*) break ;;
		esac
		sleep 1
	done
	fail "HAProxy doesn't answer at $folder/master.sock"
}

# tell sends a worker a command that answers nothing when it has worked.
tell() {
	said=$(ask "$1") || exit 1
	case $said in *[![:space:]]*) fail "$folder: HAProxy says: $said" ;; esac
}

# workers prints the pids of all workers, also of those that only finish their calls.
workers() {
	processes=$(ask 'show proc') || exit 1
	printf '%s\n' "$processes" | awk '$2 == "worker" { print $1 }'
}

# each_worker runs a function for each worker. One that has ended meanwhile needs no map.
each_worker() {
	pids=$(workers)
	[ -n "$pids" ] || fail "$folder: HAProxy has no worker"
	for pid in $pids; do
		fault=$("$@" 2>&1) || {
			left=$(workers)
			case " $(echo "$left" | tr '\n' ' ') " in *" $pid "*) fail "${fault#cells.sh: }" ;; esac
		}
	done
}

# map_of fails unless the worker uses this folder's file, and prints the name of the map.
map_of() {
	maps=$(ask "@!$pid show map") || exit 1
	printf '%s\n' "$maps" | grep -qF "($folder/$1)" || fail "$folder: HAProxy has not loaded $1 from there"
	echo "$folder/$1"
}

pin_in_worker() {
	map=$(map_of users.map) || exit 1
	said=$(ask "@!$pid set map $map $1 $2") || exit 1
	case $said in
	*'not found'*) tell "@!$pid add map $map $1 $2" ;;
	*[![:space:]]*) fail "$folder: HAProxy says: $said" ;;
	esac
}

unpin_in_worker() {
	map=$(map_of users.map) || exit 1
	said=$(ask "@!$pid del map $map $1") || exit 1
	case $said in
	*'not found'*) ;;
	*[![:space:]]*) fail "$folder: HAProxy says: $said" ;;
	esac
}

# load_in_worker replaces all of a map by the file, at once.
load_in_worker() {
	map=$(map_of "$1") || exit 1
	said=$(ask "@!$pid prepare map $map") || exit 1
	version=$(printf '%s\n' "$said" | sed -n 's/^New version created: //p')
	[ -n "$version" ] || fail "$folder: HAProxy says: $said"
	payload=
	while read -r line; do
		case $line in '' | '#'*) continue ;; esac
		payload="$payload$line
"
		# A payload has to fit into a buffer of HAProxy's (tune.bufsize).
		if [ ${#payload} -gt 12000 ]; then
			tell "@!$pid add map @$version $map <<
$payload"
			payload=
		fi
	done <"$folder/$1"
	[ -z "$payload" ] || tell "@!$pid add map @$version $map <<
$payload"
	tell "@!$pid commit map @$version $map"
}

# place puts a map's new file in place of the old one, as a whole or not at all, also after a
# loss of power: users that a map lacks would meet another cell.
place() {
	sync "$folder/$1.new"
	mv "$folder/$1.new" "$folder/$1"
	sync "$folder"
}

# known_cell fails unless HAProxy has the cell's backends, with processes that are in no other
# cell: users of both would meet a database that doesn't know them.
known_cell() {
	servers=$(ask '@1 show servers state') || exit 1
	fault=$(printf '%s\n' "$servers" | awk -v cell="$1" '
		$2 ~ /^(writes_)?cell/ {
			has[$2]; of = $2; sub(/^writes_/, "", of)
			process = ($5 != "-" ? $5 : $18) ":" $19
			if (process !~ /^-/ && process in home && home[process] != of) print process, "is in", home[process], "and in", of
			home[process] = of
		}
		END { if (!(cell in has && "writes_" cell in has)) print "HAProxy has no servers of", cell, "or of writes_" cell }')
	[ -z "$fault" ] || fail "$folder: $fault"
}

# none_elsewhere fails if the list has a user who is pinned to another cell.
none_elsewhere() { # CELL; the keys are in $keys
	fault=$(awk -v cell="$1" 'NR == FNR { of[$1] = $2; next }
		$1 in of && of[$1] != cell { print $1, "is pinned to", of[$1]; exit }' "$folder/users.map" "$keys")
	[ -z "$fault" ] || fail "$folder: $fault"
}

# slots_with prints slots.map with a change. It fails if a slot is neither the old cell's, if
# there is one, nor the new one's already.
slots_with() { # FIRST-LAST CELL [OLD]
	awk -v first="${1%-*}" -v last="${1#*-}" -v cell="$2" -v old="${3-}" '
		/^#/ { print; next }
		NF == 2 { n = split($1, range, ":"); for (i = range[1]; i <= range[n]; i++) if (!(i in of)) of[i] = $2 }
		END {
			for (i = first + 0; i <= last + 0; i++) {
				if (old != "" && of[i] != old && of[i] != cell) exit 1
				of[i] = cell
			}
			for (i = 0; i < 4096; i = j) {
				for (j = i + 1; j < 4096 && of[j] == of[i]; j++);
				if (of[i] != "") print i ":" j - 1, of[i]
			}
		}' "$folder/slots.map"
}

pin() { # CELL; the keys are in $keys
	[ -s "$keys" ] || return 0 # An empty list.
	cp -p "$folder/users.map" "$folder/users.map.new" # For its mode and owner.
	awk -v cell="$1" 'NR == FNR { if (!($1 in set)) { set[$1]; keys[++n] = $1 } next }
		!($1 in set) { print } END { for (i = 1; i <= n; i++) print keys[i], cell }' "$keys" "$folder/users.map" >"$folder/users.map.new"
	[ -s "$folder/users.map.new" ] || fail "$folder: the disk is full"
	place users.map
	if [ "$(wc -l <"$keys")" -eq 1 ]; then
		each_worker pin_in_worker "$(cat "$keys")" "$1"
	else
		each_worker load_in_worker users.map
	fi
}

unpin() {
	key=$(cat "$keys")
	cp -p "$folder/users.map" "$folder/users.map.new"
	awk -v key="$key" '$1 "" != key ""' "$folder/users.map" >"$folder/users.map.new" # As text: 7 is not 007.
	place users.map
	each_worker unpin_in_worker "$key"
}

slots() { # FIRST-LAST CELL [OLD]
	cp -p "$folder/slots.map" "$folder/slots.map.new"
	slots_with "$@" >"$folder/slots.map.new"
	[ -s "$folder/slots.map.new" ] || fail "$folder: the disk is full"
	place slots.map
	each_worker load_in_worker slots.map
}

where() { # SLOT
	pids=$(workers)
	cells=
	for pid in $pids; do
		map=$(map_of users.map)
		said=$(ask "@!$pid get map $map $(cat "$keys")")
		case $said in
		*'found=yes'*) ;;
		*)
			map=$(map_of slots.map)
			said=$(ask "@!$pid get map $map $1")
			;;
		esac
		cell=$(printf '%s\n' "$said" | sed -n 's/.*value="\([^"]*\)".*/\1/p')
		cell=${cell:-nowhere}
		case " $cells " in *" $cell "*) ;; *) cells="$cells $cell" ;; esac
	done
	echo "${cells# }"
}

# same_in_worker fails unless the worker uses the file.
same_in_worker() {
	map=$(map_of "$1") || exit 1
	used=$(ask "@!$pid show map $map") || exit 1
	used=$(printf '%s\n' "$used" | sed -n 's/^0x[0-9a-f]* //p' | sort -u)
	[ "$used" = "$(grep -v '^#' "$folder/$1" | sort -u)" ] || fail "$folder: HAProxy uses another $1 than the file"
}

check() {
	for map in users.map slots.map; do
		each_worker same_in_worker "$map"
		echo "$map $(sort "$folder/$map" | cksum)"
	done
}

# can fails unless a command can be done. It changes nothing.
can() {
	each_worker map_of users.map
	each_worker map_of slots.map
	case $1-${3-} in
	pin-*)
		known_cell "$2"
		[ -z "$many" ] || none_elsewhere "$2"
		;;
	slots-*)
		[ "$3" = sealed ] || known_cell "$3"
		slots_with "$2" "$3" "${4-}" >/dev/null || fail "$folder: of the slots $2 some are neither $4 nor $3"
		;;
	esac
}

# here runs a function for a balancer of this machine, one at a time.
here() {
	folder=$1
	shift
	if [ ! -f "$folder/users.map" ] || [ ! -f "$folder/slots.map" ]; then fail "$folder has no maps"; fi
	exec 9>"$folder/lock"
	flock -w 10 9 || fail "$folder: another command takes too long"
	"$@"
}

: "${BALANCERS:?names the balancers: folders, or HOST:FOLDER}"
keys=$(mktemp)
trap 'rm -f "$keys"' EXIT
trap 'exit 1' HUP INT TERM

# Between machines -k says that users come as keys of users.map, words that no shell expands,
# and that results are for cells.sh.
encoded=
trial=
while :; do
	case ${1-} in
	-k) encoded=yes ;;
	-n) trial=yes ;;
	*) break ;;
	esac
	shift
done
many=
slot=
bound=600 # Seconds for another machine. A list may be long.
one_user() {
	case $1 in '' | *"$newline"*) fail 'a user ID is one line' ;; esac
	bound=25
	if [ -n "$encoded" ]; then
		printf '%s\n' "$1" >"$keys"
	else
		printf '%s\n' "$1" | encode >"$keys"
		slot=$(printf '%s' "$1" | slot_of)
	fi
}
many_users() {
	many=yes
	if [ -n "$encoded" ]; then cat; else encode; fi | { grep . || :; } >"$keys"
}
cell_name() {
	case $1 in cell*[!A-Za-z0-9_]*) ;; cell?*) return 0 ;; esac
	fail "$1 is no name of a cell"
}
case $#-${1-} in
2-pin) cell_name "$2" && many_users && remote="pin $2" ;;
3-pin) cell_name "$2" && one_user "$3" && set -- pin "$2" && remote="pin $2 '$(cat "$keys")'" ;;
2-unpin) one_user "$2" && set -- unpin && remote="unpin '$(cat "$keys")'" ;;
2-where) one_user "$2" && set -- where "$slot" && remote="where '$(cat "$keys")' $slot" ;;
3-where) one_user "$2" && set -- where "$3" && remote= ;; # Between machines.
3-slots | 4-slots)
	case $2 in *[!0-9-]* | '' | -* | *- | *-*-*) usage ;; esac
	if [ "${2%-*}" -gt "${2#*-}" ] || [ "${2#*-}" -gt 4095 ]; then fail "$2 are no slots: 0 to 4095"; fi
	for cell in "$3" "${4-sealed}"; do
		[ "$cell" = sealed ] || cell_name "$cell"
	done
	remote="slots $2 $3 ${4-}"
	;;
1-check) remote=check ;;
*) usage ;;
esac

# at runs a command for a balancer: its name, the command for another machine, and for this one.
at() {
	balancer=$1 there=${1#*:} command=$2
	shift 2
	case $balancer in
	*:*)
		# shellcheck disable=SC2029 # The words are made here, and safe.
		timeout --foreground "$bound" \
			ssh -o BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval=5 -o ServerAliveCountMax=3 "${balancer%%:*}" \
			"BALANCERS='$there' '$there/cells.sh' -k $command" <"$keys" ||
			fail "$balancer has not done it"
		;;
	*) here "$balancer" "$@" ;;
	esac
}

# Nothing is changed unless all balancers can be.
case $1 in
pin | unpin | slots)
	main=${BALANCERS%% *}
	case $encoded-$main in
	-*:* | yes-*) ;;
	*)
		[ -d "$main" ] || fail "$main is no folder"
		exec 8>"$main/command.lock"
		flock -w 25 8 || fail "$main: another command takes too long"
		;;
	esac
	if [ -z "$encoded" ] || [ -n "$trial" ]; then
		for each in $BALANCERS; do
			(at "$each" "-n $remote" can "$@")
		done
	fi
	[ -z "$trial" ] || exit 0
	;;
esac

first=
for each in $BALANCERS; do
	result=$(at "$each" "$remote" "$@")
	if [ -n "$encoded" ]; then
		[ -z "$result" ] || printf '%s\n' "$result"
		continue
	fi
	case $1 in
	where) echo "$each: $result" ;;
	check)
		[ "${first:=$result}" = "$result" ] || fail "$each has other maps than ${BALANCERS%% *}"
		;;
	esac
done
