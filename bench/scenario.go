package main

import (
	"math/rand/v2"
	"slices"
	"sync/atomic"

	"example.com/todo-backend/bench/internal/load"
)

// scenario is what callers do: operations by their share of a hundred calls.
type scenario struct {
	name   string
	shares []share
}

type share struct {
	operation load.Operation
	percent   int
}

// scenarios returns one scenario for each operation, and the mix of what a
// list of todos is used for.
func scenarios() []scenario {
	var all []scenario
	for _, op := range load.Operations() {
		all = append(all, scenario{name: string(op), shares: []share{{op, 100}}})
	}
	return append(all, scenario{name: "mix", shares: []share{
		{load.List20, 60}, {load.Get, 20}, {load.Create, 10}, {load.Update, 7}, {load.Delete, 3},
	}})
}

// writes reports whether the scenario changes what is stored.
func (s scenario) writes() bool {
	return slices.ContainsFunc(s.shares, func(s share) bool {
		return s.operation == load.Create || s.operation == load.Update || s.operation == load.Delete
	})
}

// deletes returns how many of a hundred calls delete a todo.
func (s scenario) deletes() int {
	for _, s := range s.shares {
		if s.operation == load.Delete {
			return s.percent
		}
	}
	return 0
}

// pick returns the operation of a number from 0 to 99.
func (s scenario) pick(n int) load.Operation {
	for _, s := range s.shares {
		if n -= s.percent; n < 0 {
			return s.operation
		}
	}
	panic("the shares of scenario " + s.name + " are less than a hundred")
}

// deletable is a range of todos that are there to be deleted, each once.
type deletable struct {
	first, count int64
	taken        atomic.Int64
}

// take returns the number of the next one, false when none is left.
func (d *deletable) take() (int64, bool) {
	n := d.taken.Add(1) - 1
	return d.first + n, n < d.count
}

// sources returns the callers of a scenario. Each names users, and their
// todos, at random, in an order that depends on its own number alone.
func (d dataset) sources(s scenario, spare *deletable) func(caller int) load.Source {
	return func(caller int) load.Source {
		random := rand.New(rand.NewPCG(1, uint64(caller))) //nolint:gosec // G404, G115: not a secret, and not negative.
		return func() (load.Call, bool) {
			op := s.pick(random.IntN(100))
			n := random.Int64N(d.todos)
			if op == load.Delete {
				var left bool
				if n, left = spare.take(); !left {
					return load.Call{}, false
				}
			}
			return load.Call{Operation: op, User: d.user(n), Todo: todoID(n)}, true
		}
	}
}
