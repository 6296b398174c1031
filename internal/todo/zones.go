package todo

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// Zone is a time zone in which a list is asked for. nil is UTC.
type Zone struct {
	name     string
	location *time.Location
	offsets  func() []LocalOffset
}

// String returns the zone's name.
func (z *Zone) String() string {
	if z == nil {
		return time.UTC.String()
	}
	return z.name
}

// Begin returns the instant at which a day begins in the zone. It fails for a text that is
// no YYYY-MM-DD.
func (z *Zone) Begin(date string) (time.Time, error) { return z.begin(date, 0) }

// End returns the instant at which the next day begins.
func (z *Zone) End(date string) (time.Time, error) { return z.begin(date, 1) }

// begin returns the instant at which the day begins that is so many days later.
func (z *Zone) begin(date string, later int) (time.Time, error) {
	day, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return time.Time{}, fmt.Errorf("todo: %w", err)
	}
	day = day.AddDate(0, 0, later)
	if z == nil {
		return day, nil
	}
	return InstantOf(day, z.location).UTC(), nil
}

// LocalOffset is an offset from UTC and the local time from which it holds, up to the
// next one's. The time is given as if it were UTC.
type LocalOffset struct {
	From   time.Time
	Offset time.Duration
}

// Offsets returns the zone's offsets by local time, with which others can do what
// [InstantOf] does without knowing the zone. The first one holds for all times before, so
// its From says nothing. They are those of 1970 to 2100. Before and after, a todo is
// ordered as if its clocks had never changed then.
func (z *Zone) Offsets() []LocalOffset {
	if z == nil {
		return []LocalOffset{{}}
	}
	return z.offsets()
}

// localOffsets takes half a millisecond.
func localOffsets(location *time.Location) []LocalOffset {
	const (
		begin = 0             // 1970, in seconds of Unix time.
		end   = 4_102_444_800 // 2100.
	)
	at := time.Unix(begin, 0).In(location)
	_, seconds := at.Zone()
	offsets := []LocalOffset{{Offset: time.Duration(seconds) * time.Second}}
	for {
		_, next := zoneBounds(at)
		if next.IsZero() || next.Unix() >= end {
			return offsets
		}
		_, seconds := next.Zone()
		before, after := offsets[len(offsets)-1].Offset, time.Duration(seconds)*time.Second
		if before != after {
			// A local time that does not come, when clocks go forward, has the offset of
			// before, and so has the first of the two, when they go back.
			offsets = append(offsets, LocalOffset{From: next.UTC().Add(max(before, after)), Offset: after})
		}
		at = next
	}
}

// zones keeps the time zones that lists were asked for in: at most as many as there are
// names, of 8 KB each.
type zones struct {
	mu     sync.Mutex
	byName map[string]*Zone
}

// load returns the zone with a name, nil for none. It fails with a [FieldError].
func (zs *zones) load(name string) (*Zone, error) {
	if name == "" {
		return nil, nil //nolint:nilnil // nil is UTC.
	}
	zs.mu.Lock()
	defer zs.mu.Unlock()
	if zone, ok := zs.byName[name]; ok {
		return zone, nil
	}
	location, err := LoadZone(name)
	switch {
	case errors.Is(err, ErrZone):
		return nil, UnknownZone(FieldTimeZone)
	case err != nil:
		return nil, err
	}
	if zs.byName == nil {
		zs.byName = make(map[string]*Zone)
	}
	zone := &Zone{
		name: name, location: location,
		offsets: sync.OnceValue(func() []LocalOffset { return localOffsets(location) }),
	}
	zs.byName[name] = zone
	return zone, nil
}
