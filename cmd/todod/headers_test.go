package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
)

// TestALongHeaderIsRefusedAloneOnItsConnection sends headers of 20 KiB on a
// connection of HTTP/2 where another call is under way.
func TestALongHeaderIsRefusedAloneOnItsConnection(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols}
	t.Cleanup(transport.CloseIdleConnections)
	connections := make(map[string]bool)
	send := func(method, path string, body io.Reader, headers map[string]string) (*response, error) {
		trace := &httptrace.ClientTrace{GotConn: func(got httptrace.GotConnInfo) { connections[got.Conn.LocalAddr().String()] = true }}
		req, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), method, s.url+path, body)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", s.bearer("u")[1])
		for name, value := range headers {
			req.Header.Set(name, value)
		}
		res, err := transport.RoundTrip(req)
		if err != nil {
			return nil, err
		}
		return read(t, res), nil
	}

	body, rest := io.Pipe()
	neighbour := make(chan error, 1)
	begun := make(chan struct{})
	go func() {
		defer close(begun)
		_, _ = rest.Write([]byte(`{"title":`)) // It is read when the call is under way.
	}()
	var served *response
	go func() {
		var err error
		served, err = send("POST", "/api/todos", body, map[string]string{"Content-Type": "application/json"})
		neighbour <- err
	}()
	<-begun
	long := strings.Repeat("a", 20<<10)
	for name, headers := range map[string]map[string]string{
		"any header": {"X-Long": long},
		"a cookie":   {"Cookie": long},
		"the token":  {"Authorization": "Bearer " + long},
		"an origin":  {"Origin": "https://" + long},
	} {
		res, err := send("GET", "/api/todos", nil, headers)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var wire struct{ Code, Message string }
		if err := json.Unmarshal([]byte(res.body), &wire); err != nil || res.status != 431 || wire.Code != "resource_exhausted" {
			t.Errorf("%s: %d %s", name, res.status, res.body)
		}
		line := s.logs.request(t, res.header.Get("X-Request-Id"))
		if line["status"] != 431.0 || line["level"] != "INFO" {
			t.Errorf("%s: logged as %v", name, line)
		}
	}
	_, _ = rest.Write([]byte(`"a"}`)) // It fails when the call has.
	_ = rest.Close()
	if err := <-neighbour; err != nil || served.status != 200 {
		t.Errorf("the neighbour: %v %v", served, err)
	}
	if len(connections) != 1 {
		t.Errorf("%d connections", len(connections))
	}
}
