package rest_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestPath(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		target string
		want   string // The method that it reaches, and its message; "" for 404.
	}{
		"a literal path":                                         {"/v1/items", `List {}`},
		"a variable":                                             {"/v1/items/A", `Get {"id":"A"}`},
		"a literal goes before a variable":                       {"/v1/items/count", `Count {}`},
		"an escaped literal is the same literal":                 {"/v1/%69tems/A", `Get {"id":"A"}`},
		"a value is decoded":                                     {"/v1/items/a%20b%22%5C", `Get {"id":"a b\"\\"}`},
		"a value is decoded once":                                {"/v1/items/%2541", `Get {"id":"%41"}`},
		"an escaped slash is part of the value":                  {"/v1/items/a%2Fb", `Get {"id":"a/b"}`},
		"an escaped slash separates no literals":                 {"/v1%2Fitems", ""},
		"a plus is a plus":                                       {"/v1/items/a+b", `Get {"id":"a+b"}`},
		"a custom verb of a collection":                          {"/v1/items:sync", `Sync {}`},
		"a custom verb that is escaped":                          {"/v1/items:%73ync", `Sync {}`},
		"a custom verb and a query":                              {"/v1/items:sync?id=A", `Sync {"id":"A"}`},
		"an unknown custom verb":                                 {"/v1/items/A:b", ""},
		"an unknown custom verb of a collection":                 {"/v1/items:b", ""},
		"a custom verb of other case":                            {"/v1/items:Sync", ""},
		"a custom verb of another path":                          {"/v1/items/A:sync", ""},
		"a custom verb that is empty":                            {"/v1/items:", ""},
		"a custom verb and another":                              {"/v1/items:sync:sync", ""},
		"a custom verb and a slash":                              {"/v1/items:sync/", ""},
		"a custom verb and an escaped slash":                     {"/v1/items:sync%2F", ""},
		"a custom verb that is a dot segment":                    {"/v1/items:..", ""},
		"a custom verb of no value":                              {"/v1/items/:undelete", ""},
		"an escaped colon is part of the value":                  {"/v1/items/a%3Ab", `Get {"id":"a:b"}`},
		"an escaped colon, in lower case":                        {"/v1/items/a%3async", `Get {"id":"a:sync"}`},
		"an escaped colon begins no verb":                        {"/v1/items%3Async", ""},
		"an escaped colon twice is itself":                       {"/v1/items/a%253Ab", `Get {"id":"a%3Ab"}`},
		"an escaped colon by a character that should be escaped": {"/v1/items/\"%3Aundelete", `Get {"id":"\":undelete"}`},
		"an escaped slash by a character that should be escaped": {"/v1/items/\"%2Fb", `Get {"id":"\"/b"}`},
		"a semicolon is part of the value":                       {"/v1/items/a;b=c", `Get {"id":"a;b=c"}`},
		"non-ASCII characters":                                   {"/v1/items/%C3%A9%F0%9F%98%80", `Get {"id":"é😀"}`},
		"NUL is left to the contract's rules":                    {"/v1/items/%00", `Get {"id":"\u0000"}`},
		"line ends are escaped":                                  {"/v1/items/%0A%0D", `Get {"id":"\n\r"}`},
		"braces are part of the value":                           {"/v1/items/%7B%22a%22%3A1%7D", `Get {"id":"{\"a\":1}"}`},
		"a query mark alone":                                     {"/v1/items?", `List {}`},
		"an empty value":                                         {"/v1/items/", ""},
		"a slash at the end":                                     {"/v1/items/A/", ""},
		"a double slash":                                         {"/v1//items", ""},
		"a double slash at the start":                            {"//v1/items", ""},
		"a dot segment":                                          {"/v1/./items", ""},
		"a dot segment for a value":                              {"/v1/items/.", ""},
		"a double dot segment":                                   {"/v1/items/..", ""},
		"an escaped double dot segment":                          {"/v1/items/%2e%2E", ""},
		"a path that is resolved would be served":                {"/v1/x/../items", ""},
		"a shorter path":                                         {"/v1", ""},
		"a longer path":                                          {"/v1/items/A/b", ""},
		"the root":                                               {"/", ""},
		"other case":                                             {"/v1/Items", ""},
		"a method without an option":                             {"/test.v1.TestService/Internal", ""},
		"a path of nothing but slashes":                          {"/" + strings.Repeat("/", 5000), ""},
	}
	service := items(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := serve(t, service, newRequest(t, http.MethodGet, test.target, ""))
			if test.want == "" {
				if got.status() != http.StatusNotFound || got.message() == "" {
					t.Errorf("status %d, message %q, want 404 with a message", got.status(), got.message())
				}
				return
			}
			if got.status() != http.StatusOK {
				t.Fatalf("status %d: %s", got.status(), got.message())
			}
			method, _ := strings.CutPrefix(got.call.URL.Path, "/test.v1.TestService/")
			if reached := method + " " + got.body; reached != test.want {
				t.Errorf("reached %s, want %s", reached, test.want)
			}
		})
	}
}

