package todo_test

import (
	"errors"
	"testing"
	"time"
	_ "time/tzdata" // As the service has it, where the machine has none.

	"example.com/todo-backend/internal/todo"
)

func TestTheInstantOfALocalTime(t *testing.T) {
	t.Parallel()
	for reason, test := range map[string]struct{ date, time, zone, want string }{
		"an offset of whole hours": {"2026-12-01", "09:00", "Europe/Berlin", "2026-12-01T08:00:00Z"},
		"daylight saving":          {"2026-07-01", "09:00", "Europe/Berlin", "2026-07-01T07:00:00Z"},
		"UTC":                      {"2026-12-01", "09:00", "UTC", "2026-12-01T09:00:00Z"},
		"the earliest zone: it is the day before elsewhere":           {"2026-12-01", "00:30", "Pacific/Kiritimati", "2026-11-30T10:30:00Z"},
		"the latest zone: it is the day after elsewhere":              {"2026-12-01", "23:30", "Pacific/Honolulu", "2026-12-02T09:30:00Z"},
		"an offset of three quarters of an hour":                      {"2026-12-01", "09:00", "Asia/Kathmandu", "2026-12-01T03:15:00Z"},
		"a leap day":                                                  {"2028-02-29", "12:00", "America/New_York", "2028-02-29T17:00:00Z"},
		"an hour that does not exist: with the offset of before":      {"2026-03-29", "02:30", "Europe/Berlin", "2026-03-29T01:30:00Z"},
		"its first minute is the same as the first after it":          {"2026-03-29", "02:00", "Europe/Berlin", "2026-03-29T01:00:00Z"},
		"its last minute":                                             {"2026-03-29", "02:59", "Europe/Berlin", "2026-03-29T01:59:00Z"},
		"the minute before it":                                        {"2026-03-29", "01:59", "Europe/Berlin", "2026-03-29T00:59:00Z"},
		"the minute after it":                                         {"2026-03-29", "03:00", "Europe/Berlin", "2026-03-29T01:00:00Z"},
		"an hour that comes twice: the first of the two":              {"2026-10-25", "02:30", "Europe/Berlin", "2026-10-25T00:30:00Z"},
		"the minute before it comes":                                  {"2026-10-25", "01:59", "Europe/Berlin", "2026-10-24T23:59:00Z"},
		"the minute after both":                                       {"2026-10-25", "03:00", "Europe/Berlin", "2026-10-25T02:00:00Z"},
		"an hour that does not exist, west of Greenwich":              {"2026-03-08", "02:30", "America/New_York", "2026-03-08T07:30:00Z"},
		"an hour that comes twice, west of Greenwich":                 {"2026-11-01", "01:30", "America/New_York", "2026-11-01T05:30:00Z"},
		"half an hour that does not exist":                            {"2026-10-04", "02:15", "Australia/Lord_Howe", "2026-10-03T15:45:00Z"},
		"half an hour that comes twice":                               {"2026-04-05", "01:45", "Australia/Lord_Howe", "2026-04-04T14:45:00Z"},
		"midnight does not exist":                                     {"2024-04-26", "00:30", "Africa/Cairo", "2024-04-25T22:30:00Z"},
		"the whole day does not exist: Samoa went over the date line": {"2011-12-30", "12:00", "Pacific/Apia", "2011-12-30T22:00:00Z"},
		"daylight saving in winter: Dublin's summer is its standard":  {"2026-03-29", "01:30", "Europe/Dublin", "2026-03-29T01:30:00Z"},
		"beyond the transitions that are listed: by the rule":         {"2150-07-01", "09:00", "Europe/Berlin", "2150-07-01T07:00:00Z"},
		"before standard time: local mean time, with seconds":         {"1880-01-01", "12:00", "Europe/Berlin", "1880-01-01T11:06:32Z"},
		"the first day":                                               {"0001-01-01", "00:00", "Pacific/Kiritimati", "0001-01-01T10:29:20Z"},
		"the last minute":                                             {"9999-12-31", "23:59", "Pacific/Honolulu", "10000-01-01T09:59:00Z"},
		"the name of old of a zone":                                   {"2026-12-01", "09:00", "Asia/Calcutta", "2026-12-01T03:30:00Z"},
	} {
		got, err := todo.Due{Date: test.date, Time: test.time, Zone: test.zone}.At()
		if text := got.UTC().Format("2006-01-02T15:04:05Z"); err != nil || text != test.want {
			t.Errorf("%s: %s, %v, want %s", reason, text, err, test.want)
		}
	}
	if at, err := (todo.Due{Date: "2026-12-01", Time: "09:00"}).At(); err != nil || !at.IsZero() {
		t.Errorf("a floating time is at %v, %v", at, err)
	}
}

func TestTheInstantOfADayThatDoesNotExistIsADefect(t *testing.T) {
	t.Parallel()
	if at, err := (todo.Due{Date: "2026-02-30", Time: "09:00", Zone: "UTC"}).At(); err == nil || errors.Is(err, todo.ErrInvalid) {
		t.Errorf("At: %v, %v, want an error that is a defect's", at, err)
	}
}

