//go:build scale && linux

package scale

import (
	"net/http"
	"strings"
	"time"

	"example.com/todo-backend/test/load"
	"example.com/todo-backend/test/report"
	"example.com/todo-backend/test/stack"
	"example.com/todo-backend/test/syncload"
)

// The rows of all tests have the same bounds on what callers see of a fault: 503 that says
// when to try again, and nothing else.

// reportREST adds to a row what callers over REST got.
func reportREST(r *report.Row, answers load.Answers) {
	r.T.Helper()
	others := answers.Without(http.StatusOK, http.StatusServiceUnavailable)
	r.Note("REST", answers)
	r.None("answers other than 200 and 503", len(others))
	r.None("503 without Retry-After", len(withoutRetryAfter(answers.With(http.StatusServiceUnavailable))))
	for _, a := range others[:min(3, len(others))] {
		r.T.Log(a.Status, a.Took, a.Err, a.Body)
	}
}

// withoutRetryAfter returns the answers that don't say when to try again.
func withoutRetryAfter(answers load.Answers) load.Answers {
	return answers.Where(func(a stack.Answer) bool { return a.Header.Get("Retry-After") == "" })
}

// busyPause is how long callers wait whom a busy service refused.
const busyPause = 50 * time.Millisecond

// served makes a call again while the service says that its database is too slow, as it is on
// a busy machine. What a balancer answers in place of the service is an answer.
func served(call func() stack.Answer) stack.Answer {
	const busy = "the database is unavailable at the moment"
	for began := time.Now(); ; time.Sleep(busyPause) {
		a := call()
		if !strings.Contains(a.Body, busy) || a.Header.Get("Retry-After") == "" || time.Since(began) > stack.Patience {
			return a
		}
	}
}

// isRefusedForLoad reports whether a call's line in the log says that the service gave it up
// since a connection or a statement took longer than its own bounds. Those are short, for
// callers' sake, and a busy machine exceeds them.
func isRefusedForLoad(line stack.LogLine) bool {
	for _, cause := range []string{"more calls wait for a connection", "no connection within", "the statement took too long"} {
		if strings.Contains(line.Cause, cause) {
			return true
		}
	}
	return false
}

// excuse is what callers over the other protocols may see besides.
type excuse int

const (
	// noExcuse is for faults in which nobody who has a connection to callers dies.
	noExcuse excuse = iota
	// processDied: its streams break off, since nobody is left to end them.
	processDied
	// cellDied: so do reads that are under way, where HAProxy finds no other process to ask
	// and the read isn't the first on its connection (see "once" in deploy/haproxy).
	cellDied
)

// reportProtocols adds to a row what callers over Connect, gRPC, gRPC-Web and server-sent
// events got. Any other code than unavailable is a fault of the run, which its own report
// counts.
func reportProtocols(r *report.Row, responses syncload.Responses, excused excuse) {
	r.T.Helper()
	r.None("Connect, gRPC and gRPC-Web: writes without a whole response", responses.UnansweredWrites)
	r.None("5xx other than 503", responses.OtherFailures)
	r.None("unavailable without Retry-After or RetryInfo", responses.WithoutRetry)
	if excused == cellDied {
		r.Note("reads without a whole response", responses.UnansweredReads)
	} else {
		r.None("reads without a whole response", responses.UnansweredReads)
	}
	if excused == noExcuse {
		r.None("streams that broke off", responses.BrokenOff)
	} else {
		r.Note("streams that broke off", responses.BrokenOff)
	}
}
