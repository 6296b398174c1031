package postgres

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
)

// serializationAttempts bounds how often a statement is run that others were in
// the way of. With the default isolation nearly none is; where a database's or a
// role's is stricter, of ten that change one row at once the last succeeds after
// as many.
const serializationAttempts = 10

// maxSerializationPause is the longest pause before the next attempt; without
// one, those who were in each other's way would meet again.
const maxSerializationPause = 20 * time.Millisecond

// attemptUntilSerialized is attempt, made again while the server has rolled the
// statement back for what others did at the same time: 40001 when
// default_transaction_isolation is stricter than read committed, 40P01 for
// deadlocks. Nothing of it was done, so this is safe for each effect.
func (s *Store) attemptUntilSerialized(ctx context.Context, w work, statement func(context.Context, *pgx.Conn) error) (generation int, err error) {
	for n := range serializationAttempts {
		generation, err = s.attempt(ctx, w, statement)
		failed, refused := pgError(err)
		if !refused || failed.Code != serializationFailure && failed.Code != deadlockDetected || n == serializationAttempts-1 {
			break
		}
		pause := time.NewTimer(rand.N(min(maxSerializationPause, time.Millisecond<<n))) //nolint:gosec // nobody gains from guessing it
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return generation, err
		}
	}
	return generation, err
}
