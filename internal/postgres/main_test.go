package postgres_test

import (
	"os"
	"testing"

	"example.com/todo-backend/internal/postgres/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }
