package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	todov1 "example.com/todo-backend/gen/todo/v1"
)

// goType is what gives away that the answer is a Go program's, and where in it
// the fault was found.
var goType = regexp.MustCompile(`(?i)\btodov1\b|\btodo\.v1\b|\bproto:|\*[a-z]|\.go\b|\bgoroutine\b|protojson|reflect|interface|\bstruct\b|\[\]byte`)

// jsonCalls sends a body of JSON in each way that takes one, and hands the
// error that came back to check.
func (s *service) jsonCalls(t *testing.T, method, verb, path, body string, check func(way string, err error)) {
	t.Helper()
	for _, way := range rawJSONWays() {
		err := s.callRaw(t, way, method, []byte(body), s.issuer.Token("u"))
		check(way.name, err)
	}
	res := s.do(t, verb, path, body, append(s.bearer("u"), "Content-Type", "application/json")...)
	if res.status == http.StatusOK {
		check("REST", nil)
		return
	}
	check("REST", restError([]byte(res.body)))
}

// notText is what no text may contain, in JSON and in protobuf's binary format;
// the latter is empty where it has no such thing.
func notText() map[string]struct{ json, binary string } {
	return map[string]struct{ json, binary string }{
		"NUL, escaped":                         {`\u0000`, "\x00"},
		"NUL, bare":                            {"\x00", ""},
		"another control character, bare":      {"\x1f", ""},
		"a byte of no UTF-8":                   {"\xff", "\xff"},
		"a character cut short":                {"\xf0\x9f\x98", "\xf0\x9f\x98"},
		"an overlong NUL":                      {"\xc0\x80", "\xc0\x80"},
		"half a surrogate pair in UTF-8":       {"\xed\xa0\x80", "\xed\xa0\x80"},
		"a character beyond Unicode":           {"\xf4\x90\x80\x80", "\xf4\x90\x80\x80"},
		"the first half of a surrogate pair":   {`\ud83d`, ""},
		"the first half, and text":             {`\ud83dabcdefgh`, ""},
		"the second half of a surrogate pair":  {`\ude00`, ""},
		"a surrogate pair the wrong way round": {`\ude00\ud83d`, ""},
		"the first half twice":                 {`\ud83d\ud83d`, ""},
	}
}

// TestTextThatIsNoTextIsRefusedInEveryBody puts it into each text of each RPC.
func TestTextThatIsNoTextIsRefusedInEveryBody(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for name, bad := range notText() {
		s.jsonCalls(t, "CreateTodo", "POST", "/api/todos", `{"title":"a`+bad.json+`b"}`, func(way string, err error) {
			checkCode(t, fmt.Sprintf("%s over %s", name, way), err, connect.CodeInvalidArgument)
		})
		eachRPC(t, func(rpc protoreflect.MethodDescriptor, sample proto.Message) {
			fields := rpc.Input().Fields()
			for i := range fields.Len() {
				field := fields.Get(i)
				if field.Kind() != protoreflect.StringKind {
					continue
				}
				sent := proto.Clone(sample)
				sent.ProtoReflect().Clear(field)
				check := func(way rawWay, message []byte) {
					err := s.callRaw(t, way, string(rpc.Name()), message, s.issuer.Token("u"))
					checkCode(t, fmt.Sprintf("%s in %s over %s", name, field.FullName(), way.name), err, connect.CodeInvalidArgument)
				}
				for _, way := range rawJSONWays() {
					check(way, withText(t, sent, field, bad.json))
				}
				if bad.binary == "" {
					continue
				}
				encoded, err := proto.Marshal(sent)
				if err != nil {
					t.Fatal(err)
				}
				for _, way := range rawWays() {
					tag := protowire.AppendTag(encoded, field.Number(), protowire.BytesType)
					check(way, protowire.AppendString(tag, "a"+bad.binary))
				}
			}
		})
	}
}

// withText returns a message as JSON, with a text that needs not be one put into
// a field that it lacks.
func withText(t *testing.T, message proto.Message, field protoreflect.FieldDescriptor, text string) []byte {
	t.Helper()
	encoded, err := protojson.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	value := `"a` + text + `b"`
	if field.IsList() {
		value = "[" + value + "]"
	}
	member := fmt.Sprintf("{%q:%s", field.JSONName(), value)
	if rest := bytes.TrimPrefix(bytes.TrimSpace(encoded), []byte("{")); !bytes.HasPrefix(bytes.TrimSpace(rest), []byte("}")) {
		return append([]byte(member+","), rest...)
	}
	return []byte(member + "}")
}

