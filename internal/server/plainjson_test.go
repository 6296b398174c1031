package server

import (
	"encoding/json"
	"testing"
)

func TestMessagesAreWrittenWithoutEscapesForHTML(t *testing.T) {
	t.Parallel()
	for message, want := range map[string]string{
		`plain`:              `"plain"`,
		`Bearer <token> & "`: `"Bearer <token> & \""`,
		`\u003c`:             `"\\u003c"`,
		`\<`:                 `"\\<"`,
		"\x00\n<":            `"\u0000\n<"`,
		"é\u2028>":           `"é\u2028>"`,
	} {
		text, err := json.Marshal(message)
		if err != nil {
			t.Fatal(err)
		}
		got := string(plainJSON(text))
		if got != want {
			t.Errorf("%q is written %s, want %s", message, got, want)
		}
		var read string
		if err := json.Unmarshal([]byte(got), &read); err != nil || read != message {
			t.Errorf("%s is read as %q, %v", got, read, err)
		}
	}
	if got := string(plainJSON([]byte(`"\`))); got != `"\` {
		t.Errorf("what is no JSON becomes %s", got)
	}
}
