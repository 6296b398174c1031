//go:build scale && linux

package scale

// rowsOfRun names the rows that a complete run has.
var rowsOfRun = []string{
	// Several processes, one database.
	"processes: rolling restarts",
	"processes: killed",
	"secrets in the log",
}
