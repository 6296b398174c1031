package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// statement is SQL that the service sent, with its parameters as PostgreSQL
// read them.
type statement struct {
	sql        string
	parameters []parameter // $1 is the first.
}

type parameter struct {
	text string
	null bool
}

// record has the service do each operation once and returns the statements
// that PostgreSQL logged meanwhile. pgbench then runs what the service runs,
// whatever becomes of its SQL.
func (s *stack) record(ctx context.Context, d dataset) (_ map[operation][]statement, err error) {
	service, _, err := s.startService(ctx, s.todod, d.name, "&options=-c%20log_statement%3Dall")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, service.stop()) }()
	recorded := make(map[operation][]statement)
	token := s.issuer.Token(owner(int64(d.user(recordedTodo))))
	synced, unsynced := syncAll(ctx, service.addr, token)
	for _, op := range operations() {
		before, err := s.readLog()
		if err != nil {
			return nil, err
		}
		if op == syncing {
			err = unsynced
		}
		if err == nil {
			err = callOnce(ctx, service.addr, op, token, synced)
		}
		if err != nil {
			if op == syncing || slices.Contains(finds(), op) {
				continue // A service of before there were such calls.
			}
			return nil, fmt.Errorf("%s: %w", op, err)
		}
		after, err := s.readLog()
		if err != nil {
			return nil, err
		}
		if recorded[op] = parseLog(after[len(before):]); len(recorded[op]) == 0 {
			return nil, fmt.Errorf("PostgreSQL logged no statement with parameters for %s", op)
		}
	}
	return recorded, nil
}

// callOnce makes a call with a user's token and sync token, about the recorded todo.
func callOnce(ctx context.Context, addr string, op operation, token, synced string) error {
	msg, _ := message(op)
	verb, path, body := restRequest(op, msg)
	path = strings.NewReplacer(idPlaceholder, todoID(recordedTodo), syncPlaceholder, synced).Replace(path)
	r, err := http.NewRequestWithContext(ctx, verb, "http://"+addr+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	_, err = fetch(r)
	return err
}

// recordedTodo is the number of the todo that the recorded calls are about.
const recordedTodo = 0

func (s *stack) readLog() (string, error) {
	content, err := os.ReadFile(filepath.Join(s.dir, "postgres.log"))
	return string(content), err
}

var (
	// logPrefix is PostgreSQL's default, "%m [%p] ". Lines that go on with an
	// entry begin with a tab.
	logPrefix    = regexp.MustCompile(`(?m)^\d{4}-\d\d-\d\d [0-9:.]+ \S+ \[\d+\] `)
	logParameter = regexp.MustCompile(`\$(\d+) = (?:(NULL)|'((?:[^']|'')*)')`)
	logExecute   = regexp.MustCompile(`(?s)^LOG:  execute (?:<unnamed>|[^:\s]+): (.*\S)\s*$`)
	logDetail    = regexp.MustCompile(`(?s)^DETAIL:  (?:[Pp]arameters): (.*)$`)
)

// parseLog returns the statements with parameters in a part of PostgreSQL's
// log, as log_statement writes it.
func parseLog(log string) []statement {
	var statements []statement
	for _, entry := range logPrefix.Split(log, -1) {
		if executed := logExecute.FindStringSubmatch(entry); executed != nil {
			statements = append(statements, statement{sql: executed[1]})
		} else if detail := logDetail.FindStringSubmatch(entry); detail != nil && len(statements) > 0 {
			last := &statements[len(statements)-1]
			for _, p := range logParameter.FindAllStringSubmatch(detail[1], -1) {
				last.parameters = append(last.parameters, parameter{
					text: strings.ReplaceAll(p[3], "''", "'"), null: p[2] != "",
				})
			}
		}
	}
	return statements
}

// script is what pgbench runs for an operation.
type script struct {
	text      string
	variables []string // NAME=VALUE, for -D.
}

// placeholder is a parameter in a statement.
var placeholder = regexp.MustCompile(`\$(\d+)`)

// pgbenchScript writes an operation's statements for pgbench. What names the
// recorded user or todo names one at random there, or for deletes the client's
// next; an id that the service has made itself becomes one that is new and
// larger than those before. Everything else stays as it was recorded.
func pgbenchScript(d dataset, op operation, statements []statement) (script, error) {
	var s script
	var text strings.Builder
	fmt.Fprintf(&text, "\\set n random(0, %d)\n", d.todos-1)
	if op == remove {
		text.Reset()
		text.WriteString("\\set deleted :deleted + 1\n\\set n :spare + :client_id * :stride + :deleted\n")
	}
	fmt.Fprintf(&text, "\\set owner %d + :n %% %d\n", int64(ownerBase), d.users)
	fmt.Fprintf(&text, "\\set id %d + :n * %d %% %d\n", int64(idBase), int64(idFactor), int64(idPrime))
	text.WriteString("\\set made :made + 1\n\\set fresh :since + :made * 100 + :client_id\n")
	bound := make(map[string]bool)
	for i, st := range statements {
		var failed error
		sql := placeholder.ReplaceAllStringFunc(st.sql, func(match string) string {
			number, err := strconv.Atoi(match[1:])
			if err != nil || number < 1 || number > len(st.parameters) {
				failed = fmt.Errorf("%s: %s has no value in the log", op, match)
				return match
			}
			p := st.parameters[number-1]
			switch {
			case p.null:
				return "NULL" // pgbench can't bind it.
			case p.text == owner(int64(d.user(recordedTodo))):
				bound["owner"] = true
				return ":owner"
			case p.text == todoID(recordedTodo):
				bound["id"] = true
				return fmt.Sprintf("(:id::text || '%s')::uuid", strings.Repeat("0", idZeros))
			case op == create && uuidText.MatchString(p.text):
				return "('ffff' || :fresh::text || '0000000000')::uuid"
			}
			name := fmt.Sprintf("%s_%d_%d", strings.ReplaceAll(string(op), " ", ""), i, number)
			if !bound[name] {
				bound[name] = true
				s.variables = append(s.variables, name+"="+p.text)
			}
			return ":" + name
		})
		if failed != nil {
			return s, failed
		}
		text.WriteString(sql + ";\n")
	}
	if named := op == get || op == update || op == remove; !bound["owner"] || named && !bound["id"] {
		return s, fmt.Errorf("%s: the service's SQL does not name the recorded user and todo: %v", op, statements)
	}
	s.text = text.String()
	return s, nil
}

var uuidText = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
