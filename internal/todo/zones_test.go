package todo

import (
	"errors"
	"sort"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // So that every machine has the same.
)

// TestInstantsEndWithEveryYear is about the last days of years, of which Go says for leap
// years that they have ended.
func TestInstantsEndWithEveryYear(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Europe/Berlin", "Australia/Sydney", "Africa/Casablanca"} {
		zone, err := LoadZone(name)
		if err != nil {
			t.Fatal(err)
		}
		for year := 2036; year < 2110; year++ {
			local := time.Date(year, time.December, 30, 12, 0, 0, 0, time.UTC)
			for range 4 {
				if shown := InstantOf(local, zone).In(zone).Format(time.DateTime); shown != local.Format(time.DateTime) {
					t.Errorf("%v in %s is at %s there", local, name, shown)
				}
				local = local.AddDate(0, 0, 1)
			}
		}
	}
}

// instantBy does with a zone's offsets what SQL does.
func instantBy(offsets []LocalOffset, local time.Time) time.Time {
	i := sort.Search(len(offsets)-1, func(i int) bool { return offsets[i+1].From.After(local) })
	return local.Add(-offsets[i].Offset)
}

func TestTheOffsetsOfEveryZoneMakeTheInstantsThatThereAre(t *testing.T) {
	t.Parallel()
	names := strings.Fields(zoneNames)
	if len(names) < 500 {
		t.Fatalf("%d zones", len(names))
	}
	var zones zones
	for i, name := range names {
		if testing.Short() && i%10 > 0 {
			continue
		}
		zone, err := zones.load(name)
		if err != nil {
			t.Fatal(err)
		}
		offsets := zone.Offsets()
		for i, at := range offsets[1:] {
			if i > 0 && !at.From.After(offsets[i].From) {
				t.Errorf("%s: the times are in disorder at %v", name, at.From)
			}
			if i > 130 {
				continue // The same rules go on.
			}
			// Before, within and after what is shown twice or never.
			for _, minutes := range []int{-90, -60, -30, -1, 0, 1, 30, 60, 90} {
				local := at.From.Add(time.Duration(minutes) * time.Minute)
				if got, want := instantBy(offsets, local), InstantOf(local, zone.location); !got.Equal(want) {
					t.Errorf("%s: %v is at %v, want %v", name, local, got, want)
				}
			}
		}
	}
}

func TestADayBeginsWhenTheZonesClocksShowIt(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ zone, day, begin, end string }{
		"UTC, without a zone":                              {"", "2026-11-29", "2026-11-29T00:00:00Z", "2026-11-30T00:00:00Z"},
		"the last place on earth":                          {"Pacific/Honolulu", "2026-11-29", "2026-11-29T10:00:00Z", "2026-11-30T10:00:00Z"},
		"the first place on earth":                         {"Pacific/Kiritimati", "2026-11-29", "2026-11-28T10:00:00Z", "2026-11-29T10:00:00Z"},
		"23 hours, as clocks go forward":                   {"Europe/Berlin", "2026-03-29", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"},
		"25 hours, as they go back":                        {"Europe/Berlin", "2026-10-25", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"},
		"a leap day":                                       {"Europe/Berlin", "2028-02-29", "2028-02-28T23:00:00Z", "2028-02-29T23:00:00Z"},
		"a day whose midnight does not come: at 01:00":     {"Africa/Cairo", "2026-04-24", "2026-04-23T22:00:00Z", "2026-04-24T21:00:00Z"},
		"a day whose midnight comes twice: at the first":   {"America/Havana", "2026-11-01", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z"},
		"a day that a country left out begins as the next": {"Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00Z", "2011-12-30T10:00:00Z"},
		"the last day of a leap year":                      {"Europe/Berlin", "2040-12-31", "2040-12-30T23:00:00Z", "2040-12-31T23:00:00Z"},
		"the last day that there is":                       {"Asia/Tokyo", "9999-12-31", "9999-12-30T15:00:00Z", "9999-12-31T15:00:00Z"},
	} {
		zone, err := NewService(nil, nil).Zone(test.zone)
		if err != nil {
			t.Fatal(err)
		}
		for what, bound := range map[string]struct {
			of   func(string) (time.Time, error)
			want string
		}{"begins": {zone.Begin, test.begin}, "ends": {zone.End, test.end}} {
			got, err := bound.of(test.day)
			if err != nil || got.Format(time.RFC3339) != bound.want {
				t.Errorf("%s %s at %v, %v, want %s", name, what, got, err, bound.want)
			}
		}
	}
}

func TestAQuerysUnknownZoneNamesItsField(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Local", "posixrules", "Europe/Atlantis", "europe/berlin", "../etc/passwd"} {
		zone, err := NewService(nil, nil).Zone(name)
		invalid, ok := errors.AsType[*FieldError](err)
		if !ok || invalid.Field != FieldTimeZone || zone != nil {
			t.Errorf("%s: %v, %v", name, zone, err)
		}
	}
}
