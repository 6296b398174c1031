//go:build scale && linux

package scale

// rowsOfRun names the rows that a complete run has.
var rowsOfRun = []string{
	// Several processes, one database.
	"processes: rolling restarts",
	"processes: killed",
	// Several databases.
	"cells: each user meets one",
	"cells: hostile tokens",
	"cells: one is down",
	"cells: a third one is added",
	"cells: the balancers restart",

	// A database that fails over by itself.
	"Patroni: the server killed",
	"Patroni: a switchover",
	"Patroni: the node dead",
	"Patroni: the node cut off from all",
	"Patroni: etcd's leader killed",
	"Patroni: the node paused",
	"Patroni: the node cut off from the others",
	"Patroni: all failovers",
	"Patroni: a standby away for too long",

	"secrets in the log",
	"the balancer's price",
}
