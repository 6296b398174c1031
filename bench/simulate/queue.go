package main

import "time"

// queue is servers with one queue, as [station] is, of jobs that come in order and are all
// served. It has no events: a job begins when it comes, or when the first server is free,
// which costs a tenth of the CPU time.
type queue struct {
	free []time.Duration // When each server is.
	came time.Duration   // The last job.
}

func newQueue(servers int) *queue { return &queue{free: make([]time.Duration, servers)} }

// serve serves a job that comes so long after the last one, and returns how long it waits
// and is served.
func (q *queue) serve(after, work time.Duration) time.Duration {
	q.came += after
	first := 0
	for i, at := range q.free {
		if at < q.free[first] {
			first = i
		}
	}
	q.free[first] = max(q.free[first], q.came) + work
	return q.free[first] - q.came
}
