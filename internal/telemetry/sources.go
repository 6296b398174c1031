package telemetry

import (
	"time"

	"example.com/todo-backend/internal/auth"
	"example.com/todo-backend/internal/database"
	"example.com/todo-backend/internal/server"
	"example.com/todo-backend/internal/watch"
)

// Sources are what metrics are read from, at each scrape. All are required.
type Sources struct {
	Server   interface{ Stats() server.Stats }
	Database interface{ Stats() database.Stats }
	Keys     interface{ Stats() auth.KeySetStats }
	Watches  interface{ Stats() watch.Stats }
	// LogLinesDropped returns how many lines the log has dropped.
	LogLinesDropped func() int64
}

// snapshot is what was read for one scrape.
type snapshot struct {
	server   server.Stats
	database database.Stats
	keys     auth.KeySetStats
	watches  watch.Stats
	at       time.Time

	requestsInFlight int64
	logLinesDropped  int64
	spansExported    int64
	spansFailed      int64
}

// snapshot reads the sources.
func (m *metrics) snapshot(sources Sources) *snapshot {
	s := &snapshot{
		server:           sources.Server.Stats(),
		database:         sources.Database.Stats(),
		keys:             sources.Keys.Stats(),
		watches:          sources.Watches.Stats(),
		at:               time.Now(),
		requestsInFlight: m.requests.inFlight.Load(),
		logLinesDropped:  sources.LogLinesDropped(),
	}
	if m.traces != nil {
		s.spansExported, s.spansFailed = m.traces.exporter.exported.Load(), m.traces.exporter.failed.Load()
	}
	return s
}

// ofProcess adds the metrics of the process, its log and its traces.
func (r *readings) ofProcess(version, goVersion string) {
	r.gauge("todod.build_info", "", "1; the labels say what was built.",
		always(1, label{"version", version}, label{"go_version", goVersion}))
	r.gauge("todod.draining", "", "1 while the process drains.",
		one(func(s *snapshot) float64 { return flag(s.server.Draining) }))
	r.counter("todod.log.lines_dropped", "", "Log lines that were dropped, since their reader was too slow.",
		one(func(s *snapshot) float64 { return float64(s.logLinesDropped) }))
	r.counter("todod.trace.spans_exported", "", "Spans that the collector took.",
		one(func(s *snapshot) float64 { return float64(s.spansExported) }))
	r.counter("todod.trace.spans_failed", "", "Spans that the collector did not take.",
		one(func(s *snapshot) float64 { return float64(s.spansFailed) }))
}

// ofRequests adds the metrics of requests and streams under way.
func (r *readings) ofRequests() {
	r.gauge("todod.requests_in_flight", "", "Requests and streams under way.",
		one(func(s *snapshot) float64 { return float64(s.requestsInFlight) }))
	r.gauge("todod.streams_open", "", "Streams under way.",
		func(s *snapshot, observe observe) {
			for procedure, open := range s.server.StreamsOpen {
				observe(float64(open), label{"procedure", procedure})
			}
		})
	r.gauge("todod.unread_response", "By", "Memory of responses that callers have not read.",
		one(func(s *snapshot) float64 { return float64(s.server.UnreadBytes) }))
}

// ofConnections adds the metrics of callers' connections.
func (r *readings) ofConnections() {
	r.gauge("todod.connections_open", "", "Callers' connections.",
		func(s *snapshot, observe observe) {
			observe(float64(s.server.Connections.New), label{"state", "new"})
			observe(float64(s.server.Connections.Active), label{"state", "active"})
			observe(float64(s.server.Connections.Idle), label{"state", "idle"})
		})
	r.gauge("todod.connections_limit", "", "Callers' connections at most.",
		one(func(s *snapshot) float64 { return float64(s.server.Connections.Limit) }))
	r.counter("todod.connections_accepted", "", "Callers' connections that were accepted.",
		one(func(s *snapshot) float64 { return float64(s.server.Connections.Accepted) }))
	r.counter("todod.connections_evicted", "", "Idle connections that were closed for a new one.",
		one(func(s *snapshot) float64 { return float64(s.server.Connections.Evicted) }))
	r.counter("todod.connections_refused", "", "New connections that were closed, since all others were active.",
		one(func(s *snapshot) float64 { return float64(s.server.Connections.Refused) }))
	r.counter("todod.connections_failed", "", "Failures to accept a connection.",
		one(func(s *snapshot) float64 { return float64(s.server.Connections.Failed) }))
}

