package todo

import (
	"encoding/binary"
	"encoding/hex"
	"strings"
	"time"
)

// PositionLength is the length of a position that follows from a time of creation.
const PositionLength = 15

// AppendPosition appends the todo's place in an order by hand: the key that was given, or
// else one that follows from the time of creation, later ones first.
//
// Keys are those of the npm package fractional-indexing in base 62. "M" begins a whole
// number of 14 digits, which are hexadecimal ones here: how many microseconds the time is
// before the last that 56 bits have.
func (t Todo) AppendPosition(dst []byte) []byte {
	if t.Position != "" {
		return append(dst, t.Position...)
	}
	const last = 1<<56 - 1
	var left [8]byte
	binary.BigEndian.PutUint64(left[:], uint64(min(max(last-unixMicro(t.CreatedAt), 0), last)))
	return hex.AppendEncode(append(dst, 'M'), left[1:])
}

// IsPosition reports whether a text is such a key, as the contract has it for callers: its
// first letter says how many digits its whole number has, and a fraction may follow.
func IsPosition(text string) bool {
	const (
		digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		least  = "A00000000000000000000000000" // There is no key before it.
	)
	if text == "" || len(text) > 255 || text[0] < 'A' || text == least || strings.Trim(text, digits) != "" {
		return false
	}
	whole := 2 + max(int(text[0])-'a', 'Z'-int(text[0])) // a and Z have one digit, b and Y two.
	return len(text) == whole || len(text) > whole && text[len(text)-1] != '0'
}

// unixMicro returns a time in microseconds of Unix time, which must not overflow when it
// is subtracted: times of years that rows of other programs may have come before 0.
func unixMicro(t time.Time) int64 { return max(t.UnixMicro(), -1<<56) }
