package main

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protowire"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/gen/todo/v1/todov1connect"
)

// TestFlippedBitsOfAPageTokenLeadNowhereElse flips bits of a page token, each
// of its own and then pairs, in anna's hands and in berta's, whom it isn't of:
// each of them gets a refusal or todos of their own.
func TestFlippedBitsOfAPageTokenLeadNowhereElse(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	writer, _ := s.client(t, "Connect binary", s.issuer.Token("anna"))
	other, _ := s.client(t, "Connect binary", s.issuer.Token("berta"))
	for range 5 {
		for title, client := range map[string]todov1connect.TodoServiceClient{"anna's": writer, "berta's": other} {
			if _, err := client.CreateTodo(t.Context(), &todov1.CreateTodoRequest{Title: title}); err != nil {
				t.Fatal(err)
			}
		}
	}
	lists := []*todov1.ListTodosRequest{{PageSize: 2}, {PageSize: 2, OrderBy: "due"}, {PageSize: 2, OrderBy: "position"}}
	tokens := make([][]string, len(lists))
	for i, list := range lists {
		page, err := writer.ListTodos(t.Context(), list)
		if err != nil {
			t.Fatal(err)
		}
		tokens[i] = flippedTokens(t, page.GetNextPageToken())
	}
	eachWay(t, func(t *testing.T, way string) {
		for _, user := range []string{"anna", "berta"} {
			client, _ := s.client(t, way, s.issuer.Token(user))
			for i, list := range lists {
				served := 0
				for _, token := range tokens[i] {
					page, err := client.ListTodos(t.Context(), &todov1.ListTodosRequest{PageToken: token, OrderBy: list.GetOrderBy()})
					if err != nil {
						checkCode(t, "a token with a bit flipped", err, connect.CodeInvalidArgument)
						continue
					}
					served++
					for _, one := range page.GetTodos() {
						if one.GetTitle() != user+"'s" {
							t.Errorf("%s sees %v", user, one)
						}
					}
				}
				if served == 0 || served == len(tokens[i]) {
					t.Errorf("%d of %d tokens by %q were served to %s: nothing was tried", served, len(tokens[i]), list.GetOrderBy(), user)
				}
			}
		}
	})
}

// flippedTokens returns a token with each of its bits flipped, and with two of them.
func flippedTokens(t *testing.T, token string) []string {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		t.Fatal(err)
	}
	tokens := make([]string, 500)
	for i := range tokens {
		flipped := append([]byte(nil), raw...)
		bit := i % (8 * len(raw))
		flipped[bit/8] ^= 1 << (bit % 8)
		if i >= 8*len(raw) {
			bit = rand.IntN(8 * len(raw))
			flipped[bit/8] ^= 1 << (bit % 8)
		}
		tokens[i] = base64.RawURLEncoding.EncodeToString(flipped)
	}
	return tokens
}

// TestWhatTheServiceDecidesCantBeSent tries to name an owner, and the other
// fields that are the service's own, wherever a request has room.
func TestWhatTheServiceDecidesCantBeSent(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	owner, _ := s.client(t, "REST", s.issuer.Token("mallory"))
	own, err := owner.CreateTodo(t.Context(), &todov1.CreateTodoRequest{Title: "own"})
	if err != nil {
		t.Fatal(err)
	}
	before := s.do(t, "GET", "/api/todos/"+own.GetId(), "", s.bearer("mallory")...).body
	token := s.bearer("mallory")
	asJSON := append(s.bearer("mallory"), "Content-Type", "application/json")
	for name, value := range map[string]string{
		"userId": `"anna"`, "user_id": `"anna"`, "owner": `"anna"`, "sub": `"anna"`,
		"createdAt": `"2020-01-01T00:00:00Z"`, "created_at": `"2020-01-01T00:00:00Z"`,
		"updatedAt": `"2020-01-01T00:00:00Z"`, "updated_at": `"2020-01-01T00:00:00Z"`,
	} {
		query := name + "=" + url.QueryEscape(strings.Trim(value, `"`))
		member := fmt.Sprintf("%q:%s", name, value)
		message := url.QueryEscape(fmt.Sprintf(`{"id":%q,%s}`, own.GetId(), member))
		for _, test := range []struct {
			method, path, body string
			headers            []string
		}{
			{"POST", "/api/todos", `{"title":"a",` + member + `}`, asJSON},
			{"POST", "/api/todos?" + query, `{"title":"a"}`, asJSON},
			{"GET", "/api/todos?" + query, "", token},
			{"GET", "/api/todos/" + own.GetId() + "?" + query, "", token},
			{"PATCH", "/api/todos/" + own.GetId(), `{"title":"a",` + member + `}`, asJSON},
			{"PATCH", "/api/todos/" + own.GetId() + "?" + query, `{"title":"a"}`, asJSON},
			{"DELETE", "/api/todos/" + own.GetId() + "?" + query, "", token},
			{"GET", "/api/todos/" + own.GetId() + ";" + query, "", token},
			{"GET", "/api/todos/" + own.GetId() + "%3F" + query, "", token},
			{"POST", "/todo.v1.TodoService/CreateTodo", `{"title":"a",` + member + `}`, asJSON},
			{"POST", "/todo.v1.TodoService/ListTodos", `{` + member + `}`, asJSON},
			{"POST", "/todo.v1.TodoService/UpdateTodo", `{"id":"` + own.GetId() + `","title":"a",` + member + `}`, asJSON},
			{"POST", "/todo.v1.TodoService/DeleteTodo", `{"id":"` + own.GetId() + `",` + member + `}`, asJSON},
			{"GET", "/todo.v1.TodoService/GetTodo?encoding=json&message=" + message, "", token},
		} {
			res := s.do(t, test.method, test.path, test.body, test.headers...)
			if res.status != 400 || !strings.Contains(res.body, `"code":"invalid_argument"`) {
				t.Errorf("%s %s %s: %d %s", test.method, test.path, test.body, res.status, res.body)
			}
		}
	}
	for _, path := range []string{"/api/users/anna/todos", "/api/anna/todos", "/api/todos/anna/" + own.GetId(), "/api/todos/" + own.GetId() + "/userId/anna"} {
		if res := s.do(t, "GET", path, "", token...); res.status != 404 {
			t.Errorf("GET %s: %d %s", path, res.status, res.body)
		}
	}
	if after := s.do(t, "GET", "/api/todos/"+own.GetId(), "", s.bearer("mallory")...).body; after != before {
		t.Errorf("the todo became %s, was %s", after, before)
	}
	if res := s.do(t, "GET", "/api/todos", "", s.bearer("anna")...); res.body != `{"todos":[],"nextPageToken":""}` {
		t.Errorf("anna has %s", res.body)
	}
}

