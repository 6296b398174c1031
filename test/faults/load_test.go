//go:build linux

package faults

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/todo-backend/test/report"
)

const (
	// callTimeout bounds a call: it is more than the service ever takes.
	callTimeout = 20 * time.Second
	// maxCallers bounds the calls under way.
	maxCallers = 4096
)

// load calls the service at a steady rate, however slow its responses are (open loop).
// Callers create, read, list, change and delete their own todos.
type load struct {
	url    string
	issuer *issuer
	client *http.Client
	prefix string // Of the callers' names.
	reads  bool   // Nothing is written.
	ledger *ledger
	stop   context.CancelFunc
	ended  chan struct{}

	mu       sync.Mutex
	free     []*caller
	underWay map[*caller]time.Time // Since when.
	answers  answers
}

// caller is a user who makes one call at a time.
type caller struct {
	*load
	name  string
	todos []string // Ids of todos that are there for certain.
	calls int      // Writes with a title of their own.
}

// startLoad begins to call the service at url so many times a second, until
// finish or the test's end.
func startLoad(t *testing.T, url string, issuer *issuer, perSecond int) *load {
	t.Helper()
	return newLoad(t, url, issuer).start(t, perSecond)
}

// startReads is startLoad without writes.
func startReads(t *testing.T, url string, issuer *issuer, perSecond int) *load {
	t.Helper()
	l := newLoad(t, url, issuer)
	l.reads = true
	return l.start(t, perSecond)
}

func newLoad(t *testing.T, url string, issuer *issuer) *load {
	t.Helper()
	client := newClient(t, false)
	client.Timeout = callTimeout
	return &load{
		url:      url,
		issuer:   issuer,
		client:   client,
		prefix:   rand.Text()[:8] + "-",
		ledger:   newLedger(),
		ended:    make(chan struct{}),
		underWay: make(map[*caller]time.Time),
	}
}

func (l *load) start(t *testing.T, perSecond int) *load {
	t.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	l.stop = stop
	go l.run(ctx, time.Second/time.Duration(perSecond))
	t.Cleanup(func() { l.finish() })
	return l
}

// run starts a call at each interval.
func (l *load) run(ctx context.Context, interval time.Duration) {
	defer close(l.ended)
	var calls sync.WaitGroup
	defer calls.Wait()
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	began := time.Now()
	for started := 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		// A ticker drops what a busy machine misses; those calls are made now.
		for ; started < int(time.Since(began)/interval); started++ {
			if c := l.take(); c != nil {
				calls.Go(func() {
					c.call()
					l.give(c)
				})
			}
		}
	}
}

// finish ends the calls and returns their answers, once all are there.
func (l *load) finish() answers {
	l.stop()
	<-l.ended
	return l.soFar()
}

// soFar returns the answers until now.
func (l *load) soFar() answers {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append(answers(nil), l.answers...)
}

// answered returns how many calls have been answered until now.
func (l *load) answered() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.answers)
}

// during returns the answers to what is called within so long from now, once
// they are there.
func (l *load) during(d time.Duration) answers {
	from := time.Now()
	time.Sleep(d) // The callers are busy meanwhile.
	return l.since(from)
}

// since returns the answers to what was called from then until now, once they
// are there.
func (l *load) since(from time.Time) answers {
	until := time.Now()
	for l.waiting(until) {
		time.Sleep(time.Millisecond) // Until the call has timed out at the latest.
	}
	return l.soFar().between(from, until)
}

// waiting reports whether a call that began before then is under way.
func (l *load) waiting(until time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, began := range l.underWay {
		if began.Before(until) {
			return true
		}
	}
	return false
}

// check audits the ledger and adds its figures to a row.
func (l *load) check(r *report.Row, database string) {
	r.T.Helper()
	l.finish()
	problems := l.ledger.audit(r.T, database, l.prefix)
	report.AtLeast(r, "acknowledged writes", l.ledger.acknowledged, 1)
	r.None("of them lost or wrong", len(problems))
	for _, problem := range problems[:min(10, len(problems))] {
		r.T.Error(problem)
	}
}

// take returns a caller who is free, nil when there are too many at work.
func (l *load) take() *caller {
	l.mu.Lock()
	defer l.mu.Unlock()
	var c *caller
	switch n := len(l.free); {
	case n > 0:
		c = l.free[n-1]
		l.free = l.free[:n-1]
	case len(l.underWay) < maxCallers:
		c = &caller{load: l, name: fmt.Sprint(l.prefix, len(l.underWay))}
	default:
		return nil
	}
	l.underWay[c] = time.Now()
	return c
}

func (l *load) give(c *caller) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.underWay, c)
	l.free = append(l.free, c)
}

// newCaller returns a caller who is none of those of start, by number.
func (l *load) newCaller(i int) *caller { return &caller{load: l, name: fmt.Sprint(l.prefix, i)} }

