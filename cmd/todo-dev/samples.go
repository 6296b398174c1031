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

// sampleTitle is the todo that the printed commands complete.
const sampleTitle = "Complete me"

// ensureSample returns the id of the sample todo. It creates the sample when it is not
// among the newest todos of the token's user.
func ensureSample(ctx context.Context, serviceURL, token string) (string, error) {
	client := &sampleClient{
		http:  &http.Client{Timeout: 15 * time.Second},
		url:   serviceURL + "/api/todos",
		token: token,
	}
	defer client.http.CloseIdleConnections()
	var page struct{ Todos []sampleTodo }
	if err := client.call(ctx, http.MethodGet, client.url+"?pageSize=200", nil, &page); err != nil {
		return "", fmt.Errorf("list todos: %w", err)
	}
	for _, todo := range page.Todos {
		if todo.Title == sampleTitle {
			return todo.ID, nil
		}
	}
	body, err := json.Marshal(sampleTodo{Title: sampleTitle})
	if err != nil {
		return "", err
	}
	var made sampleTodo
	if err := client.call(ctx, http.MethodPost, client.url, body, &made); err != nil {
		return "", fmt.Errorf("create a todo: %w", err)
	}
	return made.ID, nil
}

// sampleClient calls the service over REST.
type sampleClient struct {
	http       *http.Client
	url, token string
}

// sampleTodo has the fields of a todo that this program needs.
type sampleTodo struct {
	ID    string `json:"id,omitempty"`
	Title string `json:"title"`
}

// call sends a request and parses its response. It fails unless the status is 200.
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
