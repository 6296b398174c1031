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

	"secrets in the log",
	"the balancer's price",
}