// ofDatabase adds the metrics of the pool and of statements.
func (r *readings) ofDatabase() {
	r.gauge("todod.database.up", "", "0 while attempts to connect fail.",
		one(func(s *snapshot) float64 { return flag(s.database.Up) }))
	r.gauge("todod.database.connections", "", "Connections of the pool.",
		func(s *snapshot, observe observe) {
			observe(float64(s.database.Used), label{"state", "used"})
			observe(float64(s.database.Idle), label{"state", "idle"})
			observe(float64(s.database.Opening), label{"state", "opening"})
		})
	r.gauge("todod.database.connections_limit", "", "Connections of the pool at most.",
		one(func(s *snapshot) float64 { return float64(s.database.MaxConns) }))
	r.counter("todod.database.connects", "", "Attempts to connect.",
		one(func(s *snapshot) float64 { return float64(s.database.Connects) }))
	r.counter("todod.database.connect_failures", "", "Attempts to connect that failed.",
		one(func(s *snapshot) float64 { return float64(s.database.ConnectFailures) }))
	r.counter("todod.database.connection_waits", "", "Times that no connection was idle.",
		one(func(s *snapshot) float64 { return float64(s.database.Waits) }))
	r.counter("todod.database.connection_wait", "s", "Waits for a connection.",
		one(func(s *snapshot) float64 { return s.database.WaitTime.Seconds() }))
	r.gauge("todod.database.statements_waiting", "", "Statements that wait for a batch or, alone, for a connection.",
		func(s *snapshot, observe observe) {
			for _, l := range s.database.Lanes {
				observe(float64(l.Waiting), label{"lane", string(l.Lane)})
			}
			observe(float64(s.database.WaitingAlone), label{"lane", laneAlone})
		})
	r.counter("todod.database.statements_refused", "", "Statements that would have waited too long.",
		one(func(s *snapshot) float64 { return float64(s.database.Refused) }))
	r.counter("todod.database.statements_rerun", "", "Statements that ran again.",
		func(s *snapshot, observe observe) {
			observe(float64(s.database.Reruns.Batch), label{"cause", "batch"})
			observe(float64(s.database.Reruns.RolledBack), label{"cause", "rolled_back"})
			observe(float64(s.database.Reruns.Connection), label{"cause", "connection"})
			observe(float64(s.database.Reruns.Conflict), label{"cause", "conflict"})
		})
	r.gauge("todod.database.batches_in_flight", "", "Batches under way.",
		func(s *snapshot, observe observe) {
			for _, l := range s.database.Lanes {
				observe(float64(l.InFlight), label{"lane", string(l.Lane)})
			}
		})
}

// ofKeys adds the metrics of the issuer's keys.
func (r *readings) ofKeys() {
	r.gauge("todod.keys", "", "The issuer's keys that are held.",
		one(func(s *snapshot) float64 { return float64(s.keys.Keys) }))
	r.gauge("todod.keys.age", "s", "The time since the issuer's keys were fetched.",
		func(s *snapshot, observe observe) {
			if !s.keys.Fetched.IsZero() {
				observe(s.at.Sub(s.keys.Fetched).Seconds())
			}
		})
	r.gauge("todod.keys.age_limit", "s", "The age from which on keys are no longer used.",
		one(func(s *snapshot) float64 { return s.keys.MaxStale.Seconds() }))
	r.counter("todod.keys.fetches", "", "Fetches of the issuer's keys.",
		one(func(s *snapshot) float64 { return float64(s.keys.Fetches) }))
	r.counter("todod.keys.fetch_failures", "", "Fetches of the issuer's keys that failed.",
		one(func(s *snapshot) float64 { return float64(s.keys.Failures) }))
}

// ofWatches adds the metrics of those who watch for changes.
func (r *readings) ofWatches() {
	r.gauge("todod.watches", "", "Streams and calls that wait for changes.",
		one(func(s *snapshot) float64 { return float64(s.watches.Open) }))
	r.gauge("todod.watches_limit", "", "Streams and calls that wait for changes at most.",
		one(func(s *snapshot) float64 { return float64(s.watches.Limit) }))
	r.gauge("todod.watched_users", "", "Users whose todos are watched.",
		one(func(s *snapshot) float64 { return float64(s.watches.Users) }))
	r.counter("todod.watch.polls", "", "Polls for changes that other processes made.",
		one(func(s *snapshot) float64 { return float64(s.watches.Polls) }))
	r.counter("todod.watch.poll_failures", "", "Polls for changes that failed.",
		one(func(s *snapshot) float64 { return float64(s.watches.PollFailures) }))
}
