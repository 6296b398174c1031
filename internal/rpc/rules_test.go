package rpc

import (
	"strings"
	"testing"
	"time"

	"buf.build/go/protovalidate"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/internal/todo"
)

// FuzzCalendarDate compares the contract's rule with Go's calendar.
func FuzzCalendarDate(f *testing.F) {
	for _, date := range []string{"", "2026-12-01", "2028-02-29", "2026-02-29", "2100-02-29", "2000-02-29", "0000-01-01", "0001-01-01", "9999-12-31", "2026-04-31", "2026-13-01", "2026-1-01", "2026-12-01\n"} {
		f.Add(date)
	}
	f.Fuzz(func(t *testing.T, date string) {
		at, err := time.Parse(time.DateOnly, date)
		isDay := date == "" || err == nil && at.Year() > 0
		if got := protovalidate.Validate(&todov1.CreateTodoRequest{Title: "t", DueDate: &date}) == nil; got != isDay {
			t.Errorf("%q is a day: %v, the rule says %v", date, isDay, got)
		}
	})
}

// FuzzFractionalIndex compares the contract's rule and the domain's with what npm's fractional-indexing
// checks before it makes a key beside another.
func FuzzFractionalIndex(f *testing.F) {
	for _, key := range []string{"", "a0", "a", "Zz", "a00", "a0V", "b0", "b00", "A00000000000000000000000000", "A000000000000000000000000001", "zzzzzzzzzzzzzzzzzzzzzzzzzzz", "0a", "a-"} {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, key string) {
		want := isOrderKey(key)
		if got := protovalidate.Validate(&todov1.CreateTodoRequest{Title: "t", Position: &key}) == nil; got != (want || key == "") {
			t.Errorf("%q is a key: %v, the rule says %v", key, want, got)
		}
		if got := todo.IsPosition(key); got != want {
			t.Errorf("%q is a key: %v, IsPosition says %v", key, want, got)
		}
	})
}

// isOrderKey does what validateOrderKey of the package does, and looks at the digits.
func isOrderKey(key string) bool {
	if key == "" || len(key) > 255 || strings.Trim(key, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") != "" {
		return false
	}
	whole := 0
	switch head := key[0]; {
	case 'a' <= head && head <= 'z':
		whole = int(head-'a') + 2
	case 'A' <= head && head <= 'Z':
		whole = int('Z'-head) + 2
	}
	isLeast := key == "A"+strings.Repeat("0", 26)
	return whole > 0 && whole <= len(key) && !isLeast && (len(key) == whole || key[len(key)-1] != '0')
}

func TestAPositionThatFollowsFromATimeKeepsToTheContract(t *testing.T) {
	t.Parallel()
	for _, at := range []time.Time{{}, time.Unix(0, 0), time.Now(), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), time.UnixMicro(1<<63 - 1)} {
		key := string(todo.Todo{CreatedAt: at}.AppendPosition(nil))
		if err := protovalidate.Validate(&todov1.UpdateTodoRequest{Id: someTodo, Position: &key}); err != nil {
			t.Errorf("%v: %s: %v", at, key, err)
		}
	}
}

const someTodo = "0c9f3b5e-5d0a-4c62-9d3c-0b6f2f1f7a53"
