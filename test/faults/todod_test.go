//go:build linux

package faults

import (
	"testing"

	"example.com/todo-backend/test/stack"
)

// startTodod runs the service on a database until the test ends. Settings
// override those it would run with.
func startTodod(t *testing.T, issuer *stack.Issuer, database string, settings map[string]string) *stack.Todod {
	t.Helper()
	return startTododOf(t, *program, issuer, database, settings)
}

// startTododOf is startTodod of another program than the one that is tested.
func startTododOf(t *testing.T, path string, issuer *stack.Issuer, database string, settings map[string]string) *stack.Todod {
	t.Helper()
	return stack.StartTodod(t, stack.TododConfig{Program: path, Issuer: issuer, Database: database, Settings: settings, Canaries: &lookout})
}

// noHeapFloor returns settings for rows that say what is added to the service's
// memory: below the heap's floor any call adds to it, for nothing is collected.
func noHeapFloor() map[string]string { return map[string]string{"GOGC": "100"} }
