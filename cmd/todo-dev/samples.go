package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// ownUser is the made-up user whom the printed commands act as; otherUser
// shows that nobody sees another's todos.
const (
	ownUser   = "alice"
	otherUser = "bob"
)

// way is a way to call the service.
type way string

const (
	wayREST    way = "REST"
	wayConnect way = "Connect"
	wayGRPC    way = "gRPC"
)

// samples are the ids of todos that exist. Each way has its own, so that its
// commands succeed whatever the others did.
type samples map[way]struct {
	kept    string // To get and to update.
	deleted string // To delete.
}

// ensureSamples makes those of the samples that the user has not, or no
// longer, among their newest todos.
func ensureSamples(ctx context.Context, serviceURL, token string) (samples, error) {
	client := &sampleClient{
		http:  &http.Client{Timeout: 15 * time.Second},
		url:   serviceURL + "/api/todos",
		token: token,
	}
	defer client.http.CloseIdleConnections()
	existing, err := client.list(ctx)
	if err != nil {
		return nil, fmt.Errorf("list todos: %w", err)
	}
	ensure := func(title string) (string, error) {
		if id, found := existing[title]; found {
			return id, nil
		}
		return client.create(ctx, title)
	}
	all := make(samples)
	for _, w := range []way{wayREST, wayConnect, wayGRPC} {
		ids := all[w]
		if ids.kept, err = ensure("Complete me over " + string(w)); err != nil {
			return nil, fmt.Errorf("create a todo: %w", err)
		}
		if ids.deleted, err = ensure("Delete me over " + string(w)); err != nil {
			return nil, fmt.Errorf("create a todo: %w", err)
		}
		all[w] = ids
	}
	return all, nil
}

// sampleClient calls the service over REST.
type sampleClient struct {
	http       *http.Client
	url, token string
}

// sampleTodo is what this program needs of a todo.
type sampleTodo struct {
	ID    string `json:"id,omitempty"`
	Title string `json:"title"`
}

// list returns the ids of the user's newest todos by title.
func (c *sampleClient) list(ctx context.Context) (map[string]string, error) {
	var page struct{ Todos []sampleTodo }
	if err := c.call(ctx, http.MethodGet, c.url+"?pageSize=200", nil, &page); err != nil {
		return nil, err
	}
	ids := make(map[string]string)
	for _, todo := range page.Todos {
		ids[todo.Title] = todo.ID
	}
	return ids, nil
}

// create makes a todo and returns its id.
func (c *sampleClient) create(ctx context.Context, title string) (string, error) {
	body, err := json.Marshal(sampleTodo{Title: title})
	if err != nil {
		return "", err
	}
	var made sampleTodo
	err = c.call(ctx, http.MethodPost, c.url, body, &made)
	return made.ID, err
}

// call sends a request and reads its answer, which has to be a success.
func (c *sampleClient) call(ctx context.Context, method, url string, body []byte, answer any) error {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	const maxAnswer = 4 << 20 // A page of the longest todos is less.
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", res.Status, text)
	}
	return json.Unmarshal(text, answer)
}
