package todo_test

import (
	"regexp"
	"testing"
	"time"

	"example.com/todo-backend/internal/todo"
)

func position(at time.Time) string {
	return string(todo.Todo{CreatedAt: at}.AppendPosition(nil))
}

func TestThePositionOfATodoWithoutOneFollowsFromItsCreation(t *testing.T) {
	t.Parallel()
	isKey := regexp.MustCompile(`^M[0-9a-f]{14}$`) // A whole number of fractional-indexing.
	// The latest first.
	times := []time.Time{
		time.UnixMicro(1<<63 - 1),
		time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC),
		time.UnixMicro(1<<56 - 1),
		time.UnixMicro(1<<56 - 2),
		time.Date(2026, 11, 23, 10, 15, 30, 123_457_000, time.UTC),
		time.Date(2026, 11, 23, 10, 15, 30, 123_456_000, time.UTC),
		time.UnixMicro(1),
		time.UnixMicro(0),
		time.UnixMicro(-1),
		{},
		time.UnixMicro(-1 << 63),
	}
	for i, at := range times {
		key := position(at)
		if !isKey.MatchString(key) || len(key) != todo.PositionLength {
			t.Errorf("%v: %s", at, key)
		}
		if isWithin := 3 <= i && i <= 7; i > 0 && (isWithin && position(times[i-1]) >= key || position(times[i-1]) > key) {
			t.Errorf("%v is before %v", times[i-1], at)
		}
	}
	// By the definition, worked out elsewhere.
	if got := position(times[5]); got != "Mf99f112066893f" {
		t.Errorf("%v: %s", times[5], got)
	}
	if first, last := position(times[0]), position(times[len(times)-1]); first != "M00000000000000" || last != "Mffffffffffffff" {
		t.Errorf("from %s to %s", first, last)
	}
	if got := string(todo.Todo{Position: "a0V"}.AppendPosition([]byte("x"))); got != "xa0V" {
		t.Errorf("a position of its own: %s", got)
	}
}
