package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"example.com/todo-backend/internal/auth/authtest"
	"example.com/todo-backend/internal/postgres/pgtest"
)

// canaries are strings that must never be seen outside of where they belong.
func canaries() map[string]string {
	return map[string]string{
		"password": "canary-password-1", "claim": "canary-claim-2", "text": "canary-text-3",
		"query": "canary-query-4", "signature": "canary-signature-5",
	}
}

// withPassword returns the URL of a database that asks for no password, with
// one.
func withPassword(t *testing.T, database, password string) string {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(u.User.Username(), password)
	return u.String()
}

// withCanary returns a request as JSON, with a canary in each text but those that
// name a todo.
func withCanary(t *testing.T, req proto.Message, canary string) []byte {
	t.Helper()
	fields := req.ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		if field.Kind() != protoreflect.StringKind || field.Name() == "id" {
			continue
		}
		value := protoreflect.ValueOfString(canary)
		if field.IsList() {
			req.ProtoReflect().Mutable(field).List().Append(value)
		} else {
			req.ProtoReflect().Set(field, value)
		}
	}
	encoded, err := protojson.Marshal(req)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

// withoutBroken returns a request in JSON, as JSON without the fields that break a rule:
// the rest reaches the database.
func withoutBroken(t *testing.T, sample proto.Message, body []byte) string {
	t.Helper()
	req := sample.ProtoReflect().New().Interface()
	if err := protojson.Unmarshal(body, req); err != nil {
		t.Fatal(err)
	}
	names := []protoreflect.Name{"due_time_zone"} // The canary may be a zone's name, and is none.
	if broken, ok := errors.AsType[*protovalidate.ValidationError](protovalidate.Validate(req)); ok {
		for _, violation := range broken.Violations {
			if path := violation.Proto.GetField().GetElements(); len(path) > 0 {
				names = append(names, protoreflect.Name(path[0].GetFieldName()))
			}
		}
	}
	for _, name := range names {
		if field := req.ProtoReflect().Descriptor().Fields().ByName(name); field != nil {
			req.ProtoReflect().Clear(field)
		}
	}
	encoded, err := protojson.Marshal(req)
	if err != nil {
		t.Fatal(err)
	}
	return string(encoded)
}

// TestCanariesAreInNoLogAndNoErrorWhateverFails logs at debug level while calls
// succeed, are refused, and fail in the database, which then knows the row.
func TestCanariesAreInNoLogAndNoErrorWhateverFails(t *testing.T) {
	t.Parallel()
	canary := canaries()
	database := pgtest.NewDatabase(t)
	sound := start(t, map[string]string{"DATABASE_URL": withPassword(t, database, canary["password"])})
	broken := pgtest.NewDatabase(t)
	// PostgreSQL tells the whole row in the detail of such an error.
	pgtest.Exec(t, broken, "ALTER TABLE todo ADD CONSTRAINT never CHECK (title = '')")
	failing := start(t, map[string]string{"DATABASE_URL": withPassword(t, broken, canary["password"])})
	away := start(t, map[string]string{"DATABASE_URL": "postgres://u:" + canary["password"] + "@" + closedAddr(t) + "/todo"})

	for name, s := range map[string]*service{"a sound service": sound, "a failing one": failing, "one without a database": away} {
		token := s.issuer.Token("u", authtest.With("name", canary["claim"]), authtest.With("email", canary["claim"]))
		var errs bytes.Buffer
		for _, way := range rawJSONWays() {
			eachRPC(t, func(rpc protoreflect.MethodDescriptor, sample proto.Message) {
				body := string(withCanary(t, sample, canary["text"]))
				// As it is, as far as it is valid, too long, and broken behind the texts.
				for _, message := range []string{body, withoutBroken(t, sample, []byte(body)), strings.Replace(body, "canary-text", strings.Repeat("canary-text", 100), 1), body + "}"} {
					if err := s.callRaw(t, way, string(rpc.Name()), []byte(message), token); err != nil {
						fmt.Fprintln(&errs, err)
					}
				}
				if err := s.callRaw(t, way, string(rpc.Name()), []byte(body), token+canary["signature"]); err == nil {
					t.Errorf("%s: %s with a forged token is served", name, rpc.Name())
				} else {
					fmt.Fprintln(&errs, err)
				}
			})
		}
		bearer := []string{"Authorization", "Bearer " + token}
		for _, path := range []string{
			"/api/todos?pageToken=" + canary["query"],
			"/todo.v1.TodoService/ListTodos?encoding=json&message=" + url.QueryEscape(`{"pageToken":"`+canary["query"]+`"}`),
			"/api/health", "/readyz",
		} {
			res := s.do(t, "GET", path, "", bearer...)
			fmt.Fprintln(&errs, res.status, res.body)
		}
		if errs.Len() == 0 {
			t.Errorf("%s: nothing failed", name)
		}
		log := s.logged(t)
		for what, word := range canary {
			if strings.Contains(errs.String(), word) {
				t.Errorf("%s: an error tells the %s:\n%s", name, what, errs.String())
			}
			if strings.Contains(log, word) {
				t.Errorf("%s: the log tells the %s", name, what)
			}
		}
		for part := range strings.SplitSeq(token, ".") {
			if strings.Contains(log, part) || strings.Contains(errs.String(), part) {
				t.Errorf("%s: the log or an error has a part of the token", name)
			}
		}
	}
	if !strings.Contains(failing.logged(t), "never") {
		t.Error("the log of the failing service lacks the cause: nothing was tried")
	}
}

