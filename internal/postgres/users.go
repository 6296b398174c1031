package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"example.com/todo-backend/internal/database"
)

// usersBatch is how many users one statement of ListUsers returns.
const usersBatch = 1000

// ListUsers calls each with every user whose todos are in this database, also one who is
// leaving it. Users without todos count who have an account. It stops when each fails.
func (s *Store) ListUsers(ctx context.Context, each func(user string) error) error {
	for after := ""; ; {
		users, last, err := s.someUsers(ctx, after)
		if err != nil {
			return err
		}
		for _, user := range users {
			if err := each(user); err != nil {
				return err
			}
		}
		if last == "" {
			return nil
		}
		after = last
	}
}

// someUsers returns those of the next users whose todos are here, and the last user that
// was looked at, "" when there are no further ones.
func (s *Store) someUsers(ctx context.Context, after string) (users []string, last string, err error) {
	err = s.run(ctx, database.Statement{
		Name: "list users",
		SQL: `
			SELECT   known.user_id, COALESCE(account.` + isHere + `, true)
			FROM     ((SELECT   user_id
			           FROM     todo_account
			           WHERE    user_id > $1
			           ORDER BY user_id
			           LIMIT    $2)
			          UNION
			          (SELECT   DISTINCT user_id
			           FROM     todo
			           WHERE    user_id > $1
			           ORDER BY user_id
			           LIMIT    $2)
			          ORDER BY user_id
			          LIMIT    $2) AS known
			LEFT     JOIN todo_account AS account ON account.user_id = known.user_id
			ORDER BY known.user_id`,
		Args:    []any{after, usersBatch},
		Alone:   true,
		MaxRows: usersBatch,
		Read: func(rows pgx.Rows) error {
			var user string
			var isHere bool
			looked := 0
			users, last = nil, ""
			_, err := pgx.ForEachRow(rows, []any{&user, &isHere}, func() error {
				if looked++; looked == usersBatch {
					last = user
				}
				if isHere {
					users = append(users, user)
				}
				return nil
			})
			return err
		},
	})
	return users, last, err
}
