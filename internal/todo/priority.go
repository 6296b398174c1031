package todo

// Priority says how important a todo is. The numbers are in the database.
type Priority int32

// The priorities, the least first.
const (
	NoPriority Priority = iota
	LowPriority
	MediumPriority
	HighPriority
)
