//go:build linux

package deploy

import (
	"bufio"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"example.com/todo-backend/internal/auth/authtest"
	system "example.com/todo-backend/test/stack" // A stack is compose.yaml's, here.
)

// cells are stubs of two cells with two processes each, behind a balancer.
type cells struct {
	*system.HAProxy
	issuer      *authtest.Issuer
	stubs       []*stub // cell1/a, cell1/b, cell2/a, cell2/b.
	environment map[string]string
}

func startCells(t *testing.T) *cells {
	t.Helper()
	c := &cells{issuer: authtest.Start(t), environment: make(map[string]string)}
	for _, name := range []string{"cell1_a", "cell1_b", "cell2_a", "cell2_b"} {
		s := startStub(t, name, freeAddress(t), c.issuer)
		c.stubs = append(c.stubs, s)
		c.environment[strings.ToUpper(name)] = s.address
	}
	c.HAProxy = startBalancer(t, "cells.cfg", c.environment)
	c.awaitAll(t)
	return c
}

// awaitAll waits until HAProxy has found all stubs ready.
func (c *cells) awaitAll(t *testing.T) {
	t.Helper()
	c.AwaitServers(t, "cell1", 2)
	c.AwaitServers(t, "cell2", 2)
}

// slotOf is the slot of a user, by the documentation.
func slotOf(user string) int { return int(crc32.ChecksumIEEE([]byte(user)) % 4096) }

// cellOf is where the slots send a user.
func cellOf(user string) string { return fmt.Sprint("cell", 1+slotOf(user)/2048) }

