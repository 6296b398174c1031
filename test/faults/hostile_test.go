//go:build linux

package faults

import (
	"encoding/json"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/test/load"
	"example.com/todo-backend/test/stack"
)

// TestHostileUsers makes users with a token attack the service within their rate.
func TestHostileUsers(t *testing.T) {
	duration := size(3*time.Second, 15*time.Second)
	database := pgtest.NewDatabase(t)
	s := startTodod(t, stack.StartIssuer(t), database, nil)
	b := startBystander(t, s)
	for _, user := range []struct {
		name    string
		attack  func(t *testing.T, h *hostile) func() // Returns what to do over and over.
		answers []int
	}{
		{"one row over and over", hotRow, []int{200, 503}},
		{"one id by ten users", oneID, []int{200, 409}},
		{"one id made and deleted", idChurn, []int{200, 404, 409, 503}},
		{"big lists", bigLists, []int{200}},
		{"forged page tokens", forgedTokens, []int{200, 400}},
		{"hostile JSON", hostileJSON, []int{400}},
	} {
		t.Run(user.name, func(t *testing.T) {
			r := newRow(t, "a hostile user: "+user.name)
			h := &hostile{todod: s, database: database, client: stack.NewClient(t, false)}
			attack := user.attack(t, h)
			b.through(r, func() { atRate(belowTheLimit, duration, attack) })
			h.calls.Wait()
			r.Did("%d calls/s for %v, none of which waits for another", belowTheLimit, duration)
			r.Note("answers", h.answers)
			wrong := h.answers.Without(user.answers...)
			r.None("of them with another status than is due", len(wrong))
			if len(wrong) > 0 {
				t.Logf("%d %s %v", wrong[0].Status, wrong[0].Body, wrong[0].Err)
			}
		})
	}
	t.Run("the bystander's", func(t *testing.T) {
		r := newRow(t, "a hostile user: what others wrote")
		r.Did("compared what the bystander was told with the table")
		b.Check(r, database)
	})
}

// hostile makes calls without waiting for their responses.
type hostile struct {
	todod    *stack.Todod
	database string
	client   *http.Client
	calls    sync.WaitGroup

	mu      sync.Mutex
	answers load.Answers
}

// send makes a call as a user, in the background.
func (h *hostile) send(t *testing.T, user, method, path, body string) {
	t.Helper()
	h.calls.Go(func() {
		a := stack.Call(t, h.client, method, h.todod.URL+"/api/todos"+path, body,
			"Authorization", h.todod.Issuer.Bearer(user), "Content-Type", stack.ContentTypeJSON)
		a.Header = nil // There are many.
		h.mu.Lock()
		defer h.mu.Unlock()
		h.answers = append(h.answers, a)
	})
}

func hotRow(t *testing.T, h *hostile) func() {
	t.Helper()
	id := newReaders(t, h.todod, 1, "hot").owned["hot"][0]
	// As on a slow disk: more writes arrive than the row's lock admits.
	pgtest.Exec(t, h.database, `
		CREATE FUNCTION slow_row() RETURNS trigger LANGUAGE plpgsql AS
			$$ BEGIN PERFORM pg_sleep(0.04); RETURN NEW; END $$;
		CREATE TRIGGER slow_row BEFORE UPDATE ON todo FOR EACH ROW WHEN (NEW.user_id = 'hot') EXECUTE FUNCTION slow_row()`)
	return func() { h.send(t, "hot", http.MethodPatch, "/"+id, `{"isCompleted":true}`) }
}

func oneID(t *testing.T, h *hostile) func() {
	t.Helper()
	const users = 10
	n, id := 0, ""
	return func() {
		if n%users == 0 {
			id = newUUID()
		}
		h.send(t, fmt.Sprint("one-of-ten-", n%users), http.MethodPost, "", fmt.Sprintf(`{"id":%q,"title":%q}`, id, stack.CanaryTitle))
		n++
	}
}

func idChurn(t *testing.T, h *hostile) func() {
	t.Helper()
	id, n := newUUID(), 0
	return func() {
		if n++; n%2 == 0 {
			h.send(t, "churn", http.MethodDelete, "/"+id, "")
			return
		}
		h.send(t, "churn", http.MethodPost, "", fmt.Sprintf(`{"id":%q,"title":%q}`, id, stack.CanaryTitle))
	}
}

func bigLists(t *testing.T, h *hostile) func() {
	t.Helper()
	const path = "?pageSize=200"
	pgtest.Exec(t, h.database, `
		INSERT INTO todo (title, user_id)
		SELECT 'todo ' || n, 'big'
		FROM   generate_series(1, 20000) AS n`)
	token := h.token(t, "big", path)
	return func() {
		if mathrand.N(2) == 0 {
			h.send(t, "big", http.MethodGet, path, "")
		} else {
			h.send(t, "big", http.MethodGet, path+"&pageToken="+token, "")
		}
	}
}

// token returns the page token that a list ends with.
func (h *hostile) token(t *testing.T, user, path string) string {
	t.Helper()
	a := stack.Call(t, h.client, http.MethodGet, h.todod.URL+"/api/todos"+path, "", "Authorization", h.todod.Issuer.Bearer(user))
	var page struct{ NextPageToken string }
	if err := json.Unmarshal([]byte(a.Body), &page); err != nil || page.NextPageToken == "" {
		t.Fatalf("no page token: %d %s %v", a.Status, a.Body, err)
	}
	return page.NextPageToken
}

func forgedTokens(t *testing.T, h *hostile) func() {
	t.Helper()
	newReaders(t, h.todod, 3, "forger")
	token := h.token(t, "forger", "?pageSize=2")
	return func() {
		forged := []byte(token)
		switch i := mathrand.N(len(forged)); mathrand.N(3) {
		case 0: // Another character of base64url.
			forged[i] = "ABCDEFGHabcdefgh01234567-_"[mathrand.N(26)]
		case 1:
			forged = forged[:i]
		default:
			forged = slices.Concat(forged[:i], forged)
		}
		h.send(t, "forger", http.MethodGet, "?pageToken="+string(forged), "")
	}
}

func hostileJSON(t *testing.T, h *hostile) func() {
	t.Helper()
	const room = 60 << 10 // Within the bound of a body.
	bodies := []string{
		strings.Repeat("[", room),
		strings.Repeat(`{"title":`, room/9),
		`{"title":` + strings.Repeat(`[`, room/2) + strings.Repeat(`]`, room/2) + `}`,
		`{"title":"` + strings.Repeat(`\u0000`, room/6) + `"}`,
		`{"title":"` + strings.Repeat(`\ud800`, room/6) + `"}`,
		`{` + strings.Repeat(`"title":"a",`, room/12) + `"title":"b"}`,
		`{"title":"t","isCompleted":` + strings.Repeat("9", room) + `}`,
		`{"title":1e` + strings.Repeat("9", room) + `}`,
		`{"title":"t"}` + strings.Repeat(" {}", room/3),
		`{` + strings.Repeat(`"`+strings.Repeat("x", 100)+`":{},`, room/106) + `"title":"t"}`,
		`{"title":"` + strings.Repeat("é", room/2) + `"}`,
		strings.Repeat("\xff", room),
	}
	n := 0
	return func() {
		n++
		h.send(t, "json", http.MethodPost, "", bodies[n%len(bodies)])
	}
}
