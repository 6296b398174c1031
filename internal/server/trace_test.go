package server

import (
	"net/http"
	"testing"
)

func TestCallersTraceIDs(t *testing.T) {
	t.Parallel()
	const id, rest = "0af7651916cd43dd8448eb211c80319c", "-b7ad6b7169203331-01"
	for _, test := range []struct {
		name   string
		header []string
		want   string
	}{
		{"none", nil, ""},
		{"one", []string{"00-" + id + rest}, id},
		{"not sampled", []string{"00-" + id + "-b7ad6b7169203331-00"}, id},
		{"of a later version", []string{"cc-" + id + rest + "-what-comes"}, id},
		{"two", []string{"00-" + id + rest, "00-" + id + rest}, ""},
		{"empty", []string{""}, ""},
		{"short", []string{"00-" + id[1:] + rest}, ""},
		{"longer", []string{"00-" + id + rest + "-x"}, ""},
		{"of a later version, longer", []string{"cc-" + id + rest + "x"}, ""},
		{"of no version", []string{"ff-" + id + rest}, ""},
		{"in upper case", []string{"00-0AF7651916CD43DD8448EB211C80319C" + rest}, ""},
		{"no hex", []string{"00-\"af7651916cd43dd8448eb211c80319\n" + rest}, ""},
		{"zeros", []string{"00-00000000000000000000000000000000" + rest}, ""},
		{"no parent", []string{"00-" + id + "-0000000000000000-01"}, ""},
		{"other separators", []string{"00_" + id + "_b7ad6b7169203331_01"}, ""},
	} {
		if got := callersTraceID(http.Header{"Traceparent": test.header}); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}
