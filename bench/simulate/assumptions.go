package main

import (
	"flag"
	"fmt"
	"slices"
	"strings"
)

// assumption is a number that nobody can measure before there are users, or a setting. Each
// is a flag, so that a reader puts in their own.
type assumption struct {
	name  string // Of the flag.
	value float64
	about string
}

// assumptions are all that is assumed, in one place: the arithmetic and the simulations have
// no others.
type assumptions struct {
	todos, trash                                             assumption
	active, calls, writes, peak                              assumption
	online, devices, skew                                    assumption
	load, room, databaseCores, databaseGB, copies, copySpeed assumption
	watches, connections, conns                              assumption
	outage                                                   assumption
	balancers, backupDays                                    assumption
	priceCore, priceMemory, priceDisk, priceArchive          assumption // Of a month.
}

func usualAssumptions() *assumptions {
	return &assumptions{
		todos:         assumption{"todos", 100, "todos of a user"},
		trash:         assumption{"trash", 20, "deleted todos of a user that are kept, for `TRASH_RETENTION` days"},
		active:        assumption{"active", 0.2, "part of the users that use it on a day"},
		calls:         assumption{"calls", 60, "calls of an active user on a day"},
		writes:        assumption{"writes", 0.2, "part of the calls that write"},
		peak:          assumption{"peak", 3, "calls in the busiest hour, by those of the mean"},
		online:        assumption{"online", 0.05, "part of the users that hold a stream in the busiest hour"},
		devices:       assumption{"devices", 1.3, "streams of a user who holds any"},
		skew:          assumption{"skew", 1.5, "how unlike users are: the deviation of the logarithm of their calls (1.5: a tenth of them makes more than half)"},
		load:          assumption{"load", 0.5, "part of all cores that is planned to be busy in the busiest hour"},
		room:          assumption{"room", 0.45, "part of the streams that a process may have, which is planned for the busiest hour"},
		databaseCores: assumption{"database-cores", 16, "cores of a database's machine"},
		databaseGB:    assumption{"database-gb", 1000, "GB that one database is to hold, so that a copy of it is made in time"},
		copies:        assumption{"copies", 3, "machines that hold a database: the primary and its standbys"},
		copySpeed:     assumption{"copy-mb", 200, "MB/s at which a database is copied"},
		watches:       assumption{"watches", 10_000, "the setting `WATCHES`"},
		connections:   assumption{"connections", 12_000, "the setting `MAX_CONNECTIONS`, which is 4,096 unless set: a stream has a connection of its own"},
		conns:         assumption{"conns", 16, "the setting `DATABASE_MAX_CONNS`"},
		outage:        assumption{"outage", 20, "seconds from the death of a primary until another one takes writes"},
		balancers:     assumption{"balancers", 2, "balancers, each large enough for all users"},
		backupDays:    assumption{"backup-days", 7, "days for which the archive keeps WAL, besides one copy"},
		priceCore:     assumption{"price-core", 10, "price of a core for a month, an example"},
		priceMemory:   assumption{"price-memory", 2, "price of a GB of memory for a month, an example"},
		priceDisk:     assumption{"price-disk", 0.1, "price of a GB on disk for a month, an example"},
		priceArchive:  assumption{"price-archive", 0.02, "price of a GB in an archive for a month, an example"},
	}
}

func (a *assumptions) all() []*assumption {
	return []*assumption{
		&a.todos, &a.trash, &a.active, &a.calls, &a.writes, &a.peak, &a.online, &a.devices, &a.skew,
		&a.load, &a.room, &a.databaseCores, &a.databaseGB, &a.copies, &a.copySpeed, &a.watches, &a.connections, &a.conns, &a.outage,
		&a.balancers, &a.backupDays, &a.priceCore, &a.priceMemory, &a.priceDisk, &a.priceArchive,
	}
}

// streamsOfProcess returns how many streams a process may have. Each has a connection of its
// own: a client has one stream, and neither HTTP/1.1 nor HAProxy has those of several clients
// share a connection.
func (a *assumptions) streamsOfProcess() float64 {
	return min(a.watches.value, a.connections.value)
}

// define defines a flag for each.
func (a *assumptions) define(flags *flag.FlagSet) {
	for _, one := range a.all() {
		flags.Float64Var(&one.value, one.name, one.value, strings.ReplaceAll(one.about, "`", ""))
	}
}

// check fails for what nobody can mean.
func (a *assumptions) check() error {
	for _, one := range a.all() {
		isPart := slices.Contains([]*assumption{&a.active, &a.writes, &a.online, &a.load, &a.room}, one)
		mayBeNone := slices.Contains([]*assumption{&a.trash, &a.skew, &a.writes, &a.backupDays, &a.priceCore, &a.priceMemory, &a.priceDisk, &a.priceArchive}, one)
		if one.value < 0 || isPart && one.value > 1 || one.value == 0 && !mayBeNone {
			return fmt.Errorf("-%s %v makes no sense: %s", one.name, one.value, one.about)
		}
	}
	return nil
}

func (a *assumptions) table() *table {
	t := &table{heading: "Assumptions and settings", columns: []string{"flag", "value", "what"}, isText: true}
	for _, one := range a.all() {
		t.add("`-"+one.name+"`", exactly(one.value), one.about)
	}
	return t
}
