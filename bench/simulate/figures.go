package main

import "time"

// figure is a number that was measured, and by which command.
type figure struct {
	value   float64
	unit    string
	about   string
	command string
}

// time returns a figure that is in microseconds.
func (f figure) time() time.Duration { return time.Duration(f.value * float64(time.Microsecond)) }

// figures are all that was measured. docs/performance.md says on what machine.
type figures struct {
	todoBytes, accountBytes, requestBytes figure
	walRecords, walImages                 figure

	serviceRead, databaseRead   figure
	serviceWrite, databaseWrite figure
	serviceSync, databaseSync   figure
	servicePage, databasePage   figure
	pollOfThousand              figure

	streamBytes, streamCPU      figure
	balancerRead, balancerWrite figure
	balancerStream              figure
}

// The commands, in the repository's folder.
const (
	storageCommand  = "go test ./internal/postgres -run '^$' -bench Storage -benchtime 1x"
	writesCommand   = "go test ./internal/postgres -run '^$' -bench Writes -benchtime 5000x"
	headsCommand    = "go test ./internal/postgres -run '^$' -bench Heads -benchtime 5000x"
	listsCommand    = "make bench BENCHFLAGS='-beside /path/to/todod -only binary/100 -large 0 -rounds 5'"
	syncCommand     = "make bench BENCHFLAGS='-only ^sync/.*binary/100$ -large 0'"
	balancerCommand = "go test -tags scale -count=1 -v -run WhatTheBalancerCosts ./test/scale"
	streamsCommand  = "go test ./internal/rpc -run '^$' -bench IdleWatches -benchtime 1x"
)

func measured() figures {
	return figures{
		todoBytes:    figure{676, "bytes", "a todo with its indexes, after use", storageCommand},
		accountBytes: figure{332, "bytes", "an account with its index, after use", storageCommand},
		requestBytes: figure{285, "bytes", "a request of `ApplyTodos` with its indexes, kept for a day", storageCommand},
		walRecords:   figure{1450, "bytes", "WAL of an update by `ApplyTodos`, without images of whole pages", writesCommand},
		walImages:    figure{13000, "bytes", "WAL of an update by `ApplyTodos`, soon after a checkpoint", writesCommand},

		serviceRead:   figure{93, "µs", "CPU of the service for a list of 20", listsCommand},
		databaseRead:  figure{37, "µs", "CPU of PostgreSQL for a list of 20", listsCommand},
		serviceWrite:  figure{67, "µs", "CPU of the service for an update", listsCommand},
		databaseWrite: figure{880, "µs", "CPU of PostgreSQL's backend for an update by `ApplyTodos`, which no batch takes", writesCommand},
		serviceSync:   figure{51, "µs", "CPU of the service for a sync that finds nothing new", syncCommand},
		databaseSync:  figure{19, "µs", "CPU of PostgreSQL for a sync that finds nothing new", syncCommand},
		servicePage:   figure{193, "µs", "CPU of the service for a list of 100", listsCommand},
		databasePage:  figure{118, "µs", "CPU of PostgreSQL for a list of 100", listsCommand},

		pollOfThousand: figure{1215, "µs", "CPU of PostgreSQL's backend for a poll of 1,000 accounts", headsCommand},

		streamBytes: figure{46_000, "bytes", "resident memory of an idle stream over HTTP/1.1", streamsCommand},
		streamCPU:   figure{2, "µs", "CPU of the service for an idle stream in a second", streamsCommand},

		balancerRead:   figure{72, "µs", "CPU of HAProxy for a list, without TLS", balancerCommand},
		balancerWrite:  figure{127, "µs", "CPU of HAProxy for a write, which passes it twice, without TLS", balancerCommand},
		balancerStream: figure{40_200, "bytes", "resident memory of HAProxy for an idle stream", balancerCommand},
	}
}

// side is who takes the time.
type side int

const (
	serviceSide side = iota
	databaseSide
)

// pageWork returns the CPU time of a page of so many todos: between the lists of 20 and of
// 100 that were measured, or beyond them, along a straight line.
func (f *figures) pageWork(todos int, of side) time.Duration {
	few, many := f.serviceRead, f.servicePage
	if of == databaseSide {
		few, many = f.databaseRead, f.databasePage
	}
	const fewTodos, manyTodos = 20, 100
	return few.time() + (many.time()-few.time())*time.Duration(todos-fewTodos)/(manyTodos-fewTodos)
}

func (f *figures) all() []figure {
	return []figure{
		f.todoBytes, f.accountBytes, f.requestBytes, f.walRecords, f.walImages,
		f.serviceRead, f.databaseRead, f.serviceWrite, f.databaseWrite, f.serviceSync, f.databaseSync, f.servicePage, f.databasePage,
		f.pollOfThousand, f.streamBytes, f.streamCPU, f.balancerRead, f.balancerWrite, f.balancerStream,
	}
}

func (f *figures) table() *table {
	t := &table{heading: "Figures", columns: []string{"figure", "value", "measured by"}, isText: true}
	for _, one := range f.all() {
		t.add(one.about, number(one.value)+" "+one.unit, "`"+one.command+"`")
	}
	return t
}

// The service's constants, and the page's.
const (
	watchPage       = 50                     // DefaultPageSize in internal/todo/page.go: the todos of a stream's message.
	streamLength    = 15 * time.Minute       // watchDuration in internal/rpc/rpc.go.
	pollInterval    = time.Second            // pollInterval in internal/watch/poll.go.
	pollJitter      = 0.1                    // pollJitter there.
	maxPollInterval = 5 * time.Second        // maxPollInterval there.
	pollOwners      = 1000                   // pollOwners there.
	maxReads        = 32                     // maxReads in internal/watch/feed.go.
	acquireTimeout  = time.Second            // acquireTimeout in internal/database/bounds.go.
	retrySoon       = time.Second            // retrySoon in internal/server/errors.go.
	reopenSpread    = 5 * time.Second        // reopenSpread there.
	firstPause      = 500 * time.Millisecond // firstPause in web/app/src/sync/backoff.ts.
	longestPause    = 10 * time.Second       // longestPause there.
	slots           = 4096                   // Of a cell's map: deploy/haproxy.
	day             = 24 * time.Hour
)
