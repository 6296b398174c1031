// Package faults runs the real service, as a child process, through what can
// go wrong around it, and measures what callers see: databases that die, hang,
// fill up and fail over, proxies, slow and lying clients, issuers that are
// away, deploys. It has tests only, which need Linux, PostgreSQL's programs,
// PgBouncer and HAProxy (apt-get install postgresql pgbouncer haproxy).
//
//	make faults         what takes a few minutes
//	make faults-long    all of it
//
// Each test is one row of a report, which is printed as the run goes: what was
// done, and each figure with its bound. A row that misses a bound is short, and
// so is the run. Where to find what:
//
//	report_test.go     the rows that a run must have
//	load_test.go       callers that go on through a fault, at a steady rate
//	bystander_test.go  what others feel of an attack
//	ledger_test.go     what they were told is so, held against the table afterwards
//	process_test.go    child processes: their end, memory and output
//	todod_test.go      the service as a child
//	usage_test.go      what it uses: processor time, connections, goroutines
//	framer_test.go     HTTP/2 as no client speaks it
//	log_test.go        its log, in which no secret may be
//
// Rows are about behaviour, not speed: where latency has a bound, it is one
// that a defect misses by far and a busy machine keeps.
//
// The module is apart from the service's, so that what only these runs need is
// not among its dependencies:
//
//	github.com/Shopify/toxiproxy/v2   slow, cut and reset connections
//	golang.org/x/net                  HTTP/2 frames, for streams no client would make
//	github.com/jackc/pgx/v5           to look into the database from outside
package faults
