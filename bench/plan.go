package main

import (
	"fmt"
	"regexp"
	"slices"
	"time"

	"example.com/todo-backend/bench/internal/load"
)

// options are what the command line says.
type options struct {
	todod    string
	settings []string // Of the service, each NAME=VALUE.
	data     string   // Folder for the database's.
	results  string   // Folder.
	picture  string   // File, empty for none.
	profile  string   // File, empty to measure rather than to profile.

	// The other service to compare with: its binary, empty for the same, and what
	// it has besides settings. With neither there is none.
	beside         string
	besideSettings []string

	window time.Duration
	rounds int
	full   bool
	large  dataset // None when it has no todos.
	only   *regexp.Regexp
}

// combination is one line of the table.
type combination struct {
	scenario scenario
	protocol load.Protocol
	callers  int
}

func (c combination) String() string {
	return fmt.Sprintf("%s/%s/%d", c.scenario.name, c.protocol, c.callers)
}

// mostCallers and usualCallers are the numbers of callers that goals are about.
const (
	usualCallers = 100
	mostCallers  = 500
)

// plan returns what is measured of a scenario: everything when full; else
// every protocol with the usual number of callers, and with fewer and more
// where the scenario is the plainest or the most like real use.
func (o options) plan(s scenario) []combination {
	var all []combination
	for _, callers := range []int{1, 16, usualCallers, mostCallers} {
		for _, protocol := range load.Protocols() {
			c := combination{s, protocol, callers}
			usual := callers == usualCallers || s.name == string(load.Get) || s.name == "mix" && protocol == load.ConnectBinary
			if (usual || o.full) && o.wanted(c) {
				all = append(all, c)
			}
		}
	}
	return all
}

func (o options) wanted(c combination) bool { return o.only == nil || o.only.MatchString(c.String()) }

// largePlan returns what is measured on the large dataset: enough to compare
// with the small one.
func (o options) largePlan(s scenario) []combination {
	return slices.DeleteFunc(o.plan(s), func(c combination) bool {
		return c.callers != usualCallers || c.protocol != load.ConnectBinary
	})
}

// openPlan returns what is measured at given rates.
func (o options) openPlan(s scenario) []combination {
	return slices.DeleteFunc(o.plan(s), func(c combination) bool {
		return c.callers != usualCallers || s.name != string(load.Get) && s.name != "mix" && !o.full
	})
}

// fractions returns the rates of open-loop measurements, as parts of the
// highest rate.
func (o options) fractions() []float64 {
	if o.full {
		return []float64{0.10, 0.25, 0.40, 0.50, 0.60, 0.75, 0.85}
	}
	return []float64{0.25, 0.50, 0.75}
}

// rotated returns the combinations from another one on each round, so that
// none profits from its place.
func rotated(all []combination, round int) []combination {
	if len(all) == 0 {
		return nil
	}
	at := round % len(all)
	return slices.Concat(all[at:], all[:at])
}
