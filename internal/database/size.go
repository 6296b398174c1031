package database

const (
	// A batch is full when it has so many statements, rows that may come back, or
	// bytes to send. That bounds its time in the database, to some 5 ms, and its
	// results in memory.
	fullBatch      = 256
	fullBatchRows  = 800
	fullBatchBytes = 256 << 10

	// maxRows is the most rows of a statement that is batched.
	maxRows = 500

	// scanRows is what a scan counts at least, so that 8 make a full batch: of users
	// with 10,000 todos each that takes about 0.1 s. A batch of 16 was late, and so in
	// vain, on a busy machine.
	scanRows = fullBatchRows / 8
)

// size is how much statements send and receive.
type size struct{ statements, rows, bytes int }

// sizeOf returns about the size of a statement.
func sizeOf(s *Statement) size {
	bytes := 0
	for _, arg := range s.Args {
		switch text := arg.(type) {
		case string:
			bytes += len(text)
		case *string:
			if text != nil {
				bytes += len(*text)
			}
		}
	}
	rows := max(1, s.MaxRows)
	if s.IsScan {
		rows = max(scanRows, rows)
	}
	return size{statements: 1, rows: rows, bytes: bytes}
}

func (s *size) add(other size) {
	s.statements += other.statements
	s.rows += other.rows
	s.bytes += other.bytes
}

func (s *size) remove(other size) {
	s.statements -= other.statements
	s.rows -= other.rows
	s.bytes -= other.bytes
}

// isFull reports whether a batch of that size takes no more.
func (s *size) isFull() bool {
	return s.statements >= fullBatch || s.rows >= fullBatchRows || s.bytes >= fullBatchBytes
}
