//go:build linux

package load

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"strings"

	"example.com/todo-backend/test/stack"
)

// Caller is a user who makes one call at a time.
type Caller struct {
	*Load
	name  string
	todos []string // Ids of todos that are there for certain.
	calls int      // Writes with a title of their own.
}

// NewCaller returns a caller by number, for a load that was not started.
func (l *Load) NewCaller(i int) *Caller { return &Caller{Load: l, name: fmt.Sprint(l.Prefix, i)} }

// call makes one call of five kinds, in a realistic mix.
func (c *Caller) call() {
	kind := mathrand.N(10)
	switch {
	case c.reads || kind >= 8:
		c.list()
	case len(c.todos) == 0 || (kind < 3 && len(c.todos) < 50):
		c.Create()
	case kind < 6:
		c.get()
	case kind < 7:
		c.update()
	default:
		c.remove()
	}
}

// Todo is a todo in an answer.
type Todo struct {
	ID          string `json:"id"`
	Title       string `json:"title"`
	Description string `json:"description"`
	IsCompleted bool   `json:"isCompleted"`
}

func (t Todo) content() content { return content{t.Title, t.Description, t.IsCompleted} }

// Create makes a todo.
func (c *Caller) Create() {
	c.calls++
	wanted := content{title: fmt.Sprintf("%s %s %d", stack.CanaryTitle, c.name, c.calls), description: stack.CanaryDescription}
	var got Todo
	a := c.do(http.MethodPost, "", fmt.Sprintf(`{"title":%q,"description":%q}`, wanted.title, wanted.description), &got)
	switch {
	case a.Status != http.StatusOK:
		c.Ledger.mayHaveCreated(wanted.title)
	case got.content() != wanted:
		c.Ledger.contradict("created %v, asked for %v", got, wanted)
	default:
		c.Ledger.wrote(got.ID, wanted)
		c.todos = append(c.todos, got.ID)
	}
}

func (c *Caller) get() {
	id := c.todos[mathrand.N(len(c.todos))]
	wanted := c.Ledger.sure([]string{id})[id]
	var got Todo
	a := c.do(http.MethodGet, "/"+id, "", &got)
	if a.Status == http.StatusNotFound || (a.Status == http.StatusOK && got.content() != wanted) {
		c.Ledger.contradict("read %s: %d %v, it should be %v", id, a.Status, got, wanted)
	}
}

func (c *Caller) list() {
	var got struct{ Todos []Todo }
	a := c.do(http.MethodGet, "?pageSize=100", "", &got)
	if a.Status != http.StatusOK {
		return
	}
	listed := make(map[string]content)
	for _, todo := range got.Todos {
		listed[todo.ID] = todo.content()
	}
	for id, wanted := range c.Ledger.sure(c.todos) {
		if listed[id] != wanted && len(got.Todos) < 100 {
			c.Ledger.contradict("listed %s: %v, it should be %v", id, listed[id], wanted)
		}
	}
}

func (c *Caller) update() {
	c.calls++
	i := mathrand.N(len(c.todos))
	id := c.todos[i]
	wanted := c.Ledger.sure([]string{id})[id]
	wanted.completed = !wanted.completed
	wanted.title = fmt.Sprintf("%s %s %d", stack.CanaryTitle, c.name, c.calls)
	var got Todo
	a := c.do(http.MethodPatch, "/"+id, fmt.Sprintf(`{"title":%q,"isCompleted":%v}`, wanted.title, wanted.completed), &got)
	switch {
	case a.Status == http.StatusNotFound || (a.Status == http.StatusOK && got.content() != wanted):
		c.Ledger.contradict("updated %s: %d %v, it should be %v", id, a.Status, got, wanted)
	case a.Status == http.StatusOK:
		c.Ledger.wrote(id, wanted)
	default:
		c.Ledger.mayHaveWritten(id, wanted)
		c.forget(i)
	}
}

func (c *Caller) remove() {
	i := mathrand.N(len(c.todos))
	id := c.todos[i]
	c.forget(i)
	switch a := c.do(http.MethodDelete, "/"+id, "", nil); a.Status {
	case http.StatusOK:
		c.Ledger.wrote(id, content{})
	case http.StatusNotFound:
		c.Ledger.contradict("deleted %s: it is not there", id)
	default:
		c.Ledger.mayHaveWritten(id, content{})
	}
}

// forget makes no more calls about a todo that is gone or in doubt: a write in doubt may
// still happen.
func (c *Caller) forget(i int) { c.todos = append(c.todos[:i:i], c.todos[i+1:]...) }

// do makes a call and decodes a success into result.
func (c *Caller) do(method, path, body string, result any) stack.Answer {
	ctx, cancel := context.WithTimeout(context.Background(), CallTimeout)
	defer cancel()
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.url+"/api/todos"+path, content)
	if err != nil {
		panic(err) // Its parts are all made here.
	}
	req.Header.Set("Authorization", c.issuer.Bearer(c.name))
	if body != "" {
		req.Header.Set("Content-Type", stack.ContentTypeJSON)
	}
	a := stack.Send(c.client, req)
	if a.Status == http.StatusOK && result != nil {
		if err := json.Unmarshal([]byte(a.Body), result); err != nil {
			c.Ledger.contradict("%s %s answered %q", method, path, a.Body)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	kept := a
	if a.Status == http.StatusOK {
		kept.Body, kept.Header = "", nil // There are many.
	}
	c.answers = append(c.answers, kept)
	return a
}
