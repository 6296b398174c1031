//go:build scale && linux

package scale

// rowsOfRun names the rows that a complete run has.
var rowsOfRun = []string{
	"secrets in the log",
	"the balancer's price",
}
