package database

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"example.com/todo-backend/internal/todo"
)

// Pool returns the store's connections, for tests that use them up or look at
// what was prepared on them.
func (s *Store) Pool() *pgxpool.Pool { return s.pool }

// Write runs a statement for an owner.
func (s *Store) Write(ctx context.Context, owner todo.UserID, statement func(context.Context, *pgx.Conn) error) error {
	return s.run(ctx, work{operation: "test", writer: owner}, statement)
}

// Hold returns how long a call has a connection for, in the mean.
func (s *Store) Hold() time.Duration {
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	return s.queue.hold
}

// AnsweredAt returns when a statement was answered last.
func (s *Store) AnsweredAt() time.Time {
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	return s.queue.answeredAt
}

// Crowd makes the store behave as if statements ran that all others wait for. Release
// ends them, so that what waits shares the next, however long the test took to get
// there.
func (s *Store) Crowd() (release func()) {
	releases := []func(){s.gets.crowd(), s.lists.crowd(), s.creates.crowd()}
	return func() {
		for _, release := range releases {
			release()
		}
	}
}

func (s *sharer[Q]) crowd() (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.connecting > 0 { // Statements that came too late for their calls, and would take the crowd's.
		s.mu.Unlock()
		time.Sleep(time.Millisecond)
		s.mu.Lock()
	}
	s.restsTo = time.Time{}
	statement := s.start()
	statement.timer.Stop()
	s.young++ // Another one, so that not even a crowd starts one.
	return func() {
		s.mu.Lock()
		s.young--
		for _, call := range s.waiting {
			call.since = time.Now()
		}
		s.mu.Unlock()
		s.ended(statement)
	}
}

// OnShared has told called when a statement has ended that was shared by so
// many calls. It has to be called before the store is used.
func (s *Store) OnShared(told func(calls int, err error)) {
	s.gets.ask = tell(s.gets.ask, told)
	s.lists.ask = tell(s.lists.ask, told)
	s.creates.ask = tell(s.creates.ask, told)
}

func tell[Q sharedQuery](ask func(context.Context, func() []*sharedCall[Q]) error, told func(int, error)) func(context.Context, func() []*sharedCall[Q]) error {
	return func(ctx context.Context, begin func() []*sharedCall[Q]) error {
		calls := 0
		err := ask(ctx, func() []*sharedCall[Q] {
			all := begin()
			calls = len(all)
			return all
		})
		if calls > 0 {
			told(calls, err)
		}
		return err
	}
}

// WaitingToShare returns how many calls wait.
func (s *Store) WaitingToShare() int { return s.gets.waits() + s.lists.waits() + s.creates.waits() }

func (s *sharer[Q]) waits() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.waiting)
}

// Running returns how many statements count as running.
func (s *Store) Running() int { return s.gets.runs() + s.lists.runs() + s.creates.runs() }

func (s *sharer[Q]) runs() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.running
}

// Bounds are how long a store waits for what.
type Bounds = bounds

// UsualBounds returns those of a service.
func UsualBounds() Bounds { return usualBounds() }

// PatientBounds returns bounds that no test meets, however slow the machine is.
func PatientBounds() Bounds {
	const long = time.Minute
	return Bounds{
		Connect: long, Acquire: long, Statement: long, Sharing: long,
		PingAfter: pingAfter, Ping: long, CancelDelay: cancelDelay, Cancel: long,
	}
}

// WithBounds returns the configuration of a store with other bounds.
func (c Config) WithBounds(bounds Bounds) Config {
	c.bounds = bounds
	return c
}
