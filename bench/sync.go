package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
)

// sync has every user sync until there is nothing new, and writes their sync tokens to a
// file, one a line.
func (s *subject) sync(ctx context.Context) error {
	tokens, err := readLines(s.tokens)
	if err != nil {
		return err
	}
	var syncs strings.Builder
	for _, token := range tokens {
		last, err := syncAll(ctx, s.service.addr, token)
		if err != nil {
			return fmt.Errorf("syncing: %w", err)
		}
		syncs.WriteString(last + "\n")
	}
	s.syncs = s.tokens + "-syncs"
	return os.WriteFile(s.syncs, []byte(syncs.String()), 0o600)
}

// syncAll syncs with a user's token until there is nothing new, and returns the last sync
// token.
func syncAll(ctx context.Context, addr, token string) (string, error) {
	page := struct {
		NextSyncToken string
		HasMore       bool
	}{HasMore: true}
	for page.HasMore {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/api/todos:sync?pageSize=200&syncToken="+page.NextSyncToken, http.NoBody)
		if err != nil {
			return "", err
		}
		r.Header.Set("Authorization", "Bearer "+token)
		body, err := fetch(r)
		if err != nil {
			return "", err
		}
		if err := json.Unmarshal(body, &page); err != nil {
			return "", err
		}
	}
	if len(page.NextSyncToken) != len(syncPlaceholder) {
		return "", fmt.Errorf("a sync token of %d characters, where there is room for %d", len(page.NextSyncToken), len(syncPlaceholder))
	}
	return page.NextSyncToken, nil
}

// readLines returns the lines of a file that have no spaces.
func readLines(file string) ([]string, error) {
	content, err := os.ReadFile(file)
	return strings.Fields(string(content)), err
}
