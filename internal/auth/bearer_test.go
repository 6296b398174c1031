package auth_test

import (
	"net/http"
	"testing"

	"example.com/todo-backend/internal/auth"
)

func TestBearerToken(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		values []string
		token  string
		reason auth.Reason
	}{
		{name: "the scheme as RFC 6750 writes it", values: []string{"Bearer a.b.c"}, token: "a.b.c"},
		{name: "the scheme in lower case", values: []string{"bearer a.b.c"}, token: "a.b.c"},
		{name: "the scheme in mixed case", values: []string{"bEARER a.b.c"}, token: "a.b.c"},
		{name: "several spaces", values: []string{"Bearer   a.b.c "}, token: "a.b.c"},
		{name: "no header", reason: auth.ReasonNoToken},
		{name: "an empty header", values: []string{""}, reason: auth.ReasonNoToken},
		{name: "the scheme alone", values: []string{"Bearer"}, reason: auth.ReasonNoToken},
		{name: "the scheme and a space", values: []string{"Bearer "}, reason: auth.ReasonNoToken},
		{name: "another scheme", values: []string{"Basic YWxpY2U6c2VjcmV0"}, reason: auth.ReasonScheme},
		{name: "a scheme that begins like it", values: []string{"Bearers a.b.c"}, reason: auth.ReasonScheme},
		{name: "no space after the scheme", values: []string{"Bearera.b.c"}, reason: auth.ReasonScheme},
		{name: "the token without a scheme", values: []string{"a.b.c"}, reason: auth.ReasonScheme},
		{name: "two headers", values: []string{"Bearer a.b.c", "Bearer d.e.f"}, reason: auth.ReasonSeveralTokens},
		{name: "the same header twice", values: []string{"Bearer a.b.c", "Bearer a.b.c"}, reason: auth.ReasonSeveralTokens},
		{name: "another scheme beside it", values: []string{"Bearer a.b.c", "Basic eA=="}, reason: auth.ReasonSeveralTokens},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			header := make(http.Header)
			for _, value := range test.values {
				header.Add("authorization", value)
			}
			// Neither is looked at.
			header.Set("Cookie", "access_token=a.b.c")
			header.Set("Proxy-Authorization", "Bearer a.b.c")
			token, err := auth.BearerToken(header)
			if token != test.token {
				t.Errorf("BearerToken = %q, want %q", token, test.token)
			}
			if test.reason != "" {
				wantRefusal(t, err, test.reason)
			} else if err != nil {
				t.Errorf("BearerToken: %v", err)
			}
		})
	}
}
