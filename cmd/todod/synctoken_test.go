package main

import (
	"encoding/base64"
	"strings"
	"testing"

	"connectrpc.com/connect"

	todov1 "example.com/todo-backend/gen/todo/v1"
)

// TestASyncTokenLeadsToNobodyElsesTodos has Berta sync and watch with tokens of Anna's,
// as they are and with each bit flipped.
func TestASyncTokenLeadsToNobodyElsesTodos(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	anna, _ := s.client(t, "Connect binary", s.issuer.Token("anna"))
	berta, _ := s.client(t, "Connect binary", s.issuer.Token("berta"))
	for range 3 {
		created(t, anna, "anna's")
		created(t, berta, "berta's")
	}
	first, err := anna.SyncTodos(t.Context(), &todov1.SyncTodosRequest{PageSize: 2})
	if err != nil {
		t.Fatal(err)
	}
	tokens := []string{first.NextSyncToken, synced(t, anna, "").NextSyncToken}
	raw, err := base64.RawURLEncoding.DecodeString(first.NextSyncToken)
	if err != nil {
		t.Fatal(err)
	}
	for bit := range 8 * len(raw) {
		flipped := append([]byte(nil), raw...)
		flipped[bit/8] ^= 1 << (bit % 8)
		tokens = append(tokens, base64.RawURLEncoding.EncodeToString(flipped))
	}
	eachWay(t, func(t *testing.T, way string) {
		client, _ := s.client(t, way, s.issuer.Token("berta"))
		served := 0
		for i, token := range tokens {
			page, err := client.SyncTodos(t.Context(), &todov1.SyncTodosRequest{SyncToken: token})
			if i < 2 && !page.GetReset_() {
				t.Errorf("with Anna's token: %v, %v, want a reset", page, err)
			}
			if err != nil {
				checkCode(t, "a token with a bit flipped", err, connect.CodeInvalidArgument)
				continue
			}
			served++
			wantOnly(t, "berta's", page.Todos)
		}
		if served < len(tokens)/2 {
			t.Errorf("%d of %d tokens were served", served, len(tokens))
		}
	})
	for _, token := range tokens[:2] {
		event := s.firstEvent(t, "/api/todos:watch?syncToken="+token, s.bearer("berta")...)
		if data := event["data"]; !strings.Contains(data, "berta's") || strings.Contains(data, "anna's") {
			t.Errorf("Berta watches with Anna's token, and gets %s", event)
		}
	}
}

// wantOnly checks that todos are one user's.
func wantOnly(t *testing.T, title string, todos []*todov1.Todo) {
	t.Helper()
	for _, one := range todos {
		if one.GetTitle() != title {
			t.Errorf("she gets %v, want only %s", one, title)
		}
	}
}
