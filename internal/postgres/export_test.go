package postgres

import "github.com/jackc/pgx/v5/pgxpool"

// Pool returns the store's connections, for tests that use them up or look at
// what was prepared on them.
func (s *Store) Pool() *pgxpool.Pool { return s.pool }
