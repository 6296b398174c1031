// Package scale runs the service beyond one process and one database: several processes
// behind HAProxy, databases that fail over by Patroni, and cells. It has only tests, behind
// the build tag "scale". They need root, Linux, and Debian's packages of PostgreSQL, HAProxy,
// Patroni and etcd (apt-get install --no-install-recommends postgresql haproxy patroni
// etcd-server etcd-client iproute2 socat):
//
//	make scale          all of it
//	make scale-short    a few minutes of it
//
// Each test prints one or more rows of a report, as those of test/faults do: what was done,
// and each figure with its bound. A row that misses a bound is short, and then the run
// fails. Rows are about behaviour, not speed: a figure of speed has no bound, or one that a
// busy machine keeps. The files:
//
//	rows_test.go          the rows that a run must have
//	callers_test.go       what callers may see of a fault
//	processes_test.go     several processes, one database
//	cells_test.go         several databases, each with its users
//	cells_third_test.go   a further database, to which users move under load
//	patroni_test.go       a database that fails over by itself
//	patroni_away_test.go  a standby that has missed too much
//	patroni_*_test.go     its nodes, their network, and the faults
//
// The configuration that they run is that of deploy/haproxy and deploy/patroni.
package scale
