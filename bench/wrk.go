package main

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// wrkTimeout is how long wrk waits for an answer.
const wrkTimeout = "10s"

//go:embed wrk.lua
var wrkScript string

// findWrk fails when wrk is not installed.
func findWrk() error {
	if _, err := exec.LookPath("wrk"); err != nil {
		return errors.New("calls over HTTP/1.1 are made by wrk, which is missing: install it, on Debian by `apt-get install wrk`")
	}
	return nil
}

// overHTTP1 has wrk make the calls, each caller's over a connection.
func (c calls) overHTTP1(ctx context.Context) (outcome, error) {
	script := filepath.Join(filepath.Dir(c.tokens), "calls.lua")
	if err := os.WriteFile(script, []byte(c.luaTable()+wrkScript), 0o600); err != nil {
		return outcome{}, err
	}
	output, err := exec.CommandContext(ctx, "wrk", "--threads", "1", "--connections", strconv.Itoa(c.callers),
		"--duration", strconv.Itoa(int(c.length.Seconds()))+"s", "--timeout", wrkTimeout,
		"--script", script, "http://"+c.addr).CombinedOutput()
	if err != nil {
		return outcome{}, fmt.Errorf("wrk: %w\n%s", err, output)
	}
	return parseWrk(string(output))
}

// parseWrk reads the line that the script writes at the end.
func parseWrk(output string) (outcome, error) {
	var o outcome
	var made, broken, elapsed, p50, p95, p99 int64
	_, line, _ := strings.Cut(output, "\nbench: ")
	if _, err := fmt.Sscan(line, &made, &o.refused, &broken, &elapsed, &p50, &p95, &p99); err != nil {
		return o, fmt.Errorf("wrk: %w\n%s", err, output)
	}
	if broken > 0 {
		return o, fmt.Errorf("wrk: %d connections failed, or calls got no answer within %s", broken, wrkTimeout)
	}
	o.succeeded, o.elapsed = made-o.refused, time.Duration(elapsed)*time.Microsecond
	o.p50, o.p95, o.p99 = time.Duration(p50)*time.Microsecond, time.Duration(p95)*time.Microsecond, time.Duration(p99)*time.Microsecond
	return o, nil
}

// luaTable returns what the script has to know.
func (c calls) luaTable() string {
	// A request is an expression, which LuaJIT compiles: gsub of the placeholders
	// took 3.9 µs a call instead of 0.3.
	parameters := strings.NewReplacer(luaBytes(tokenPlaceholder), `" .. token .. "`, luaBytes(idPlaceholder), `" .. id .. "`, luaBytes(syncPlaceholder), `" .. sync .. "`)
	var table strings.Builder
	fmt.Fprintf(&table, "calls = {tokens = %s, syncs = %s, users = %d, todos = %d, spare = %d, pause = %d,\n  base = %d, factor = %dLL, prime = %d,\n",
		luaString(c.tokens), luaString(cmp.Or(c.syncs, os.DevNull)), c.data.users, c.data.todos, c.spare, c.pause.Milliseconds(), idBase, idFactor, idPrime)
	for _, s := range c.scenario.shares {
		fmt.Fprintf(&table, "  {percent = %d, deletes = %t, request = function(token, id, sync) return %s end},\n",
			s.percent, s.operation == remove, parameters.Replace(luaString(http1Request(c.protocol, s.operation, c.addr))))
	}
	return table.String() + "}\n\n"
}

// luaString quotes any bytes.
func luaString(s string) string { return `"` + luaBytes(s) + `"` }

func luaBytes(s string) string {
	var escaped strings.Builder
	for _, b := range []byte(s) {
		fmt.Fprintf(&escaped, "\\%03d", b)
	}
	return escaped.String()
}
