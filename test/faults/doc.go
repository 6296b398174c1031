// Package faults runs the real service as a child process, causes faults around it, and
// measures what callers see. The faults are databases that die, hang, fill up and fail
// over, proxies, slow and lying clients, issuers that are down, and deployments. The
// package has only tests. They need Linux, PostgreSQL's programs, PgBouncer and HAProxy
// (apt-get install postgresql pgbouncer haproxy).
//
//	make faults         the tests of a few minutes
//	make faults-long    all tests
//
// Each test prints one or more rows of a report: what was done, and each figure with its
// bound. A row that misses a bound is short, and then the run fails. The files:
//
//	report_test.go     the rows that a run must have
//	bystander_test.go  how an attack affects other callers
//	sync_test.go       writers and readers of changes during all faults (-changes 1000000 for a million)
//	framer_test.go     HTTP/2 frames that no client would send
//
// What other suites need too is in packages beside this one:
//
//	test/report    the rows of a run, with their bounds
//	test/stack     the service and other programs as child processes, their logs and memory
//	test/load      callers that call at a steady rate during a fault, and what was acknowledged
//	test/syncload  writers and readers of changes, compared with the table
//
// Rows are about behaviour, not speed. A bound of latency is one that a defect misses by
// far and a busy machine keeps.
// What a busy machine may spoil nevertheless is measured up to three times, and the last
// figures count; the row names the try. Calls may then be rejected for lack of time, in the
// tries before. Nothing excuses a lost write, a foreign answer or another error, in any try.
// Times are those of the service's clock where callers might be late themselves.
//
// This is a module of its own, so that the service doesn't depend on what only these
// tests need:
//
//	github.com/Shopify/toxiproxy/v2   slow, cut and reset connections
//	golang.org/x/net                  HTTP/2 frames, for streams no client would make
//	github.com/jackc/pgx/v5           to look into the database from outside
package faults
