package rest_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestContentType(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		values []string
		ok     bool
	}{
		"plain":                           {[]string{"application/json"}, true},
		"in capitals":                     {[]string{"APPLICATION/JSON"}, true},
		"with a charset":                  {[]string{"application/json; charset=utf-8"}, true},
		"with a charset in capitals":      {[]string{"application/json;CHARSET=UTF-8"}, true},
		"with a quoted charset":           {[]string{`application/json; charset="utf-8"`}, true},
		"with white space":                {[]string{" application/json ; charset=utf-8 "}, true},
		"with a semicolon at the end":     {[]string{"application/json;"}, true},
		"missing":                         {nil, false},
		"empty":                           {[]string{""}, false},
		"there twice":                     {[]string{"application/json", "application/json"}, false},
		"two in one":                      {[]string{"application/json, application/json"}, false},
		"with another charset":            {[]string{"application/json; charset=utf-16"}, false},
		"with two charsets":               {[]string{"application/json; charset=utf-8; charset=utf-16"}, false},
		"with another parameter":          {[]string{"application/json; v=1"}, false},
		"with a broken parameter":         {[]string{"application/json; charset"}, false},
		"with a parameter like a charset": {[]string{"application/json; v=utf-8"}, false},
		"without a subtype":               {[]string{"json"}, false},
		"text":                            {[]string{"text/plain"}, false},
		"text with JSON":                  {[]string{"text/json"}, false},
		"a longer subtype":                {[]string{"application/jsonx"}, false},
		"a JSON-based type":               {[]string{"application/merge-patch+json"}, false},
		"what curl -d sends":              {[]string{"application/x-www-form-urlencoded"}, false},
		"a form":                          {[]string{"multipart/form-data; boundary=x"}, false},
		"Connect's binary form":           {[]string{"application/proto"}, false},
		"Connect's streaming form":        {[]string{"application/connect+json"}, false},
		"gRPC":                            {[]string{"application/grpc"}, false},
		"gRPC-Web":                        {[]string{"application/grpc-web+json"}, false},
		"anything":                        {[]string{"*/*"}, false},
	}
	accepts := map[string]string{
		http.MethodPost:  "Accept-Post",
		http.MethodPatch: "Accept-Patch",
		http.MethodPut:   "Accept",
	}
	targets := map[string]string{
		http.MethodPost:  "/v1/items",
		http.MethodPatch: "/v1/items/A",
		http.MethodPut:   "/v1/items/A",
	}
	service := items(t)
	for name, test := range tests {
		for verb, accept := range accepts {
			t.Run(verb+" "+name, func(t *testing.T) {
				t.Parallel()
				r := newRequest(t, verb, targets[verb], `{"one":"x"}`)
				r.Header["Content-Type"] = test.values
				got := serve(t, service, r)
				if test.ok {
					if got.status() != http.StatusOK {
						t.Errorf("status %d: %s", got.status(), got.message())
					}
					return
				}
				if got.status() != http.StatusUnsupportedMediaType || !strings.Contains(got.message(), "application/json") {
					t.Errorf("status %d: %s, want 415 that names application/json", got.status(), got.message())
				}
				if got.header.Get(accept) != "application/json" || got.header.Get("Accept") != "application/json" {
					t.Errorf("header %v lacks %s or Accept", got.header, accept)
				}
			})
		}
	}
}

func TestContentEncoding(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		values []string
		ok     bool
	}{
		"none":               {nil, true},
		"empty":              {[]string{""}, true},
		"identity":           {[]string{"Identity"}, true},
		"gzip":               {[]string{"gzip"}, false},
		"br":                 {[]string{"br"}, false},
		"a made-up one":      {[]string{"x"}, false},
		"two in one":         {[]string{"identity, gzip"}, false},
		"gzip behind others": {[]string{"identity", "gzip"}, false},
	}
	service := items(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRequest(t, http.MethodPatch, "/v1/items/A", `{"one":"x"}`)
			r.Header["Content-Encoding"] = test.values
			got := serve(t, service, r)
			if test.ok {
				if got.status() != http.StatusOK || got.call.Header.Values("Content-Encoding") != nil {
					t.Errorf("status %d (%s), want 200 and no encoding in the call", got.status(), got.message())
				}
				return
			}
			if got.status() != http.StatusUnsupportedMediaType || got.header.Get("Accept-Encoding") != "identity" {
				t.Errorf("status %d, header %v, want 415 and Accept-Encoding", got.status(), got.header)
			}
		})
	}
}

func TestHeadersOfABodyDoNotCountWithoutOne(t *testing.T) {
	t.Parallel()
	service := items(t)
	for _, verb := range []string{http.MethodGet, http.MethodHead, http.MethodDelete} {
		r := newRequest(t, verb, "/v1/items/A", "")
		r.Header.Set("Content-Type", "text/html")
		r.Header.Set("Content-Encoding", "gzip")
		got := serve(t, service, r)
		if got.status() != http.StatusOK || got.body != `{"id":"A"}` {
			t.Errorf("%s: status %d (%s), body %s", verb, got.status(), got.message(), got.body)
			continue
		}
		if got.call.Header.Get("Content-Type") != "application/json" || got.call.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s: header of the call %v", verb, got.call.Header)
		}
	}
}
