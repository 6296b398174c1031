package todo

// Field names a field of a request, as the contract does.
type Field string

// The fields of a [FieldError].
const (
	FieldDueTime     Field = "due_time"
	FieldDueTimeZone Field = "due_time_zone"
	FieldTimeZone    Field = "time_zone"
	FieldAddTags     Field = "add_tags"
	FieldSearch      Field = "search"
)

// FieldError is an [ErrInvalid] that only the domain can find: no rule of the contract
// knows the time zones, the words of a search, or the todo that is to be changed.
type FieldError struct {
	Field Field
	Rule  string // Tells the rules apart: a program may compare it.
	Fault string // What is wrong, for a person to read.
}

// Error implements the error interface, in the words of the contract's rules.
func (e *FieldError) Error() string {
	return "validation error: " + string(e.Field) + ": " + e.Fault
}

// Is makes a FieldError an ErrInvalid.
func (e *FieldError) Is(target error) bool { return target == ErrInvalid }

// UnknownZone returns the error for a field with a text that names no time zone.
func UnknownZone(field Field) *FieldError {
	return &FieldError{Field: field, Rule: "zone_name.known", Fault: ErrZone.Error()}
}

// UnknownZoneOfTodo returns the error for a part of a due date whose zone, which the todo has
// already, is none that this machine knows.
func UnknownZoneOfTodo() *FieldError {
	return &FieldError{
		Field: FieldDueTimeZone, Rule: "due_time_zone.known",
		Fault: "the todo has a zone that this server does not know; send a dueTimeZone too",
	}
}

// TooManyWords returns the error for a search of more than [MaxSearchWords].
func TooManyWords() *FieldError {
	return &FieldError{Field: FieldSearch, Rule: "search.max_words", Fault: "must have at most 8 words"}
}
