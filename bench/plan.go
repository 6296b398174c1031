package main

import (
	"fmt"
	"regexp"
	"slices"
	"time"
)

// options are what the command line says.
type options struct {
	todod    string
	settings []string // Of the service, each NAME=VALUE.
	data     string   // Folder for the database's.
	results  string   // Folder.
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

// compares reports whether two services are to be compared.
func (o options) compares() bool { return o.beside != "" || o.besideSettings != nil }

// combination is one line of the table.
type combination struct {
	scenario scenario
	protocol protocol
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
		for _, protocol := range protocols() {
			c := combination{s, protocol, callers}
			usual := callers == usualCallers && (!s.isFind() || protocol == connectBinary) || s.name == string(get) || s.name == "mix" && protocol == connectBinary
			if (usual || o.full) && (o.only == nil || o.only.MatchString(c.String())) {
				all = append(all, c)
			}
		}
	}
	return all
}

// largePlan returns what is measured on the large dataset: enough to compare
// with the small one.
func (o options) largePlan(s scenario) []combination {
	return slices.DeleteFunc(o.plan(s), func(c combination) bool {
		return c.callers != usualCallers || c.protocol != connectBinary
	})
}

// pacedPlan returns what is measured below the highest rate.
func (o options) pacedPlan(s scenario) []combination {
	return slices.DeleteFunc(o.plan(s), func(c combination) bool {
		return c.callers != usualCallers || s.name != string(get) && s.name != "mix" && !o.full
	})
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
