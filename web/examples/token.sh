#!/bin/sh
# Prints an access token for scripts and cron jobs, which have no browser:
#
#	curl https://api.example.com/api/todos -H "Authorization: Bearer $(token.sh)"
#
# The environment needs AUTH_URL, the URL of Better Auth, and AUTH_EMAIL and
# AUTH_PASSWORD of an account there. The script keeps the token until a minute before
# it expires, then gets a new one with the session's cookie, and signs in again when
# the session has expired. Token and cookie are kept in the folder TOKEN_DIR, which
# only its owner can read. It needs curl and the usual tools.
set -eu
umask 077
: "${AUTH_URL:?is where Better Auth is}" "${AUTH_EMAIL:?is the account}" "${AUTH_PASSWORD:?is its password}"
dir=${TOKEN_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/todo-token}
mkdir -p "$dir"
cookies=$dir/cookies token=$dir/token new=$dir/new.$$ # Files are renamed when they are complete.
trap 'rm -f "$new"' EXIT

# Succeeds when the token is valid for another minute.
is_fresh() {
	[ -s "$token" ] || return 1
	payload=$(cut -d. -f2 <"$token" | tr '_-' '/+')
	while [ $((${#payload} % 4)) -ne 0 ]; do payload=$payload=; done
	end=$(printf %s "$payload" | base64 -d | sed 's/.*"exp":\([0-9]*\).*/\1/')
	[ "${end:-0}" -gt $(($(date +%s) + 60)) ]
}

# Gets a token with the session's cookie; fails when there is no session.
renew() {
	[ -s "$cookies" ] || return 1
	answer=$(curl -fsS --max-time 10 -b "$cookies" "$AUTH_URL/api/auth/token" 2>/dev/null) || return 1
	printf '%s\n' "$answer" | cut -d'"' -f4 >"$new" && mv "$new" "$token"
}

# Starts a session. The password is in no command line, since everybody on the machine
# can see those.
sign_in() {
	answer=$(printf '{"email": "%s", "password": "%s"}' "$(json "$AUTH_EMAIL")" "$(json "$AUTH_PASSWORD")" |
		curl -sS --max-time 10 -w ' %{http_code}' -c "$new" -H 'Content-Type: application/json' -d @- \
			"$AUTH_URL/api/auth/sign-in/email") || return 1
	case $answer in
	*' 200') mv "$new" "$cookies" ;;
	*) echo "signing in: $answer" >&2 && return 1 ;;
	esac
}

# Prints a text with JSON's escapes.
json() { printf %s "$1" | sed 's/[\\"]/\\&/g'; }

is_fresh || renew || { sign_in && renew; }
cat "$token"
