package postgres

import "github.com/jackc/pgx/v5/pgxpool"

// Pool returns the store's connections, for tests that use them up or look at
// what was prepared on them.
func (s *Store) Pool() *pgxpool.Pool { return s.pool }

// Crowd makes the store behave as if as many reads ran as make others wait to
// share a statement. Release ends one of each kind, so that those that wait
// share the next.
func (s *Store) Crowd() (release func()) {
	s.gets.crowd()
	s.lists.crowd()
	return func() {
		s.gets.next()
		s.lists.next()
	}
}

func (s *sharer[Q]) crowd() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running += s.atOnce
}

// WaitingToShare returns how many reads wait.
func (s *Store) WaitingToShare() int { return s.gets.waits() + s.lists.waits() }

func (s *sharer[Q]) waits() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.waiting)
}