// request sends lines of a request over HTTP/1.1 as they are.
func (c *cells) request(t *testing.T, lines ...string) answer {
	t.Helper()
	conn, err := net.Dial("tcp", c.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	_, _ = io.WriteString(conn, strings.Join(lines, "\r\n")+"\r\nHost: todo\r\nConnection: close\r\n\r\n")
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return answer{err: err}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return answer{status: res.StatusCode, header: res.Header, body: string(body), err: err}
}

// claims returns those of a token, with members in JSON among them.
func (c *cells) claims(members string) []byte {
	return fmt.Appendf(nil, `{"iss":%q,"aud":%q,"exp":%d,%s}`, c.issuer.Origin(), c.issuer.Origin(), time.Now().Add(time.Hour).Unix(), members)
}

func (c *cells) signed(members string) string {
	return c.issuer.Sign(c.issuer.Header(), c.claims(members))
}

// checkRefused checks a response that the balancer makes itself.
func checkRefused(t *testing.T, what string, a answer) {
	t.Helper()
	if a.status != http.StatusUnauthorized || a.code() != "unauthenticated" || a.header.Get("WWW-Authenticate") != "Bearer" {
		t.Errorf("%s: %d %s %v %v", what, a.status, a.body, a.header, a.err)
	}
}

func TestAUserMeetsOneCellHoweverTheTokenIsSent(t *testing.T) {
	t.Parallel()
	c := startCells(t)
	for _, user := range []string{"alice", "bob", "b0b", "carol"} { // Of both cells.
		token := c.issuer.Token(user)
		for name, lines := range map[string][]string{
			"as usual":                 {"Authorization: Bearer " + token},
			"in lower case":            {"authorization: bearer " + token},
			"in upper case":            {"AUTHORIZATION: BEARER " + token},
			"with spaces around":       {"Authorization:    Bearer    " + token + "   "},
			"beside a header of basic": {"Authorization: Bearer " + token, "Proxy-Authorization: Basic YTpi"},
		} {
			a := c.request(t, append([]string{"GET /api/todos HTTP/1.1"}, lines...)...)
			got, err := seenBy(a)
			if err != nil || got.User != user || !strings.HasPrefix(got.At, cellOf(user)+"_") {
				t.Errorf("%s, %s: %+v %v, want %s", user, name, got, err, cellOf(user))
			}
		}
	}
}

// Whatever the service would refuse or read in another way, the balancer refuses, so that
// nobody chooses a cell.
func TestATokenInAnotherFormIsRefusedByTheBalancer(t *testing.T) {
	t.Parallel()
	c := startCells(t)
	alice, bob := c.issuer.Token("alice"), c.issuer.Token("bob")
	if cellOf("alice") == cellOf("bob") {
		t.Fatal("both are in one cell")
	}
	for name, lines := range map[string][]string{
		"no token":                      nil,
		"two headers":                   {"Authorization: Bearer " + alice, "Authorization: Bearer " + bob},
		"the same header twice":         {"Authorization: Bearer " + alice, "Authorization: Bearer " + alice},
		"an empty header before":        {"Authorization:", "Authorization: Bearer " + alice},
		"two tokens in a header":        {"Authorization: Bearer " + alice + ", Bearer " + bob},
		"two tokens and a space":        {"Authorization: Bearer " + alice + " " + bob},
		"a part of the scheme":          {"Authorization: Bear " + alice},
		"another scheme":                {"Authorization: Basic YWxpY2U6eA=="},
		"no scheme":                     {"Authorization: " + alice},
		"a tab after the scheme":        {"Authorization: Bearer\t" + alice},
		"a tab before the token":        {"Authorization: Bearer \t" + alice},
		"quoted":                        {`Authorization: Bearer "` + alice + `"`},
		"padding":                       {"Authorization: Bearer " + alice + "="},
		"no signature":                  {"Authorization: Bearer " + alice[:strings.LastIndexByte(alice, '.')]},
		"an empty signature":            {"Authorization: Bearer " + alice[:strings.LastIndexByte(alice, '.')+1]},
		"a fourth part":                 {"Authorization: Bearer " + alice + ".x"},
		"the scheme alone":              {"Authorization: Bearer"},
		"no payload":                    {"Authorization: Bearer " + c.issuer.Sign(c.issuer.Header(), []byte{})},
		"a payload that is no JSON":     {"Authorization: Bearer " + c.issuer.Sign(c.issuer.Header(), []byte("alice"))},
		"a payload that is a list":      {"Authorization: Bearer " + c.issuer.Sign(c.issuer.Header(), []byte(`["sub","alice"]`))},
		"a payload that is deep":        {"Authorization: Bearer " + c.signed(`"a":`+strings.Repeat("[", 50)+strings.Repeat("]", 50)+`,"sub":"alice"`)},
		"no sub":                        {"Authorization: Bearer " + c.signed(`"a":1`)},
		"an empty sub":                  {"Authorization: Bearer " + c.signed(`"sub":""`)},
		"a sub that is null":            {"Authorization: Bearer " + c.signed(`"sub":null`)},
		"a sub that is a list":          {"Authorization: Bearer " + c.signed(`"sub":["alice"]`)},
		"a sub within another claim":    {"Authorization: Bearer " + c.signed(`"a":{"sub":"alice"}`)},
		"an escaped name of sub":        {"Authorization: Bearer " + c.signed(`"s\u0075b":"alice"`)},
		"an escaped character":          {"Authorization: Bearer " + c.signed(`"sub":"caf\u00e9"`)},
		"an escaped letter":             {"Authorization: Bearer " + c.signed(`"sub":"\u0061lice"`)},
		"an escaped character, far off": {"Authorization: Bearer " + c.signed(`"sub":"\u4e2d"`)},
		"an escaped quote":              {"Authorization: Bearer " + c.signed(`"sub":"a\"b"`)},
		"an escaped slash":              {"Authorization: Bearer " + c.signed(`"sub" : "a\/b"`)},
		"an escape after another sub":   {"Authorization: Bearer " + c.signed(`"a":{"sub":"x"},"sub":"caf\u00e9"`)},
	} {
		before := c.calls()
		for _, request := range []string{"GET /api/todos HTTP/1.1", "POST /todo.v1.TodoService/CreateTodo HTTP/1.1", "GET /unknown HTTP/1.1"} {
			checkRefused(t, name, c.request(t, append([]string{request}, lines...)...))
		}
		if c.calls() != before {
			t.Errorf("%s: the call has reached a process", name)
		}
	}
	// Over HTTP/2, where a header of several lines is usual.
	two := newPlainCaller(t, true)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.URL+"/api/todos", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header["Authorization"] = []string{"Bearer " + alice, "Bearer " + bob}
	res, err := two.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusUnauthorized {
		t.Errorf("two headers over HTTP/2: %d", res.StatusCode)
	}
}

// calls counts what has reached the stubs.
func (c *cells) calls() (n int64) {
	for _, s := range c.stubs {
		n += s.calls.Load()
	}
	return n
}

func TestSubjectsOfAnyTextMeetTheirCell(t *testing.T) {
	t.Parallel()
	c := startCells(t)
	client := newPlainCaller(t, true)
	for _, user := range []string{
		"café", "中文", "𝒳", " alice ", "alice bob", "a/b?c=d&e;f#g%20h", "auth0|5f7c8ec7c33c6c004bbafe82", "#1", "~-._", "it's", "$.sub", "{}[]:,",
		strings.Repeat("x", 255), strings.Repeat("中", 255), strings.Repeat("𝒳", 255),
	} {
		got, err := seenBy(client.call(t, http.MethodGet, c.URL+"/api/todos", "", "Authorization", "Bearer "+c.signed(fmt.Sprintf(`"name":"a\"sub\":\"b\"\u00e9","sub":"%s"`, user))))
		if err != nil || got.User != user || !strings.HasPrefix(got.At, cellOf(user)+"_") {
			t.Errorf("%.20s: %+v %v, want %s", user, got, err, cellOf(user))
		}
	}
}

// What the issuer signs is not the caller's choice, but issuers write JSON in their own
// ways, and a claim may hold what a user has typed.
func TestTokensThatTheServiceTakesAreReadAsTheServiceReadsThem(t *testing.T) {
	t.Parallel()
	c := startCells(t)
	client := newPlainCaller(t, true)
	const tokens = 1500
	random := rand.New(rand.NewPCG(1, 2)) // The same tokens in each run.
	taken, refused := 0, 0
	for range tokens {
		claims := c.claims(anyMembers(random, 0))
		a := client.call(t, http.MethodGet, c.URL+"/api/todos", "", "Authorization", "Bearer "+c.issuer.Sign(c.issuer.Header(), claims))
		got, err := seenBy(a)
		switch {
		case err != nil: // The balancer has refused it.
			checkRefused(t, string(claims), a)
			refused++
		case got.User != "":
			taken++
			if !strings.HasPrefix(got.At, cellOf(got.User)+"_") {
				t.Errorf("%s: the service reads %q, the balancer chose %s", claims, got.User, got.At)
			}
		}
	}
	if taken < tokens/10 || refused < tokens/10 {
		t.Errorf("of %d tokens the service took %d, and the balancer refused %d", tokens, taken, refused)
	}
}

// anyMembers writes members of a JSON object, with names and values that look like sub.
func anyMembers(random *rand.Rand, depth int) string {
	pick := func(of ...string) string { return of[random.IntN(len(of))] }
	space := func() string { return pick("", "", "", " ", "\n", "\t ", "\r") }
	value := func() string {
		if depth < 3 {
			switch random.IntN(6) {
			case 0:
				return "{" + anyMembers(random, depth+1) + "}"
			case 1:
				return "[" + pick(`"sub"`, "1", `"sub",{`+anyMembers(random, depth+1)+"}", `{"sub":"in a list"}`, "") + "]"
			}
		}
		return pick(`"alice"`, `"bob"`, `"caf\u00e9"`, `"café"`, `"a\/b"`, `"\"sub\":\"x\""`, `"sub"`, `"a\\"`, `"\\\"sub\\\":"`, `""`, "12", "-1.5e3", "true", "null", `"{\"sub\":1}"`, `"中"`)
	}
	member := func(name, value string) string { return space() + name + space() + ":" + space() + value + space() }
	var members []string
	if random.IntN(6) > 0 {
		members = append(members, member(`"sub"`, pick(value(), `"alice"`, `"bob"`, `"中"`)))
	}
	for i := range random.IntN(4) {
		name := pick(`"a`, `"su`, `"subs`, `"s\u0075b`, `"a\"sub`, `"$.sub`, `"`, `"name`, `"Sub`)
		// A name that comes twice is refused by the service.
		members = append(members, member(name+pick("", fmt.Sprint(i))+`"`, value()))
	}
	if random.IntN(20) == 0 {
		members = append(members, member(`"sub"`, value()))
	}
	random.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	return strings.Join(append(members, `"last":0`), ",")
}

func TestWhatNeedsNoTokenPasses(t *testing.T) {
	t.Parallel()
	c := startCells(t)
	for _, http2 := range []bool{false, true} {
		client := newPlainCaller(t, http2)
		for range 2 * len(c.stubs) {
			if a := client.call(t, http.MethodGet, c.URL+"/readyz", ""); a.status != http.StatusOK {
				t.Errorf("/readyz: %d %s %v", a.status, a.body, a.err)
			}
		}
		for _, call := range []struct{ method, path string }{
			{http.MethodGet, "/livez"},
			{http.MethodGet, "/api/health"},
			{http.MethodGet, "/openapi.yaml"},
			{http.MethodPost, "/grpc.health.v1.Health/Check"},
			{http.MethodPost, "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"},
			{http.MethodOptions, "/api/todos"},
			{http.MethodOptions, "/todo.v1.TodoService/ListTodos"},
		} {
			if _, err := seenBy(client.call(t, call.method, c.URL+call.path, "")); err != nil {
				t.Errorf("%s %s: %v", call.method, call.path, err)
			}
		}
	}
	for _, path := range []string{"/livez/", "/livez/../api/todos", "//livez", "/%6Civez", "/api/health/../todos", "/readyz%2F..%2Fapi%2Ftodos", "/grpc.health.v1.Health/../todo.v1.TodoService/ListTodos"} {
		checkRefused(t, path, c.request(t, "GET "+path+" HTTP/1.1"))
	}
}

// A tunnel through the balancer would carry calls that it doesn't see.
func TestNoTunnelThroughTheBalancer(t *testing.T) {
	t.Parallel()
	c := startCells(t)
	token := "Authorization: Bearer " + c.issuer.Token("alice")
	for _, lines := range [][]string{
		{"GET /api/todos HTTP/1.1", token, "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"},
		{"GET /api/todos HTTP/1.1", token, "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"},
		{"CONNECT todo:80 HTTP/1.1", token},
	} {
		a := c.request(t, append(lines, "X: y")...)
		if a.status == http.StatusSwitchingProtocols || (a.status == http.StatusOK && strings.HasPrefix(lines[0], "CONNECT")) {
			t.Errorf("%q: %d", lines, a.status)
		}
	}
}

func TestACellThatIsDownSendsNobodyToAnother(t *testing.T) {
	t.Parallel()
	c := startCells(t)
	client := newPlainCaller(t, true)
	call := func(user string) answer {
		return client.call(t, http.MethodPost, c.URL+"/todo.v1.TodoService/CreateTodo", "{}", "Authorization", "Bearer "+c.issuer.Token(user))
	}
	var here, there []string
	for i := 0; len(here) < 8 || len(there) < 8; i++ {
		if user := fmt.Sprint("user-", i); cellOf(user) == "cell1" {
			here = append(here, user)
		} else {
			there = append(there, user)
		}
	}
	first := make(map[string]string)
	for _, user := range append(here, there...) {
		got, err := seenBy(call(user))
		if err != nil {
			t.Fatal(err)
		}
		first[user] = got.At
	}
	// One process less: its users meet the other one of their cell, and others theirs.
	c.stubs[0].stop()
	for _, user := range append(here, there...) {
		a := call(user)
		if a.status == http.StatusServiceUnavailable {
			a = call(user) // It was sent as the process went: it may be stored, so it isn't sent again.
		}
		got, err := seenBy(a)
		switch {
		case err != nil:
			t.Errorf("%s: %v", user, err)
		case first[user] == "cell1_a" && got.At != "cell1_b", first[user] != "cell1_a" && got.At != first[user]:
			t.Errorf("%s: %s, and before %s", user, got.At, first[user])
		}
	}
	// The whole cell.
	c.stubs[1].stop()
	for range 3 {
		for _, user := range here {
			if a := call(user); a.status != http.StatusServiceUnavailable || a.code() != "unavailable" || a.header.Get("Retry-After") == "" {
				t.Errorf("%s: %d %s %v", user, a.status, a.body, a.err)
			}
		}
		for _, user := range there {
			if got, err := seenBy(call(user)); err != nil || got.At != first[user] {
				t.Errorf("%s: %s %v", user, got.At, err)
			}
		}
	}
	if a := client.call(t, http.MethodGet, c.URL+"/api/health", ""); a.status == http.StatusServiceUnavailable {
		t.Errorf("what needs no token: %d %s", a.status, a.body)
	}
	c.stubs[0].listen(t)
	c.AwaitServers(t, "cell1", 1)
	for _, user := range here {
		if got, err := seenBy(call(user)); err != nil || got.At != "cell1_a" {
			t.Errorf("%s after it came back: %s %v", user, got.At, err)
		}
	}
}
