package todo_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/todo-backend/internal/todo"
)

func TestTagsAreASetWhateverTheirCase(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		written []string
		want    todo.Tags
	}{
		"none":                             {nil, nil},
		"the first stays as it is written": {[]string{"Home", "home", "HOME"}, todo.Tags{"Home"}},
		"in the order of what they are compared by": {[]string{"b", "C", "a"}, todo.Tags{"a", "b", "C"}},
		"a letter of two code points is one":        {[]string{"cafe\u0301", "CAF\u00c9"}, todo.Tags{"cafe\u0301"}},
		"a sharp s is two":                          {[]string{"Straße", "STRASSE"}, todo.Tags{"Straße"}},
		"Greek sigma, at the end and elsewhere":     {[]string{"ΣΑΣ", "σας"}, todo.Tags{"ΣΑΣ"}},
		"accents count":                             {[]string{"resume", "résumé"}, todo.Tags{"resume", "résumé"}},
		"Turkish dotted I is none of the others":    {[]string{"i", "I", "İ", "ı"}, todo.Tags{"i", "İ", "ı"}},
		"Cherokee":                                  {[]string{"Ꮳ", "ꮳ", "ᏸ", "Ᏸ"}, todo.Tags{"Ꮳ", "ᏸ"}},
		"the characters of JSON":                    {[]string{`"`, `\`, "é"}, todo.Tags{`"`, `\`, "é"}},
	} {
		got := todo.NewTags(test.written)
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(got, todo.NewTags(got)); diff != "" {
			t.Errorf("%s, again:\n%s", name, diff)
		}
		if diff := cmp.Diff(got, todo.TagsByFolded(got.ByFolded())); diff != "" {
			t.Errorf("%s, by what they are compared by:\n%s", name, diff)
		}
	}
}

func TestTagsAreReplacedThenRemovedThenAdded(t *testing.T) {
	t.Parallel()
	there := todo.Tags{"Home", "work"}
	for name, test := range map[string]struct {
		change todo.TagsChange
		want   todo.Tags
	}{
		"nothing":                     {todo.TagsChange{}, there},
		"others":                      {todo.TagsChange{Replace: &todo.Tags{"x"}}, todo.Tags{"x"}},
		"none":                        {todo.TagsChange{Replace: new(todo.Tags)}, nil},
		"one more":                    {todo.TagsChange{Add: todo.Tags{"x"}}, todo.Tags{"Home", "work", "x"}},
		"one that is there":           {todo.TagsChange{Add: todo.Tags{"HOME"}}, there},
		"one fewer, in whatever case": {todo.TagsChange{Remove: todo.Tags{"home", "none such"}}, todo.Tags{"work"}},
		"written in another way":      {todo.TagsChange{Remove: todo.Tags{"home"}, Add: todo.Tags{"HOME"}}, todo.Tags{"HOME", "work"}},
		"all at once":                 {todo.TagsChange{Replace: &todo.Tags{"a", "b"}, Remove: todo.Tags{"A"}, Add: todo.Tags{"c", "B"}}, todo.Tags{"b", "c"}},
	} {
		got, err := test.change.Merge(there)
		if diff := cmp.Diff(test.want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
	var twenty, further todo.Tags
	for i := range todo.MaxTags {
		twenty, further = append(twenty, fmt.Sprintf("%02d", i)), append(further, fmt.Sprintf("further %02d", i))
	}
	if got, err := (todo.TagsChange{Add: further[:1]}).Merge(twenty[1:]); err != nil || len(got) != todo.MaxTags {
		t.Errorf("20 tags: %v, %v", got, err)
	}
	_, err := todo.TagsChange{Add: further[:1]}.Merge(twenty)
	if fault, ok := errors.AsType[*todo.FieldError](err); !ok || fault.Field != todo.FieldAddTags {
		t.Errorf("21 tags: %v, want a fault of %s", err, todo.FieldAddTags)
	}
	if got, err := (todo.TagsChange{Add: further, Remove: twenty}).Merge(twenty); err != nil || len(got) != todo.MaxTags {
		t.Errorf("20 others: %v, %v", got, err)
	}
}

func FuzzFoldTag(f *testing.F) {
	for _, tag := range []string{"Home", "ǰ", "İ", "ŉ", "ΐ", "ᾳ", "\u0345\u0301", "ß", "ﬃ", "\u1e9e", "ᏸ", "\xff", "\u0f71\u0f72"} {
		f.Add(tag)
	}
	f.Fuzz(func(t *testing.T, tag string) {
		folded := todo.FoldTag(tag)
		if again := todo.FoldTag(folded); again != folded {
			t.Errorf("%+q is %+q, which is %+q", tag, folded, again)
		}
	})
}
