# For tests of commands that a reader ends with Ctrl-C: has curl -N end after its first
# event, to which an empty line belongs.
curl() {
  [ "$1" = -sSN ] || { command curl "$@"; return; }
  local watched pid
  watched=$(mktemp)
  command curl "$@" >"$watched" & pid=$!
  until grep -q '^$' "$watched" || ! kill -0 $pid; do sleep 0.1; done
  kill $pid
  { wait $pid || true; } 2>/dev/null
  cat "$watched"
  rm "$watched"
}