func TestTextThatIsNoTextIsRefusedInPathAndQuery(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	token := s.bearer("u")
	for name, bad := range notText() {
		escaped := url.QueryEscape(bad.json)
		inBase64 := base64.RawURLEncoding.EncodeToString([]byte(`{"id":"` + bad.json + `"}`))
		inProto := base64.RawURLEncoding.EncodeToString(
			protowire.AppendString(protowire.AppendTag(nil, 2, protowire.BytesType), "\x00"+bad.binary))
		inJSON := url.QueryEscape(`{"id":"` + bad.json + `"}`)
		for _, path := range []string{
			"/api/todos/" + url.PathEscape(bad.json),
			"/api/todos/" + someID[:35] + url.PathEscape(bad.json),
			"/api/todos?pageToken=" + escaped,
			"/api/todos?isCompleted=" + escaped,
			"/api/todos?pageSize=1" + escaped,
			"/api/todos?" + escaped + "=1",
			"/todo.v1.TodoService/GetTodo?encoding=json&message=" + inJSON,
			"/todo.v1.TodoService/GetTodo?encoding=json&base64=1&message=" + inBase64,
			"/todo.v1.TodoService/ListTodos?encoding=proto&base64=1&message=" + inProto,
		} {
			res := s.do(t, "GET", path, "", token...)
			if res.status != 400 || !strings.Contains(res.body, `"code":"invalid_argument"`) {
				t.Errorf("%s: GET %s: %d %s", name, path, res.status, res.body)
			}
		}
	}
}

func TestOneCharacterBeyondTheLimitIsOneTooMany(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	eachWay(t, func(t *testing.T, way string) {
		client, _ := s.client(t, way, s.issuer.Token("u"))
		created, err := client.CreateTodo(t.Context(), &todov1.CreateTodoRequest{Title: "a"})
		if err != nil {
			t.Fatal(err)
		}
		for _, character := range []string{"a", "é", "😀"} {
			for _, test := range []struct {
				title, description int
				ok                 bool
			}{{500, 2000, true}, {501, 2000, false}, {500, 2001, false}} {
				title, description := strings.Repeat(character, test.title), strings.Repeat(character, test.description)
				check := func(method string, got *todov1.Todo, err error) {
					what := fmt.Sprintf("%s of %d and %d of %s", method, test.title, test.description, character)
					switch {
					case !test.ok:
						checkCode(t, what, err, connect.CodeInvalidArgument)
					case err != nil:
						t.Errorf("%s: %v", what, err)
					case got.GetTitle() != title || got.GetDescription() != description:
						t.Errorf("%s: the text was changed", what)
					}
				}
				got, err := client.CreateTodo(t.Context(), &todov1.CreateTodoRequest{Title: title, Description: &description})
				check("CreateTodo", got, err)
				got, err = client.UpdateTodo(t.Context(), &todov1.UpdateTodoRequest{Id: created.GetId(), Title: &title, Description: &description})
				check("UpdateTodo", got, err)
			}
		}
	})
}