// call makes one call of five kinds, in a realistic mix.
func (c *caller) call() {
	kind := mathrand.N(10)
	switch {
	case c.reads || kind >= 8:
		c.list()
	case len(c.todos) == 0 || (kind < 3 && len(c.todos) < 50):
		c.create()
	case kind < 6:
		c.get()
	case kind < 7:
		c.update()
	default:
		c.remove()
	}
}

// todo is a todo in an answer.
type todo struct {
	ID          string `json:"id"`
	Title       string `json:"title"`
	Description string `json:"description"`
	IsCompleted bool   `json:"isCompleted"`
}

func (t todo) content() content { return content{t.Title, t.Description, t.IsCompleted} }

// create makes a todo.
func (c *caller) create() {
	c.calls++
	wanted := content{title: fmt.Sprintf("%s %s %d", canaryTitle, c.name, c.calls), description: canaryDescription}
	var got todo
	a := c.do(http.MethodPost, "", fmt.Sprintf(`{"title":%q,"description":%q}`, wanted.title, wanted.description), &got)
	switch {
	case a.status != http.StatusOK:
		c.ledger.mayHaveCreated(wanted.title)
	case got.content() != wanted:
		c.ledger.contradict("created %v, asked for %v", got, wanted)
	default:
		c.ledger.wrote(got.ID, wanted)
		c.todos = append(c.todos, got.ID)
	}
}

func (c *caller) get() {
	id := c.todos[mathrand.N(len(c.todos))]
	wanted := c.ledger.sure([]string{id})[id]
	var got todo
	a := c.do(http.MethodGet, "/"+id, "", &got)
	if a.status == http.StatusNotFound || (a.status == http.StatusOK && got.content() != wanted) {
		c.ledger.contradict("read %s: %d %v, it should be %v", id, a.status, got, wanted)
	}
}

func (c *caller) list() {
	var got struct{ Todos []todo }
	a := c.do(http.MethodGet, "?pageSize=100", "", &got)
	if a.status != http.StatusOK {
		return
	}
	listed := make(map[string]content)
	for _, todo := range got.Todos {
		listed[todo.ID] = todo.content()
	}
	for id, wanted := range c.ledger.sure(c.todos) {
		if listed[id] != wanted && len(got.Todos) < 100 {
			c.ledger.contradict("listed %s: %v, it should be %v", id, listed[id], wanted)
		}
	}
}

func (c *caller) update() {
	c.calls++
	i := mathrand.N(len(c.todos))
	id := c.todos[i]
	wanted := c.ledger.sure([]string{id})[id]
	wanted.completed = !wanted.completed
	wanted.title = fmt.Sprintf("%s %s %d", canaryTitle, c.name, c.calls)
	var got todo
	a := c.do(http.MethodPatch, "/"+id, fmt.Sprintf(`{"title":%q,"isCompleted":%v}`, wanted.title, wanted.completed), &got)
	switch {
	case a.status == http.StatusNotFound || (a.status == http.StatusOK && got.content() != wanted):
		c.ledger.contradict("updated %s: %d %v, it should be %v", id, a.status, got, wanted)
	case a.status == http.StatusOK:
		c.ledger.wrote(id, wanted)
	default:
		c.ledger.mayHaveWritten(id, wanted)
		c.forget(i)
	}
}

func (c *caller) remove() {
	i := mathrand.N(len(c.todos))
	id := c.todos[i]
	c.forget(i)
	switch a := c.do(http.MethodDelete, "/"+id, "", nil); a.status {
	case http.StatusOK:
		c.ledger.wrote(id, content{})
	case http.StatusNotFound:
		c.ledger.contradict("deleted %s: it is not there", id)
	default:
		c.ledger.mayHaveWritten(id, content{})
	}
}

// forget makes no more calls about a todo that is gone or in doubt: a write in doubt may
// still happen.
func (c *caller) forget(i int) { c.todos = append(c.todos[:i:i], c.todos[i+1:]...) }

// do makes a call and decodes a success into result.
func (c *caller) do(method, path, body string, result any) answer {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.url+"/api/todos"+path, content)
	if err != nil {
		panic(err) // Its parts are all made here.
	}
	req.Header.Set("Authorization", c.issuer.bearer(c.name))
	if body != "" {
		req.Header.Set("Content-Type", contentTypeJSON)
	}
	a := send(c.client, req)
	if a.status == http.StatusOK && result != nil {
		if err := json.Unmarshal([]byte(a.body), result); err != nil {
			c.ledger.contradict("%s %s answered %q", method, path, a.body)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	kept := a
	if a.status == http.StatusOK {
		kept.body, kept.header = "", nil // There are many.
	}
	c.answers = append(c.answers, kept)
	return a
}
