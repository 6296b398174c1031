//go:build scale && linux

package scale

// rowsOfRun names the rows that a complete run has.
var rowsOfRun = []string{
	// Several processes, one database.
	"processes: rolling restarts",
	"processes: killed",

	// A database that fails over by itself.
	"Patroni: the server killed",
	"Patroni: a switchover",
	"Patroni: the node dead",
	"Patroni: the node cut off from all",
	"Patroni: etcd's leader killed",
	"Patroni: the node paused",
	"Patroni: the node cut off from the others",
	"Patroni: all failovers",

	"secrets in the log",
}