func TestADueDateIsMergedWithItsChange(t *testing.T) {
	t.Parallel()
	var none *string
	full := todo.Due{Date: "2026-12-01", Time: "09:00", Zone: "Europe/Berlin"}
	for name, test := range map[string]struct {
		due              todo.Due
		date, time, zone *string
		want             todo.Due
		fault            todo.Field
		isWhole          bool
	}{
		"nothing":                               {full, nil, nil, nil, full, "", false},
		"another day":                           {full, new("2027-01-02"), nil, nil, todo.Due{Date: "2027-01-02", Time: "09:00", Zone: "Europe/Berlin"}, "", false},
		"another time":                          {full, nil, new("10:00"), nil, todo.Due{Date: "2026-12-01", Time: "10:00", Zone: "Europe/Berlin"}, "", false},
		"another zone":                          {full, nil, nil, new("UTC"), todo.Due{Date: "2026-12-01", Time: "09:00", Zone: "UTC"}, "", false},
		"no day, and so neither time nor zone":  {full, new(""), nil, nil, todo.Due{}, "", true},
		"no time, and so no zone":               {full, nil, new(""), nil, todo.Due{Date: "2026-12-01"}, "", false},
		"no zone":                               {full, nil, nil, new(""), todo.Due{Date: "2026-12-01", Time: "09:00"}, "", false},
		"all":                                   {full, new("2027-01-02"), new("10:00"), new("UTC"), todo.Due{Date: "2027-01-02", Time: "10:00", Zone: "UTC"}, "", true},
		"a whole day":                           {full, new("2027-01-02"), new(""), nil, todo.Due{Date: "2027-01-02"}, "", true},
		"nothing left, each part":               {full, new(""), new(""), new(""), todo.Due{}, "", true},
		"a time without a day":                  {todo.Due{}, nil, new("10:00"), nil, todo.Due{}, todo.FieldDueTime, false},
		"a time, and no day any more":           {full, new(""), new("10:00"), nil, todo.Due{}, todo.FieldDueTime, true},
		"a zone without a time":                 {todo.Due{Date: "2026-12-01"}, nil, nil, new("UTC"), todo.Due{}, todo.FieldDueTimeZone, false},
		"a zone, and no time any more":          {full, nil, new(""), new("UTC"), todo.Due{}, todo.FieldDueTimeZone, false},
		"a zone, and no day any more":           {full, new(""), none, new("UTC"), todo.Due{}, todo.FieldDueTimeZone, true},
		"a time for a day that has none so far": {todo.Due{Date: "2026-12-01"}, nil, new("10:00"), new("UTC"), todo.Due{Date: "2026-12-01", Time: "10:00", Zone: "UTC"}, "", false},
	} {
		change := todo.DueChange{Date: test.date, Time: test.time, Zone: test.zone}
		got, err := change.Merge(test.due)
		fault, _ := errors.AsType[*todo.FieldError](err)
		switch {
		case test.fault == "" && (err != nil || got != test.want):
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, test.want)
		case test.fault != "" && (fault == nil || fault.Field != test.fault):
			t.Errorf("%s: %v, want a fault of %s", name, err, test.fault)
		}
		if change.IsWhole() != test.isWhole {
			t.Errorf("%s: whole is %v", name, change.IsWhole())
		}
		if other, otherErr := change.Merge(todo.Due{Date: "1999-01-01", Time: "00:00", Zone: "Asia/Tokyo"}); test.isWhole && (other != got || (otherErr == nil) != (err == nil)) {
			t.Errorf("%s: whole, and yet it makes %+v of one due date and %+v of another", name, got, other)
		}
	}
}

// FuzzInstantOf compares with a search through all offsets that a zone has around the
// local time.
func FuzzInstantOf(f *testing.F) {
	for _, zone := range []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Casablanca"} {
		for _, local := range []string{"2026-03-29T02:30", "2026-10-25T02:30", "2011-12-30T12:00", "1893-04-01T00:03"} {
			at, err := time.Parse("2006-01-02T15:04", local)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(at.Unix(), zone)
		}
	}
	f.Fuzz(func(t *testing.T, seconds int64, name string) {
		zone, err := todo.LoadZone(name)
		if err != nil || !todo.IsTime(time.Unix(seconds, 0)) {
			return
		}
		local := time.Unix(seconds, 0).UTC()
		got := todo.InstantOf(local, zone)
		shows := func(at time.Time) bool {
			_, offset := at.In(zone).Zone()
			return at.Add(time.Duration(offset) * time.Second).Equal(local)
		}
		// Each offset of two days before and after, from 15 minutes to 15 minutes.
		var first time.Time
		offsets := make(map[int]bool)
		for at := local.Add(-48 * time.Hour); at.Before(local.Add(48 * time.Hour)); at = at.Add(15 * time.Minute) {
			_, offset := at.In(zone).Zone()
			offsets[offset] = true
		}
		for offset := range offsets {
			if at := local.Add(-time.Duration(offset) * time.Second); shows(at) && (first.IsZero() || at.Before(first)) {
				first = at
			}
		}
		switch {
		case !first.IsZero() && !got.Equal(first):
			t.Errorf("%v in %s is %v, want %v, which is the first to show it", local, name, got.UTC(), first)
		case first.IsZero() && shows(got):
			t.Errorf("%v in %s is %v", local, name, got.UTC())
		case first.IsZero() && !shows(got):
			// The clocks show a later time then, and an earlier one just before the gap.
			if _, offset := got.In(zone).Zone(); !got.Add(time.Duration(offset) * time.Second).After(local) {
				t.Errorf("%v in %s does not exist, and is %v", local, name, got.In(zone))
			}
		}
	})
}