// TestNothingThatIsSentBreaksALogLine sends line breaks and terminals' control
// sequences wherever a request has room for them, past every client.
func TestNothingThatIsSentBreaksALogLine(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	const evil = "\n{\"level\":\"ERROR\",\"msg\":\"forged\"}\r\n\x1b[2J\x1b[31m\u2028\x00\x7f\u009b31m\u202e"
	percent := url.PathEscape(evil)
	jsonEvil, err := json.Marshal(evil)
	if err != nil {
		t.Fatal(err)
	}
	token := s.issuer.Token("u")
	evilKey := s.issuer.Sign(map[string]any{"alg": "RS256", "kid": evil}, s.issuer.Claims("u"))
	evilUser := s.issuer.Token("u" + strings.ReplaceAll(evil, "\x00", ""))
	title := `{"title":` + string(jsonEvil) + `}`
	for name, request := range map[string]string{
		"path":                    "GET /api/" + percent + " HTTP/1.1\r\n",
		"path of a todo":          "GET /api/todos/" + percent + " HTTP/1.1\r\nAuthorization: Bearer " + token + "\r\n",
		"query":                   "GET /api/todos?" + percent + " HTTP/1.1\r\nAuthorization: Bearer " + token + "\r\n",
		"kid":                     "GET /api/todos HTTP/1.1\r\nAuthorization: Bearer " + evilKey + "\r\n",
		"user":                    "GET /api/todos HTTP/1.1\r\nAuthorization: Bearer " + evilUser + "\r\n",
		"title":                   "POST /api/todos HTTP/1.1\r\nAuthorization: Bearer " + token + "\r\nContent-Type: application/json\r\nContent-Length: " + fmt.Sprint(len(title)) + "\r\n",
		"X-Request-Id":            "GET /livez HTTP/1.1\r\nX-Request-Id: " + "a{}\"\\\u2028\u202e" + "\r\n",
		"X-Request-Id in two":     "GET /livez HTTP/1.1\r\nX-Request-Id: a\r\n b\r\n",
		"X-Request-Id with CR":    "GET /livez HTTP/1.1\r\nX-Request-Id: a\rb\r\n",
		"X-Request-Id with ESC":   "GET /livez HTTP/1.1\r\nX-Request-Id: a\x1b[31m\r\n",
		"User-Agent":              "GET /livez HTTP/1.1\r\nUser-Agent: \u2028\u202e{}\"\\\t\r\n",
		"User-Agent with ESC":     "GET /livez HTTP/1.1\r\nUser-Agent: \x1b[31m\r\n",
		"User-Agent with a break": "GET /livez HTTP/1.1\r\nUser-Agent: a\nb\r\n",
		"method":                  "G\x1b[31mET /livez HTTP/1.1\r\n",
		"a method of its own":     "FORGED|{}' /livez HTTP/1.1\r\n",
		"protocol":                "GET /livez HTTP/1.1\x1b[31m\r\n",
		"host":                    "GET http://\u202e/livez HTTP/1.1\r\n",
	} {
		body := ""
		if name == "title" {
			body = title
		}
		answer := s.sendBytes(t, request+"Host: a\r\nConnection: close\r\n\r\n"+body)
		if !regexp.MustCompile(`^HTTP/1\.1 [2-4]\d\d `).MatchString(answer) {
			t.Errorf("%s: %.200s", name, answer)
		}
	}
	// The last line comes after those before it.
	last := s.do(t, "GET", "/livez", "", "X-Request-Id", "the-last-one")
	if last.status != 200 {
		t.Fatal(last.body)
	}
	s.logs.request(t, "the-last-one")
	requests := 0
	for line := range strings.SplitSeq(s.logs.text(), "\n") {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Errorf("a line that is no JSON object: %q", line)
		}
		if fields["msg"] == "forged" {
			t.Error("a line was forged")
		}
		if fields["msg"] == "request" {
			requests++
			if id, _ := fields["request_id"].(string); !regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`).MatchString(id) {
				t.Errorf("request_id %q", id)
			}
		}
		if i := strings.IndexFunc(line, unicode.IsControl); i >= 0 {
			t.Errorf("a line with a control character: %q", line)
		}
	}
	// What net/http refuses by itself has no line: nothing of ours has seen it.
	if requests < 9 {
		t.Errorf("%d requests were logged, want at least those that HTTP allows", requests)
	}
}

// sendBytes sends what no client would, and returns the answer as it came.
func (s *service) sendBytes(t *testing.T, request string) string {
	t.Helper()
	conn := s.dial(t)
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

// inside is what an answer never tells: SQL, the driver's and the language's
// words, files, addresses.
var inside = regexp.MustCompile(`(?i)sqlstate|\b(select|insert|delete|update)\s+(into|from|todo)\b|relation "|column "|constraint|violates|` +
	`pgconn|\bpgx|postgres|\bpq:|failed to connect|dial tcp|connection refused|lookup |jwks|\bjwx|` +
	`goroutine|panic|runtime|\.go\b|\btodov1|proto:|\*[a-z]+\.|/(root|home|tmp|usr|work|src)/|127\.0\.0\.1|localhost|\[::1\]`)

// TestErrorsTellNothingOfTheInside makes calls fail in every way that there is
// a code for, and reads the answers as they came.
func TestErrorsTellNothingOfTheInside(t *testing.T) {
	t.Parallel()
	defect := pgtest.NewDatabase(t)
	pgtest.Exec(t, defect, "ALTER TABLE todo RENAME COLUMN title TO headline")
	services := map[string]*service{
		"sound":             start(t, nil),
		"with a defect":     start(t, map[string]string{"DATABASE_URL": defect}),
		"without a table":   start(t, map[string]string{"DATABASE_URL": pgtest.NewEmptyDatabase(t)}),
		"without databases": start(t, map[string]string{"DATABASE_URL": "postgres://u:p@" + closedAddr(t) + "/todo"}),
		"without keys":      start(t, map[string]string{"BETTER_AUTH_URL": "http://" + closedAddr(t)}),
	}
	codes := make(map[string]int)
	for name, s := range services {
		asJSON := append(s.bearer("u"), "Content-Type", "application/json")
		for _, test := range []struct {
			method, path, body string
			headers            []string
		}{
			{"POST", "/api/todos", `{"title":"a"}`, asJSON},
			{"POST", "/api/todos", `{"title":""}`, asJSON},
			{"POST", "/api/todos", `{"title":`, asJSON},
			{"POST", "/api/todos", strings.Repeat("a", 100_000), asJSON},
			{"POST", "/api/todos", `{"title":"a"}`, s.bearer("u")},
			{"GET", "/api/todos", "", s.bearer("u")},
			{"GET", "/api/todos", "", []string{"Authorization", "Bearer a.b.c"}},
			{"GET", "/api/todos?pageToken=abc", "", s.bearer("u")},
			{"GET", "/api/todos/" + someID, "", s.bearer("u")},
			{"PATCH", "/api/todos/" + someID, `{"title":"a"}`, asJSON},
			{"DELETE", "/api/todos/" + someID, "", s.bearer("u")},
			{"PUT", "/api/todos", "", s.bearer("u")},
			{"POST", createPath, "{}", append(asJSON, "Content-Encoding", "br")},
			{"POST", createPath, "{}", append(asJSON, "Content-Encoding", "gzip")},
			{"POST", "/todo.v1.TodoService/ListTodos", "{}", append(asJSON, "Connect-Timeout-Ms", "0")},
			{"POST", createPath, "{}", append(asJSON, "Connect-Protocol-Version", "9")},
			{"GET", "/todo.v1.TodoService/ListTodos?encoding=proto&base64=1&message=____", "", s.bearer("u")},
			{"POST", createPath, "\xff\xff", append(s.bearer("u"), "Content-Type", "application/proto")},
			{"GET", "/nothing", "", nil},
			{"GET", "/readyz", "", nil},
		} {
			res := s.do(t, test.method, test.path, test.body, test.headers...)
			if found := inside.FindString(res.body); found != "" {
				t.Errorf("%s: %s %s tells %q: %s", name, test.method, test.path, found, res.body)
			}
			var wire struct{ Code string }
			if json.Unmarshal([]byte(res.body), &wire) == nil {
				codes[wire.Code]++
			}
		}
		for _, way := range rawWays() {
			for _, message := range []string{"", "\xff", "\x0a\x01a"} {
				if err := s.callRaw(t, way, "CreateTodo", []byte(message), s.issuer.Token("u")); err != nil {
					if found := inside.FindString(err.Error()); found != "" {
						t.Errorf("%s: %s tells %q: %v", name, way.name, found, err)
					}
				}
			}
		}
	}
	for _, code := range []string{
		"unauthenticated", "invalid_argument", "not_found", "resource_exhausted", "unimplemented", "unavailable", "internal", "deadline_exceeded",
	} {
		if codes[code] == 0 {
			t.Errorf("nothing failed with %s: %v", code, slices.Sorted(maps.Keys(codes)))
		}
	}
}