func TestAnIDGivenTwiceIsRefused(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	const a, b = "00000000-0000-4000-8000-00000000000a", "00000000-0000-4000-8000-00000000000b"
	asJSON := append(s.bearer("u"), "Content-Type", "application/json")
	for _, other := range []string{a, b} { // The same twice is no better.
		for _, test := range []struct {
			method, path, body string
			headers            []string
		}{
			{"GET", "/api/todos/" + a + "?id=" + other, "", s.bearer("u")},
			{"GET", "/api/todos/" + a + "?ID=" + other, "", s.bearer("u")},
			{"DELETE", "/api/todos/" + a + "?id=" + other, "", s.bearer("u")},
			{"POST", "/api/todos", `{"id":"` + a + `","title":"a","id":"` + other + `"}`, asJSON},
			{"POST", "/api/todos?id=" + other, `{"id":"` + a + `","title":"a"}`, asJSON},
			{"PATCH", "/api/todos/" + a, `{"id":"` + other + `","title":"a"}`, asJSON},
			{"PATCH", "/api/todos/" + a, `{"title":"a","id":"` + other + `"}`, asJSON},
			{"PATCH", "/api/todos/" + a, `{"title":"a","\u0069d":"` + other + `"}`, asJSON},
			{"PATCH", "/api/todos/" + a + "?id=" + other, `{"title":"a"}`, asJSON},
			{"POST", "/todo.v1.TodoService/GetTodo", `{"id":"` + a + `","id":"` + other + `"}`, asJSON},
			{"POST", "/todo.v1.TodoService/GetTodo?id=" + other + "&encoding=json", `{"id":"` + a + `","id":"` + other + `"}`, asJSON},
		} {
			res := s.do(t, test.method, test.path, test.body, test.headers...)
			if res.status != 400 || !strings.Contains(res.body, `"code":"invalid_argument"`) {
				t.Errorf("%s %s %s: %d %s", test.method, test.path, test.body, res.status, res.body)
			}
		}
	}
}

// TestAnUnknownBinaryFieldNamesNobody is about protobuf's binary format, where
// fields have numbers: readers must pass over those that they don't know, so
// that the contract can grow.
func TestAnUnknownBinaryFieldNamesNobody(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	message := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), "mine")
	for number := protowire.Number(10); number < 30; number++ {
		message = protowire.AppendString(protowire.AppendTag(message, number, protowire.BytesType), "anna")
	}
	for _, way := range rawWays() {
		if err := s.callRaw(t, way, "CreateTodo", message, s.issuer.Token("mallory "+way.name)); err != nil {
			t.Errorf("%s: %v", way.name, err)
		}
		list := s.do(t, "GET", "/api/todos", "", s.bearer("mallory "+way.name)...)
		if strings.Count(list.body, `"title":"mine"`) != 1 {
			t.Errorf("%s: %s", way.name, list.body)
		}
	}
	if res := s.do(t, "GET", "/api/todos", "", s.bearer("anna")...); res.body != `{"todos":[],"nextPageToken":""}` {
		t.Errorf("anna has %s", res.body)
	}
}
