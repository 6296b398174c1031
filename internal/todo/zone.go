package todo

import (
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"time"
)

// zoneNames are the names of Go's copy of the IANA time zone database, each in a line of
// its own. make generate writes them.
//
//go:embed zonenames.txt
var zoneNames string

// ErrZone means that a text names no time zone. Its text is for callers.
var ErrZone = errors.New("must be a name of the IANA time zone database, such as Europe/Berlin")

// LoadZone returns the time zone with a name of the IANA database. It fails for all else
// that a machine may have a zone for, such as "Local", so that every machine takes the
// same names. It fails with ErrZone.
func LoadZone(name string) (*time.Location, error) {
	isKnown := strings.HasPrefix(zoneNames, name+"\n") || strings.Contains(zoneNames, "\n"+name+"\n")
	if name == "" || strings.Contains(name, "\n") || !isKnown {
		return nil, ErrZone
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("todo: %w", err)
	}
	return zone, nil
}

// InstantOf returns the instant at which clocks in a zone show a local time, which is
// given as if it were UTC. A time that comes twice, when clocks go back, is the first of
// the two. One that does not come, when they go forward, is taken with the offset of
// before: 02:30 is as long after midnight as on any other day (RFC 5545 section 3.3.5).
func InstantOf(local time.Time, zone *time.Location) time.Time {
	// Before any time whose clocks might show the local one: offsets are less than a day.
	const earlier = 48 * time.Hour
	_, before := local.Add(-earlier).In(zone).Zone()
	for at := local.Add(-earlier).In(zone); ; {
		_, offset := at.Zone()
		start, end := at.ZoneBounds()
		instant := local.Add(-time.Duration(offset) * time.Second)
		switch {
		case !start.IsZero() && instant.Before(start):
			return local.Add(-time.Duration(before) * time.Second)
		case end.IsZero() || instant.Before(end):
			return instant
		}
		before, at = offset, end
	}
}
