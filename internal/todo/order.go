package todo

// Order is the order of a list.
type Order int

// The orders. Todos with the same place are in the order of their ids.
const (
	ByCreation Order = iota // Newest first.
	ByDue                   // Earliest first, those of no particular time after all times of their day, those without a due date last.
	ByPriority              // Highest first, then newest.
	ByPosition              // By hand.
	ByUpdate                // Changed last first.
)
