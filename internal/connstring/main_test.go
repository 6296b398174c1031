package connstring_test

import (
	"testing"

	"go.uber.org/goleak"

	"example.com/todo-backend/internal/postgres/pgtest"
)

// TestMain fails when a goroutine outlives the tests.
func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Tests{M: m}) }