func TestPathThatNoClientSends(t *testing.T) {
	t.Parallel()
	// OPTIONS * and CONNECT have such paths.
	for _, path := range []string{"", "*"} {
		r := newRequest(t, http.MethodGet, "/v1/items", "")
		r.URL.Path = path
		if got := serve(t, items(t), r); got.status() != http.StatusNotFound {
			t.Errorf("path %q: status %d, want 404", path, got.status())
		}
	}
}

func TestVerb(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		verb, target string
		want         string // The method that it reaches, or the verbs allowed.
		refused      bool
	}{
		"GET":                        {verb: "GET", target: "/v1/items/A", want: "Get"},
		"HEAD is served as GET":      {verb: "HEAD", target: "/v1/items/A", want: "Get"},
		"POST":                       {verb: "POST", target: "/v1/items", want: "Create"},
		"PUT":                        {verb: "PUT", target: "/v1/items/A", want: "Replace"},
		"PATCH":                      {verb: "PATCH", target: "/v1/items/A", want: "Update"},
		"DELETE":                     {verb: "DELETE", target: "/v1/items/A", want: "Delete"},
		"a narrower path of a verb":  {verb: "DELETE", target: "/v1/items/count", want: "Delete"},
		"POST on an item":            {verb: "POST", target: "/v1/items/A", want: "DELETE, GET, HEAD, PATCH, PUT", refused: true},
		"DELETE on the collection":   {verb: "DELETE", target: "/v1/items", want: "GET, HEAD, POST", refused: true},
		"HEAD without GET":           {verb: "HEAD", target: "/v1/items/A/archive", want: "POST", refused: true},
		"OPTIONS":                    {verb: "OPTIONS", target: "/v1/items", want: "GET, HEAD, POST", refused: true},
		"TRACE":                      {verb: "TRACE", target: "/v1/items", want: "GET, HEAD, POST", refused: true},
		"a made-up verb":             {verb: "BREW", target: "/v1/items", want: "GET, HEAD, POST", refused: true},
		"verbs are case-sensitive":   {verb: "get", target: "/v1/items", want: "GET, HEAD, POST", refused: true},
		"a custom verb":              {verb: "POST", target: "/v1/items/A:undelete", want: "Undelete"},
		"a custom verb by PATCH":     {verb: "PATCH", target: "/v1/items/A:undelete", want: "Rename"},
		"GET with a custom verb":     {verb: "GET", target: "/v1/items/A:undelete", want: "PATCH, POST", refused: true},
		"DELETE with a custom verb":  {verb: "DELETE", target: "/v1/items/A:undelete", want: "PATCH, POST", refused: true},
		"GET of a collection's verb": {verb: "GET", target: "/v1/items:purge", want: "POST", refused: true},
		"HEAD of a custom verb":      {verb: "HEAD", target: "/v1/items:sync", want: "Sync"},
		"a stream":                   {verb: "GET", target: "/v1/items:watch", want: "Watch"},
		"a stream of one item":       {verb: "GET", target: "/v1/items/A:watch", want: "WatchOne"},
		"HEAD of a stream":           {verb: "HEAD", target: "/v1/items:watch", want: "GET", refused: true},
		"POST of a stream":           {verb: "POST", target: "/v1/items/A:watch", want: "GET", refused: true},
		"POST of the collection's":   {verb: "POST", target: "/v1/items:sync", want: "GET, HEAD", refused: true},
		"all that overlap are named": {verb: "POST", target: "/v1/items/count", want: "DELETE, GET, HEAD, PATCH, PUT", refused: true},
	}
	service := items(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := serve(t, service, newRequest(t, test.verb, test.target, ""))
			if !test.refused {
				if got.call == nil || got.call.URL.Path != "/test.v1.TestService/"+test.want {
					t.Errorf("got %+v, want a call of %s", got, test.want)
				}
				return
			}
			if got.status() != http.StatusMethodNotAllowed || got.refusal.Allow != test.want || got.header.Get("Allow") != test.want {
				t.Errorf("status %d, Allow %q in the refusal and %q in the header, want 405 and %q",
					got.status(), got.refusal.Allow, got.header.Get("Allow"), test.want)
			}
			if !strings.Contains(got.message(), test.want) {
				t.Errorf("message %q names not the verbs %s", got.message(), test.want)
			}
		})
	}
}

func TestServiceWithoutRoutes(t *testing.T) {
	t.Parallel()
	service := newService(t, method{name: "Internal"})
	if got := serve(t, service, newRequest(t, http.MethodGet, "/v1/items", "")); got.status() != http.StatusNotFound {
		t.Errorf("status %d, want 404", got.status())
	}
}