func TestABrokenMessageIsRefusedByTheNameOfItsField(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for _, test := range []struct{ name, body, field string }{
		{"an unknown field", `{"title":"a","titel":"a"}`, "titel"},
		{"a key given twice", `{"title":"a","title":"b"}`, "title"},
		{"a key given twice, once escaped", `{"title":"a","t\u0069tle":"b"}`, `t\u0069tle`}, // As it was sent.
		{"null", `{"title":"a","description":null}`, "description"},
		{"a number for a text", `{"title":5}`, "title"},
		{"a bool for a text", `{"title":true}`, "title"},
		{"an object for a text", `{"title":{}}`, "title"},
		{"an array for a text", `{"title":["a"]}`, "title"},
		{"deep nesting", `{"title":` + strings.Repeat("[", 30_000) + strings.Repeat("]", 30_000) + `}`, "title"},
		{"deep nesting of objects", `{"title":"a","description":` + strings.Repeat(`{"a":`, 10_000) + "1" + strings.Repeat("}", 10_000) + `}`, "description"},
		{"deep nesting of an unknown field", `{"x":` + strings.Repeat("[", 30_000) + strings.Repeat("]", 30_000) + `}`, "x"},
		{"trailing bytes", `{"title":"a"}x`, ""},
		{"a second message", `{"title":"a"}{"title":"b"}`, ""},
		{"an array of messages", `[{"title":"a"}]`, ""},
		{"a text", `"a"`, ""},
		{"a bare null", `null`, ""},
		{"an open object", `{"title":"a"`, ""},
		{"a comma too many", `{"title":"a",}`, ""},
		{"a comment", `{"title":"a"/**/}`, ""},
		{"single quotes", `{'title':'a'}`, ""},
		{"a byte order mark", "\ufeff" + `{"title":"a"}`, ""},
		{"deep nesting and nothing else", strings.Repeat("[", 60_000), ""},
		{"a byte of no UTF-8 where there is no text", "\x81", ""},
		{"a name that is no UTF-8", "{\"\xff\":1}", ""},
		{"UTF-16", "{\x00\"\x00}\x00", ""},
	} {
		s.jsonCalls(t, "CreateTodo", "POST", "/api/todos", test.body, func(way string, err error) {
			checkBroken(t, test.name+" over "+way, test.field, err)
		})
	}
	for _, value := range []string{
		`2147483648`, `-2147483649`, `1e10`, `1.5`, `-0.1`, `1e400`, `"0x10"`, `"1 "`, `""`, `true`, `[1]`, `{}`,
		strings.Repeat("9", 10_000),
	} {
		for _, way := range rawJSONWays() {
			err := s.callRaw(t, way, "ListTodos", []byte(`{"pageSize":`+value+`}`), s.issuer.Token("u"))
			checkBroken(t, fmt.Sprintf("pageSize %.20s over %s", value, way.name), "pageSize", err)
		}
		for _, path := range []string{
			"/api/todos?pageSize=" + url.QueryEscape(value),
			"/todo.v1.TodoService/ListTodos?encoding=json&message=" + url.QueryEscape(`{"pageSize":`+value+`}`),
		} {
			res := s.do(t, "GET", path, "", s.bearer("u")...)
			checkBroken(t, fmt.Sprintf("GET %.80s", path), "pageSize", restError([]byte(res.body)))
		}
	}
	for _, way := range rawJSONWays() {
		err := s.callRaw(t, way, "ListTodos", []byte(`{"isCompleted":"true"}`), s.issuer.Token("u"))
		checkBroken(t, "isCompleted over "+way.name, "isCompleted", err)
	}
}

// checkBroken checks that a message was refused as broken, by the name of the
// field where there is one, without a word about the program that read it.
func checkBroken(t *testing.T, what, field string, err error) {
	t.Helper()
	checkCode(t, what, err, connect.CodeInvalidArgument)
	if err == nil {
		return
	}
	if !strings.Contains(err.Error(), field) || len(err.Error()) > 600 {
		t.Errorf("%s: %v, want the field %q named", what, err, field)
	}
	if found := goType.FindString(err.Error()); found != "" {
		t.Errorf("%s: the answer tells %q: %v", what, found, err)
	}
}

// TestTheBoundOfAMessageIsExactInEveryForm sends 65536 bytes and one more:
// with a Content-Length and in chunks, in JSON and in protobuf.
func TestTheBoundOfAMessageIsExactInEveryForm(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	const bound = 65536
	// An unknown field of the binary format, which is passed over.
	padded := func(size int) []byte {
		message := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), "a")
		message = protowire.AppendTag(message, 100, protowire.BytesType)
		return protowire.AppendBytes(message, make([]byte, size-len(message)-3)) // 3 bytes of length.
	}
	for size, ok := range map[int]bool{bound: true, bound + 1: false} {
		for _, way := range rawWays() {
			message := padded(size)
			if len(message) != size {
				t.Fatalf("%d bytes, want %d", len(message), size)
			}
			err := s.callRaw(t, way, "CreateTodo", message, s.issuer.Token("u"))
			if ok && err != nil {
				t.Errorf("%d bytes over %s: %v", size, way.name, err)
			} else if !ok {
				checkCode(t, fmt.Sprintf("%d bytes over %s", size, way.name), err, connect.CodeResourceExhausted)
			}
		}
		body := `{"title":"a"}` + strings.Repeat(" ", size-len(`{"title":"a"}`))
		for _, way := range rawJSONWays() {
			err := s.callRaw(t, way, "CreateTodo", []byte(body), s.issuer.Token("u"))
			if ok && err != nil {
				t.Errorf("%d bytes over %s: %v", size, way.name, err)
			} else if !ok {
				checkCode(t, fmt.Sprintf("%d bytes over %s", size, way.name), err, connect.CodeResourceExhausted)
			}
		}
		want := map[bool]int{true: http.StatusOK, false: http.StatusTooManyRequests}[ok]
		for _, path := range []string{"/api/todos", createPath} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+path,
				io.NopCloser(bufio.NewReaderSize(strings.NewReader(body), 1000))) // Of a length that the client can't know.
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("Authorization", s.bearer("u")[1])
			res, err := s.http.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			if answer := read(t, res); answer.status != want {
				t.Errorf("%d bytes in chunks to %s: %d %s", size, path, answer.status, answer.body)
			}
		}
	}
}
