package rest

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEntityTagsAreParsedAsRFC9110Writes(t *testing.T) {
	t.Parallel()
	strong := func(opaque string) entityTag { return entityTag{opaque: opaque} }
	for name, test := range map[string]struct {
		lines []string
		tags  []entityTag
		isAny bool
		ok    bool
	}{
		"one":                   {[]string{`"a"`}, []entityTag{strong("a")}, false, true},
		"an empty one":          {[]string{`""`}, []entityTag{strong("")}, false, true},
		"a weak one":            {[]string{`W/"a"`}, []entityTag{{"a", true}}, false, true},
		"several":               {[]string{`"a", W/"b" ,"c"`}, []entityTag{strong("a"), {"b", true}, strong("c")}, false, true},
		"on several lines":      {[]string{`"a"`, `"b"`}, []entityTag{strong("a"), strong("b")}, false, true},
		"a comma in it":         {[]string{`"a,b"`}, []entityTag{strong("a,b")}, false, true},
		"empty elements":        {[]string{`, "a",, ,"b",`}, []entityTag{strong("a"), strong("b")}, false, true},
		"any":                   {[]string{" * "}, nil, true, true},
		"nothing":               {[]string{""}, nil, false, true},
		"any, among others":     {[]string{`"a", *`}, nil, false, false},
		"no quotes":             {[]string{`a`}, nil, false, false},
		"open":                  {[]string{`"a`}, nil, false, false},
		"no comma":              {[]string{`"a" "b"`}, nil, false, false},
		"a word behind":         {[]string{`"a"b`}, nil, false, false},
		"a space in it":         {[]string{`"a b"`}, nil, false, false},
		"a weak mark, in lower": {[]string{`w/"a"`}, nil, false, false},
	} {
		tags, isAny, ok := parseTags(test.lines)
		if isAny != test.isAny || ok != test.ok {
			t.Errorf("%s: any = %v, ok = %v", name, isAny, ok)
		}
		if diff := cmp.Diff(test.tags, tags, cmp.AllowUnexported(entityTag{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func FuzzParseTags(f *testing.F) {
	for _, seed := range []string{`"a", W/"b"`, "*", `,"a,b",`, `"a" "b"`, `"é"`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		tags, isAny, ok := parseTags([]string{line})
		if !ok || isAny {
			if len(tags) > 0 {
				t.Errorf("%q: %v", line, tags)
			}
			return
		}
		texts := make([]string, len(tags))
		for i, tag := range tags {
			texts[i] = `"` + tag.opaque + `"`
			if tag.isWeak {
				texts[i] = "W/" + texts[i]
			}
		}
		again, isAny, ok := parseTags([]string{strings.Join(texts, ", ")})
		if diff := cmp.Diff(tags, again, cmp.AllowUnexported(entityTag{})); diff != "" || isAny || !ok {
			t.Errorf("%q, written anew: %v\n%s", line, ok, diff)
		}
		if etag, isCondition, err := ifMatch(http.Header{"If-Match": {line}}); (err == nil) != (len(tags) == 1) || isCondition != (err == nil) || err != nil && etag != "" {
			t.Errorf("%q has %d tags and is the condition %q, %v", line, len(tags), etag, err)
		}
	})
}
