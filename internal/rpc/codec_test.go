package rpc

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	todov1 "example.com/todo-backend/gen/todo/v1"
)

func TestJSONIsWrittenTheSameByteForByte(t *testing.T) {
	t.Parallel()
	created := timestamppb.New(time.Date(2026, 11, 23, 10, 15, 30, 123456000, time.UTC))
	for _, test := range []struct {
		name    string
		message proto.Message
		want    string
	}{
		{
			"fields without presence are written, absent ones are not",
			&todov1.Todo{Id: "i", Title: "<t> & é", CreatedAt: created, UpdatedAt: created},
			`{"id":"i","title":"<t> & é","isCompleted":false,` +
				`"createdAt":"2026-11-23T10:15:30.123456Z","updatedAt":"2026-11-23T10:15:30.123456Z","tags":[]}`,
		},
		{"an empty page", &todov1.ListTodosResponse{}, `{"todos":[],"nextPageToken":""}`},
	} {
		got, err := newJSONCodec().Marshal(test.message)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != test.want {
			t.Errorf("%s:\n got %s\nwant %s", test.name, got, test.want)
		}
	}
}

func TestJSONIsReadStrictly(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, body string
		want       string // What the error says; "" when there is none.
	}{
		{"an object", `{"title":"a","isCompleted":true}`, ""},
		{"either spelling", `{"is_completed":true}`, ""},
		{"white space around", " \r\n\t{\"title\":\"a\"}\n", ""},
		{"the letter n in a string", `{"title":"null \" \\"}`, ""},
		{"no object", ``, "the body is empty"},
		{"an unknown field", `{"titel":"a"}`, `unknown field "titel"`},
		{"a field that is never given", `{"createdAt":"2026-11-23T10:15:30Z"}`, `unknown field "createdAt"`},
		{"a key given twice", `{"title":"a","title":"b"}`, `duplicate field "title"`},
		{"a key given in both spellings", `{"isCompleted":true,"is_completed":false}`, "duplicate field"},
		{"something after the object", `{"title":"a"}{}`, "unexpected token"},
		{"null", `{"title":null}`, `null at "title"; leave the field out`},
		{"null after a value", `{"title":"a","isCompleted": null }`, `null at "isCompleted"`},
		{"null after one that clears", `{"description":null,"title":null}`, `null at "title"`},
		{"null in a list", `{"addTags":["a",null]}`, "invalid value for string"},
		{"null for a list", `{"addTags":null}`, `null at "addTags"`},
		{"null in a message", `{"tags":{"values":null}}`, `null at "values"`},
		{"null for the condition", `{"etag":null}`, `null at "etag"`},
		{"null for what is cleared by it", `{"description":null,"due_date":null}`, ""},
		{"a number for a string", `{"title":5}`, "invalid value for string field title"},
		{"a string for a bool", `{"isCompleted":"true"}`, "invalid value for bool field isCompleted"},
		{"an array", `[]`, "unexpected token ["},
		{"a bare null", `null`, "unexpected token null"},
		{"an unfinished object", `{"title":"a"`, "unexpected EOF"},
		{"invalid UTF-8", "{\"title\":\"\xff\"}", "invalid UTF-8"},
		{"a lone surrogate", `{"title":"\ud800"}`, "unexpected EOF"},
		{"a byte order mark", "\ufeff{}", "syntax error"},
		{"deep nesting", `{"title":` + strings.Repeat("[", 30000), "invalid value"},
		{"a long unknown name", `{"` + strings.Repeat("é", 10000) + `":1}`, "…"},
	} {
		err := jsonCodec{}.Unmarshal([]byte(test.body), new(todov1.UpdateTodoRequest))
		switch {
		case err == nil && test.want != "":
			t.Errorf("%s: read, want an error that says %q", test.name, test.want)
		case err != nil && (test.want == "" || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		case err != nil:
			checkDecodeError(t, err)
		}
	}
}

func TestNumbersBeyondTheirRangeAreRefused(t *testing.T) {
	t.Parallel()
	for body, ok := range map[string]bool{
		`{"pageSize":2147483647}`:  true,
		`{"pageSize":"20"}`:        true,
		`{"pageSize":2147483648}`:  false,
		`{"pageSize":-2147483649}`: false,
		`{"pageSize":1.5}`:         false,
		`{"pageSize":1e400}`:       false,
		`{"pageSize":"0x10"}`:      false,
		`{"pageSize":NaN}`:         false,
	} {
		err := jsonCodec{}.Unmarshal([]byte(body), new(todov1.ListTodosRequest))
		if (err == nil) != ok {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestBrokenProtobufIsRefusedWithoutGoTypes(t *testing.T) {
	t.Parallel()
	for name, data := range map[string][]byte{
		"a broken tag":       {0xff},
		"a length too large": {0x0a, 0x7f, 'a'},
		"invalid UTF-8":      {0x0a, 0x01, 0xff},
	} {
		err := protoCodec{}.Unmarshal(data, new(todov1.CreateTodoRequest))
		if err == nil {
			t.Errorf("%s: read", name)
			continue
		}
		checkDecodeError(t, err)
	}
}

func FuzzReadJSON(f *testing.F) {
	f.Add([]byte(`{"title":"a","description":"\u00e9\n","isCompleted":true}`))
	f.Add([]byte(`{"title":null}`))
	f.Add([]byte(`{"description":null,"tags":null,"due_time":null,"priority":null,"addTags":["a"],"n":[{"a":null}]}`))
	f.Add([]byte(`{"isCompleted":true,"is_completed":false}`))
	f.Add([]byte(`{"title":"\ud83d\ude00","description":"\ud800"}`))
	f.Add([]byte("{\"title\":\"\xff\"} {}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		msg := new(todov1.UpdateTodoRequest)
		if err := (jsonCodec{}).Unmarshal(data, msg); err != nil {
			checkDecodeError(t, err)
			return
		}
		again := new(todov1.UpdateTodoRequest)
		written, err := newJSONCodec().Marshal(msg)
		if err == nil {
			err = jsonCodec{}.Unmarshal(written, again)
		}
		if err != nil || !proto.Equal(msg, again) {
			t.Errorf("%q was read as %v, then as %v, %v", data, msg, again, err)
		}
	})
}

// checkDecodeError checks what holds for every decoding error: it is short,
// printable, and names no Go type.
func checkDecodeError(t *testing.T, err error) {
	t.Helper()
	text := err.Error()
	if len(text) > maxErrorText+100 || !utf8.ValidString(text) || strings.ContainsAny(text, "*\u00a0") && strings.Contains(text, "todov1") {
		t.Errorf("an error that callers should not see: %q", text)
	}
}
