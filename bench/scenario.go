package main

import "slices"

// operation is what a call does.
type operation string

// The operations that are measured.
const (
	get     operation = "get"
	list20  operation = "list 20"
	list50  operation = "list 50" // What callers get who ask for no size.
	list100 operation = "list 100"
	create  operation = "create"
	syncing operation = "sync" // Of a client that knows all todos.
	update  operation = "update"
	remove  operation = "delete"

	// Pages of 50 in other orders, of the todos that are not completed, and by a word.
	byDue      operation = "by due"
	byPriority operation = "by priority"
	byPosition operation = "by position"
	byUpdate   operation = "by update"
	search     operation = "search"
)

// operations returns them in an order in which each can be made once: the last deletes
// the todo.
func operations() []operation {
	return slices.Concat([]operation{get, list20, list50, list100}, finds(), []operation{syncing, create, update, remove})
}

// finds are the operations that read all of a user's todos.
func finds() []operation { return []operation{byDue, byPriority, byPosition, byUpdate, search} }

// protocol is how a call is made.
type protocol string

// The protocols that are measured: gRPC over cleartext HTTP/2, the others over
// HTTP/1.1.
const (
	rest          protocol = "REST"
	connectJSON   protocol = "Connect JSON"
	connectBinary protocol = "Connect binary"
	grpc          protocol = "gRPC"
)

func protocols() []protocol { return []protocol{rest, connectJSON, connectBinary, grpc} }

// scenario is what callers do: operations by their share of a hundred calls.
type scenario struct {
	name   string
	shares []share
}

type share struct {
	operation operation
	percent   int
}

// scenarios returns one scenario for each operation, and the mix of what a
// list of todos is used for.
func scenarios() []scenario {
	var all []scenario
	for _, op := range operations() {
		all = append(all, scenario{name: string(op), shares: []share{{op, 100}}})
	}
	return append(all, scenario{name: "mix", shares: []share{
		{list20, 60}, {get, 20}, {create, 10}, {update, 7}, {remove, 3},
	}})
}

// isFind reports whether the scenario reads all of a user's todos.
func (s scenario) isFind() bool { return slices.Contains(finds(), s.shares[0].operation) }

// writes reports whether the scenario changes what is stored.
func (s scenario) writes() bool {
	return slices.ContainsFunc(s.shares, func(s share) bool {
		return s.operation == create || s.operation == update || s.operation == remove
	})
}

// syncs reports whether the scenario has calls that need a sync token.
func (s scenario) syncs() bool {
	return slices.ContainsFunc(s.shares, func(s share) bool { return s.operation == syncing })
}

// deletes returns how many of a hundred calls delete a todo.
func (s scenario) deletes() int {
	for _, s := range s.shares {
		if s.operation == remove {
			return s.percent
		}
	}
	return 0
}

// pick returns the operation of a number from 0 to 99.
func (s scenario) pick(n int) operation {
	for _, s := range s.shares {
		if n -= s.percent; n < 0 {
			return s.operation
		}
	}
	panic("the shares of scenario " + s.name + " are less than a hundred")
}
