package todo

// Priority says how important a todo is. The numbers are in the database.
type Priority int16

// The priorities, the least first.
const (
	NoPriority Priority = iota
	LowPriority
	MediumPriority
	HighPriority
)
