#!/bin/sh
# Says on every balancer which cell has which users (cells.cfg):
#
#   cells.sh pin CELL USER_ID        the user is in CELL, whatever the slot says
#   cells.sh pin CELL <LIST          the same for many users, one a line
#   cells.sh unpin USER_ID           the slot of the user decides
#   cells.sh slots FIRST-LAST CELL   these slots (0 to 4095) are CELL's; "sealed": nobody's
#   cells.sh where USER_ID           prints where each balancer sends the user
#   cells.sh check                   fails unless all balancers have and use the same maps
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
# Needs flock, socat and GNU coreutils.
set -eu
export LC_ALL=C

fail() {
	echo "cells.sh: $*" >&2
	exit 1
}

usage() {
	sed -n '4,9s/^# *//p' "$0" >&2
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
# nobody listens for a moment.
ask() {
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		if printf '%s\n' "$1" | socat -t 10 - "UNIX-CONNECT:$folder/master.sock" 2>/dev/null; then return 0; fi
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

# known_cell fails unless HAProxy has the backends: a name that it lacks would be nobody's.
known_cell() {
	current=$(ask '@1 show backend')
	for backend in "$1" "writes_$1"; do
		printf '%s\n' "$current" | grep -qx "$backend" || fail "$folder: HAProxy has no backend $backend"
	done
}

pin() { # CELL; the keys are in $keys
	known_cell "$1"
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

slots() { # FIRST-LAST CELL
	[ "$2" = sealed ] || known_cell "$2"
	cp -p "$folder/slots.map" "$folder/slots.map.new"
	awk -v first="${1%-*}" -v last="${1#*-}" -v cell="$2" '
		/^#/ { print; next }
		NF == 2 { n = split($1, range, ":"); for (i = range[1]; i <= range[n]; i++) if (!(i in of)) of[i] = $2 }
		END {
			for (i = first + 0; i <= last + 0; i++) of[i] = cell
			for (i = 0; i < 4096; i = j) {
				for (j = i + 1; j < 4096 && of[j] == of[i]; j++);
				if (of[i] != "") print i ":" j - 1, of[i]
			}
		}' "$folder/slots.map" >"$folder/slots.map.new"
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

# answers fails unless HAProxy can be told.
answers() {
	pids=$(workers)
	[ -n "$pids" ] || fail "$folder: HAProxy has no worker"
}

# here runs a function for a balancer of this machine, one at a time.
here() {
	folder=$1
	shift
	if [ ! -f "$folder/users.map" ] || [ ! -f "$folder/slots.map" ]; then fail "$folder has no maps"; fi
	exec 9>"$folder/lock"
	flock -w 60 9 || fail "$folder: another command takes too long"
	"$@"
}

: "${BALANCERS:?names the balancers: folders, or HOST:FOLDER}"
keys=$(mktemp)
trap 'rm -f "$keys"' EXIT
trap 'exit 1' HUP INT TERM

# Between machines -k says that users come as keys of users.map, words that no shell expands,
# and that results are for cells.sh.
encoded=
[ "${1-}" != -k ] || { encoded=yes && shift; }
slot=
one_user() {
	case $1 in '' | *'
'*) fail 'a user ID is one line' ;; esac
	if [ -n "$encoded" ]; then
		printf '%s\n' "$1" >"$keys"
	else
		printf '%s\n' "$1" | encode >"$keys"
		slot=$(printf '%s' "$1" | slot_of)
	fi
}
many_users() {
	if [ -n "$encoded" ]; then cat; else encode; fi | { grep . || :; } >"$keys"
}
cell_name() {
	case $1 in cell*[!A-Za-z0-9_]*) ;; cell?*) return 0 ;; esac
	fail "$1 is no name of a cell"
}
case $#-${1-} in
2-pin) cell_name "$2" && many_users && remote="-k pin $2" ;;
3-pin) cell_name "$2" && one_user "$3" && set -- pin "$2" && remote="-k pin $2" ;;
2-unpin) one_user "$2" && set -- unpin && remote="-k unpin '$(cat "$keys")'" ;;
2-where) one_user "$2" && set -- where "$slot" && remote="-k where '$(cat "$keys")' $slot" ;;
3-where) one_user "$2" && set -- where "$3" ;;
3-slots)
	case $2 in *[!0-9-]* | '' | -* | *- | *-*-*) usage ;; esac
	if [ "${2%-*}" -gt "${2#*-}" ] || [ "${2#*-}" -gt 4095 ]; then fail "$2 are no slots: 0 to 4095"; fi
	[ "$3" = sealed ] || cell_name "$3"
	remote="-k slots $2 $3"
	;;
1-check) remote="-k check" ;;
1-answers) ;; # Between machines.
*) usage ;;
esac

# at runs a command for a balancer: its name, the command for another machine, and for this one.
at() {
	balancer=$1 there=${1#*:} command=$2
	shift 2
	case $balancer in
	*:*)
		# shellcheck disable=SC2029 # The words are made here, and safe.
		ssh -o BatchMode=yes -o ConnectTimeout=10 "${balancer%%:*}" "BALANCERS='$there' '$there/cells.sh' $command" <"$keys"
		;;
	*) here "$balancer" "$@" ;;
	esac
}

# Nothing is changed unless all balancers can be.
case $encoded-$1 in
-pin | -unpin | -slots)
	main=${BALANCERS%% *}
	case $main in
	*:*) ;;
	*)
		[ -d "$main" ] || fail "$main is no folder"
		exec 8>"$main/command.lock"
		flock -w 60 8 || fail "$main: another command takes too long"
		;;
	esac
	for each in $BALANCERS; do
		result=$(at "$each" '-k answers' answers)
	done
	;;
esac

first=
for each in $BALANCERS; do
	result=$(at "$each" "${remote-}" "$@")
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
